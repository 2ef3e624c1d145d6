import { MemorySegments } from '../../../core/storage/memory-segments.ts';

/** Segment files in memory whose syncs end when the test says so; what happens is written down in `log`. */
export class HeldSegments extends MemorySegments {
  readonly log: string[] = [];
  #onEnd: ((failure: string | undefined) => void) | undefined;

  get syncing(): boolean {
    return this.#onEnd !== undefined;
  }

  override append(file: string, bytes: Uint8Array): void {
    this.log.push(`append ${file}`);
    super.append(file, bytes);
  }

  override sync(onEnd: (failure: string | undefined) => void): void {
    if (this.syncing) throw new Error('two rounds overlap');
    this.log.push('sync');
    this.#onEnd = onEnd;
  }

  override cut(file: string, lengthBytes: number): void {
    this.log.push(`cut ${file} to ${lengthBytes}`);
    if (lengthBytes === 0) super.remove(file);
    else super.truncate(file, lengthBytes);
  }

  override remove(file: string): void {
    this.log.push(`remove ${file}`);
    super.remove(file);
  }

  endSync(failure?: string): void {
    const onEnd = this.#onEnd;
    if (onEnd === undefined) throw new Error('no sync is under way');
    this.log.push(failure === undefined ? 'synced' : `failed: ${failure}`);
    this.#onEnd = undefined;
    onEnd(failure);
  }
}
