import { type Links, passSet, type StateForm } from '../../base/capture.ts';
import { blankWatch, type Watch } from './stream.ts';

/** Idle watches are looked at so often in the time after which they are told of progress. */
const checksPerInterval = 4;

/** Watches that want to know of progress, in the order in which they are looked at. */
export class IdleWatches {
  readonly #checkEveryUs: number;
  readonly #watches = new Set<Watch>();

  constructor(progressIntervalUs: number) {
    this.#checkEveryUs = Math.ceil(progressIntervalUs / checksPerInterval);
  }

  /** When one is to be looked at. */
  get dueUs(): number {
    for (const { checkUs } of this.#watches) return checkUs;
    return Infinity;
  }

  /** The same time for all, so that who is looked at first stands first. */
  checkLater(watch: Watch, nowUs: number): void {
    watch.checkUs = nowUs + this.#checkEveryUs;
    this.#watches.delete(watch);
    this.#watches.add(watch);
  }

  delete(watch: Watch): void {
    this.#watches.delete(watch);
  }

  /** Those that are due, first come first; the caller has each checked later. */
  *due(nowUs: number, watchesMax: number): Iterable<Watch> {
    let left = watchesMax;
    for (const watch of this.#watches) {
      if (watch.checkUs > nowUs || left === 0) return;
      left -= 1;
      yield watch;
    }
  }

  passState(form: StateForm, watches: Links<Watch>): void {
    passSet(form, 'watches', this.#watches, blankWatch, watches.each);
  }
}
