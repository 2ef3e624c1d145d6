import { concatBytes } from '../../../core/base/bytes.ts';
import { type Prng } from '../../../core/base/prng.ts';
import { type SegmentAppend } from '../../../core/base/effects.ts';
import { type SegmentFile, type SegmentRepair } from '../../../core/storage/segment-files.ts';

/** Segment files with a memory of what is durable: a crash keeps it, and some first part of what was not. */
export class CrashSegments implements SegmentRepair {
  readonly #files = new Map<string, { bytes: Uint8Array; durableBytes: number }>();

  list(prefix: string): readonly SegmentFile[] {
    return [...this.#files]
      .filter(([file]) => file.startsWith(prefix))
      .map(([file, { bytes }]) => ({ file, lengthBytes: bytes.length }))
      .sort((left, right) => (left.file < right.file ? -1 : 1));
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    return (
      this.#files.get(file)?.bytes.slice(positionBytes, positionBytes + lengthBytes) ?? new Uint8Array(0)
    );
  }

  truncate(file: string, lengthBytes: number): void {
    const content = this.#files.get(file);
    if (content === undefined) throw new Error(`no file ${file}`);
    content.bytes = content.bytes.slice(0, lengthBytes);
    content.durableBytes = lengthBytes;
  }

  remove(file: string): void {
    this.#files.delete(file);
  }

  append({ file, bytes }: SegmentAppend): void {
    const content = this.#files.get(file) ?? { bytes: new Uint8Array(0), durableBytes: 0 };
    content.bytes = concatBytes([content.bytes, bytes]);
    this.#files.set(file, content);
  }

  sync(): void {
    for (const content of this.#files.values()) content.durableBytes = content.bytes.length;
  }

  /** What is not durable is lost, up to a part from its beginning; without a generator, all of it. */
  crash(prng?: Prng): void {
    let keeps = true;
    for (const [file, content] of [...this.#files].sort((left, right) => (left[0] < right[0] ? -1 : 1))) {
      const pending = content.bytes.length - content.durableBytes;
      const kept = keeps && prng !== undefined && pending > 0 ? prng.below(pending + 1) : 0;
      if (kept < pending) keeps = false;
      content.bytes = content.bytes.slice(0, content.durableBytes + kept);
      content.durableBytes = content.bytes.length;
      if (content.bytes.length === 0) this.#files.delete(file);
    }
  }

  /** Turns over a bit of what is durable. */
  damage(file: string, positionBytes: number): void {
    const content = this.#files.get(file);
    if (content === undefined || positionBytes >= content.bytes.length)
      throw new Error('nothing there to damage');
    content.bytes = Uint8Array.from(content.bytes);
    content.bytes[positionBytes] = (content.bytes[positionBytes] as number) ^ 0x10;
  }
}
