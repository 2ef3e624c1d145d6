import { deletedMax } from './disk-row.ts';

/**
 * Names of disks that were deleted, so that a request to make one which was asked for before, and comes late, makes nothing
 * that nobody knows of. Beyond `deletedMax` the oldest is forgotten: what was on its way by then has long ended.
 */
export class DeletedNames {
  /** In the order of their deletion, which the journal keeps. */
  readonly #names = new Set<string>();

  get names(): readonly string[] {
    return [...this.#names];
  }

  has(disk: string): boolean {
    return this.#names.has(disk);
  }

  add(disk: string): void {
    this.#names.add(disk);
    if (this.#names.size <= deletedMax) return;
    for (const oldest of this.#names) {
      this.#names.delete(oldest);
      return;
    }
  }
}
