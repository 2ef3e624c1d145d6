import { MemorySegments } from '../../../../core/storage/memory-segments.ts';

/** Segment files in memory of which a crash keeps what was synced, and of the rest as much as somebody chooses. */
export class LosingSegments extends MemorySegments {
  #synced = new Map<string, number>();

  override sync(onEnd: (failure: string | undefined) => void): void {
    this.#synced = new Map(this.list('').map(({ file, lengthBytes }) => [file, lengthBytes]));
    super.sync(onEnd);
  }

  override cut(file: string, lengthBytes: number): void {
    super.cut(file, lengthBytes);
    // Durable on return, with everything that is left.
    if (lengthBytes === 0) this.#synced.delete(file);
    else this.#synced.set(file, lengthBytes);
  }

  override truncate(file: string, lengthBytes: number): void {
    super.truncate(file, lengthBytes);
    this.#synced.set(file, lengthBytes);
  }

  override remove(file: string): void {
    super.remove(file);
    this.#synced.delete(file);
  }

  /** @param keptOf how many of a file's bytes that were never synced are on the disk by chance */
  crash(keptOf: (unsyncedBytes: number) => number): void {
    for (const { file, lengthBytes } of this.list('')) {
      const synced = this.#synced.get(file) ?? 0;
      const left = synced + keptOf(lengthBytes - synced);
      if (left === 0) this.remove(file);
      else this.truncate(file, left);
    }
  }
}
