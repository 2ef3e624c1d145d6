import { type SegmentCut } from '../../base/effects.ts';
import { type Durability } from './durability.ts';

/**
 * Files that go once some write is durable. They are cut by the log itself rather than removed behind a later sync, so that no
 * file that is made anew under the name of one that left can be taken for it. Bounded by the files of the log.
 */
export class LeavingFiles {
  readonly #durability: Durability;
  /** In the order in which they were given up; writes never fall. */
  #groups: { readonly write: number; readonly cuts: readonly SegmentCut[] }[] = [];

  constructor(durability: Durability) {
    this.#durability = durability;
  }

  /** Some may go now. */
  get areReady(): boolean {
    const first = this.#groups[0];
    return first !== undefined && this.#durability.isDurable(first.write);
  }

  /** They go when everything is durable that was given out so far, in this order. */
  add(files: readonly string[]): void {
    if (files.length > 0) this.#groups.push({ write: this.#durability.lastWrite, cuts: files.map(goneFile) });
  }

  takeReady(): readonly SegmentCut[] {
    const cuts: SegmentCut[] = [];
    while (this.areReady) cuts.push(...(this.#groups.shift()?.cuts ?? []));
    return cuts;
  }

  takeAll(): readonly SegmentCut[] {
    const cuts = this.#groups.flatMap((group) => group.cuts);
    this.#groups = [];
    return cuts;
  }
}

export function goneFile(file: string): SegmentCut {
  return { file, lengthBytes: 0 };
}
