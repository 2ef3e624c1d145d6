import { type Links, type StateForm } from '../../base/capture.ts';
import { OrderedMap } from '../../base/ordered-map.ts';
import { revisionKey } from '../mvcc/keys.ts';
import { blankWatch, type Watch } from './stream.ts';

/** Watches that begin later than now, by the revision at which they do, and of one revision in the order in which they came. */
export class FutureWatches {
  readonly #watches = new OrderedMap<Watch>();
  #seq = 0;

  add(watch: Watch): void {
    this.#seq += 1;
    watch.futureKey = revisionKey(watch.next, 0) + revisionKey(this.#seq, 0);
    this.#watches.set(watch.futureKey, watch);
  }

  delete(watch: Watch): void {
    this.#watches.delete(watch.futureKey);
  }

  /** Takes out the first of those that begin by this revision; undefined: none does. */
  takeDue(revision: number): Watch | undefined {
    const [key, watch] = this.#watches.first() ?? [];
    if (key === undefined || watch === undefined || watch.next > revision) return undefined;
    this.#watches.delete(key);
    return watch;
  }

  passWatches(form: StateForm, watches: Links<Watch>): void {
    const now = [...this.#watches.range({ from: '' })].map(([, watch]) => watch);
    const passed = form.list('future', now, blankWatch, watches.each);
    if (!form.restores) return;
    for (const watch of passed) this.#watches.set(watch.futureKey, watch);
  }

  passSeq(form: StateForm): void {
    this.#seq = form.number('futureSeq', this.#seq);
  }
}
