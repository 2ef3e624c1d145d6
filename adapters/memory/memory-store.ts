import { type StoreView, type StoreWrite } from '../../core/storage/backend.ts';
import { MemoryBackend } from '../../core/storage/memory-backend.ts';
import { type DurableStore } from '../runner/ports.ts';

/**
 * The ordered store of a member that keeps nothing: every row is in memory, and gone with the process. Whatever is written is
 * as durable as it will ever be, and reported as that in a later turn.
 */
export class MemoryStore extends MemoryBackend implements DurableStore {
  onStored: (storeSeq: number) => void = () => undefined;
  /** Memory does not fail one write at a time. */
  onFailed: (reason: Error) => void = () => undefined;
  #writtenSeq = 0;
  #reportedSeq = 0;
  #due: NodeJS.Immediate | undefined;

  override write(batch: readonly StoreWrite[]): number {
    this.#writtenSeq = super.write(batch);
    this.#due ??= setImmediate(() => this.#report());
    return this.#writtenSeq;
  }

  openReadView(): StoreView {
    return this.view(this.openView());
  }

  committedRows(): number {
    return this.tables.reduce((rows, table) => rows + this.count(table, { from: '' }), 0);
  }

  /** There are no holes to close. */
  defragment(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#report();
    return Promise.resolve();
  }

  #report(): void {
    clearImmediate(this.#due);
    this.#due = undefined;
    if (this.#reportedSeq === this.#writtenSeq) return;
    this.#reportedSeq = this.#writtenSeq;
    this.onStored(this.#writtenSeq);
  }
}
