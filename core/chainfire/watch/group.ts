import { assert } from '../../base/assert.ts';
import { type KeyRange } from '../mvcc/key-range.ts';
import { type Watch, WatchBucket, wantsCombinations } from './stream.ts';

/** The watches of a cohort that watch the same keys. An event finds the group; how many are in it does not matter then. */
export class WatchGroup {
  readonly range: KeyRange;
  readonly #byWants = new Array<WatchBucket | undefined>(wantsCombinations).fill(undefined);
  /** Those that are not empty. */
  readonly buckets: WatchBucket[] = [];

  constructor(range: KeyRange) {
    this.range = range;
  }

  get isEmpty(): boolean {
    return this.buckets.length === 0;
  }

  add(watch: Watch): void {
    let bucket = this.#byWants[watch.wants];
    if (bucket === undefined) {
      bucket = new WatchBucket(watch.wants);
      this.#byWants[watch.wants] = bucket;
    }
    if (bucket.watches.length === 0) this.buckets.push(bucket);
    watch.bucket = bucket;
    watch.bucketAt = bucket.watches.length;
    bucket.watches.push(watch);
  }

  /** The last watch of the bucket takes the place of the one that leaves. */
  remove(watch: Watch): void {
    const { bucket, bucketAt } = watch;
    assert(bucket?.watches[bucketAt] === watch, 'a watch is where it says it is');
    const last = bucket.watches.pop() as Watch;
    if (last !== watch) {
      bucket.watches[bucketAt] = last;
      last.bucketAt = bucketAt;
    }
    watch.bucket = undefined;
    if (bucket.watches.length === 0) this.buckets.splice(this.buckets.indexOf(bucket), 1);
  }
}
