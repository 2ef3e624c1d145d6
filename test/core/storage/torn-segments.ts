import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { type SegmentFile, type SegmentFiles } from '../../../core/storage/segment-files.ts';

const sectorBytes = 512;

/** Draws for a crash: a number in [0, bound). */
export type Draw = (bound: number) => number;

/**
 * Segment files that crash as disks do: what was synced stays; of the rest, each sector of 512 bytes reached the disk or
 * did not, the length may be anything from the synced one up, and a file whose entry was not synced may be missing.
 */
export class TornSegments implements SegmentFiles {
  #files = new MemorySegments();
  /** Durable length by file; a file that is not in here has no durable entry. */
  readonly #durable = new Map<string, number>();

  list(prefix: string): readonly SegmentFile[] {
    return this.#files.list(prefix);
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    return this.#files.read(file, positionBytes, lengthBytes);
  }

  append(file: string, bytes: Uint8Array): void {
    this.#files.append(file, bytes);
  }

  sync(onEnd: (failure: string | undefined) => void): void {
    for (const { file, lengthBytes } of this.#files.list('')) this.#durable.set(file, lengthBytes);
    onEnd(undefined);
  }

  cut(file: string, lengthBytes: number): void {
    this.#files.cut(file, lengthBytes);
    const durable = this.#durable.get(file);
    if (lengthBytes === 0) this.#durable.delete(file);
    else if (durable !== undefined) this.#durable.set(file, Math.min(durable, lengthBytes));
  }

  truncate(file: string, lengthBytes: number): void {
    this.#files.truncate(file, lengthBytes);
    this.#durable.set(file, lengthBytes);
  }

  remove(file: string): void {
    this.#files.remove(file);
    this.#durable.delete(file);
  }

  /** The machine loses its power. */
  crash(draw: Draw): void {
    const after = new MemorySegments();
    for (const { file, lengthBytes } of this.#files.list('')) {
      const durable = this.#durable.get(file);
      if (durable === undefined && draw(4) === 0) continue;
      const content = this.#files.read(file, 0, lengthBytes).slice();
      const unsynced = lengthBytes - (durable ?? 0);
      const length = lengthBytes - (draw(3) === 0 ? draw(unsynced + 1) : 0);
      for (let at = durable ?? 0; at < length; at = sectorEnd(at)) {
        if (draw(3) === 0) content.fill(0, at, sectorEnd(at));
      }
      after.append(file, content.subarray(0, length));
      this.#durable.set(file, length);
    }
    this.#files = after;
  }

  /** Replaces a file's bytes behind everybody's back; what was not synced still is not. */
  damage(file: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const [found] = this.#files.list(file);
    const content = change(this.#files.read(file, 0, found?.lengthBytes ?? 0).slice());
    this.#files.remove(file);
    this.#files.append(file, content);
    const durable = this.#durable.get(file);
    if (durable !== undefined) this.#durable.set(file, Math.min(durable, content.length));
  }
}

function sectorEnd(at: number): number {
  return (Math.floor(at / sectorBytes) + 1) * sectorBytes;
}
