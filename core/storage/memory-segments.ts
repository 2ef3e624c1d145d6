import { assert, present } from '../base/assert.ts';
import { compareKeys, noBytes } from '../base/bytes.ts';
import { type SegmentFile, type SegmentFiles } from './segment-files.ts';
import { checkSegmentName } from './segment-name.ts';

/** Segment files that live as long as the object: for tests, and for a member that is told to keep nothing. */
export class MemorySegments implements SegmentFiles {
  readonly #files = new Map<string, GrowingBytes>();

  list(prefix: string): readonly SegmentFile[] {
    const found: SegmentFile[] = [];
    for (const [file, bytes] of this.#files) {
      if (file.startsWith(prefix)) found.push({ file, lengthBytes: bytes.lengthBytes });
    }
    return found.sort((left, right) => compareKeys(left.file, right.file));
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    checkSegmentName(file);
    return this.#files.get(file)?.read(positionBytes, lengthBytes) ?? noBytes;
  }

  append(file: string, bytes: Uint8Array): void {
    checkSegmentName(file);
    let content = this.#files.get(file);
    if (content === undefined) {
      content = new GrowingBytes();
      this.#files.set(file, content);
    }
    content.append(bytes);
  }

  /** Calls back before it returns: memory is as durable as it will ever be. */
  sync(onEnd: (failure: string | undefined) => void): void {
    onEnd(undefined);
  }

  cut(file: string, lengthBytes: number): void {
    if (lengthBytes === 0) this.remove(file);
    else this.truncate(file, lengthBytes);
  }

  truncate(file: string, lengthBytes: number): void {
    checkSegmentName(file);
    present(this.#files.get(file), `only a file that exists is cut: ${file}`).truncate(lengthBytes);
  }

  remove(file: string): void {
    checkSegmentName(file);
    this.#files.delete(file);
  }
}

const firstCapacityBytes = 4_096;

/** Bytes that grow at the end. A part once read never changes: a cut leaves the old array to its readers. */
class GrowingBytes {
  #bytes = new Uint8Array(firstCapacityBytes);
  #lengthBytes = 0;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  append(bytes: Uint8Array): void {
    const lengthBytes = this.#lengthBytes + bytes.length;
    if (lengthBytes > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(lengthBytes, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#lengthBytes));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#lengthBytes);
    this.#lengthBytes = lengthBytes;
  }

  read(positionBytes: number, lengthBytes: number): Uint8Array {
    const end = Math.min(positionBytes + lengthBytes, this.#lengthBytes);
    return this.#bytes.subarray(Math.min(positionBytes, end), end);
  }

  truncate(lengthBytes: number): void {
    assert(lengthBytes <= this.#lengthBytes, 'a cut never lengthens a file');
    this.#bytes = this.#bytes.slice(0, Math.max(lengthBytes, 1));
    this.#lengthBytes = lengthBytes;
  }
}
