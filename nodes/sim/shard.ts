/** `last` is Infinity for an open range. */
export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

/** One machine's share of the seeds, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Seeds are dealt out like cards: between them the shards have every seed once, and neighbours are on different machines. */
export function* seedsOf(range: SeedRange, shard: Shard | undefined): Generator<number, undefined> {
  const { index, count } = shard ?? { index: 1, count: 1 };
  const wanted = index % count;
  const first = range.first + ((wanted - (range.first % count) + count) % count);
  for (let seed = first; seed <= range.last; seed += count) yield seed;
}
