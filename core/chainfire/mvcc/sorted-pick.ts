import { compareBytes, compareKeys } from '../../base/bytes.ts';
import { type KeyValue, type RangeRequest, sortOrders, sortTargets } from '../api/kv.ts';

/**
 * What has to be read in key order, for a request that sorts by something else. As in etcd: with no order given, what the limit
 * cuts off is cut off before it is sorted, but for one record, unless a filter asks for all to be read.
 */
export function inKeyOrder(request: RangeRequest): RangeRequest {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  const filters = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision];
  const isFiltered = filters.some((bound) => bound !== 0);
  const cutsFirst = request.sortOrder === sortOrders.none && !isFiltered && request.limit > 0;
  return {
    ...request,
    limit: cutsFirst ? request.limit + 1 : 0,
    sortTarget: sortTargets.key,
    sortOrder: sortOrders.none,
    // Values are what it may be sorted by.
    keysOnly: request.keysOnly && request.sortTarget !== sortTargets.value,
  };
}

/** Below this many spare records a cut is not worth its sort. */
const sparesMin = 1_024;

/**
 * Sorts what comes in key order by what a request asks for; equal values stay in key order. With a limit, never more than about
 * twice the limit is held.
 */
export class SortedPick {
  readonly #compare: (left: KeyValue, right: KeyValue) => number;
  readonly #limit: number;
  readonly #holdMax: number;
  #kvs: KeyValue[] = [];
  #added = 0;

  constructor(request: RangeRequest) {
    const { limit } = request;
    this.#compare = comparator(request);
    this.#limit = limit;
    this.#holdMax = limit > 0 ? limit + Math.max(limit, sparesMin) : Infinity;
  }

  add(kv: KeyValue): void {
    this.#added += 1;
    this.#kvs.push(kv);
    if (this.#kvs.length >= this.#holdMax) this.#kvs = this.#kvs.sort(this.#compare).slice(0, this.#limit);
  }

  finish(): { readonly kvs: readonly KeyValue[]; readonly more: boolean } {
    this.#kvs.sort(this.#compare);
    const more = this.#limit > 0 && this.#added > this.#limit;
    return { kvs: more ? this.#kvs.slice(0, this.#limit) : this.#kvs, more };
  }
}

function comparator(request: RangeRequest): (left: KeyValue, right: KeyValue) => number {
  const by = targetComparator(request.sortTarget);
  const sign = request.sortOrder === sortOrders.descend ? -1 : 1;
  return (left, right) => sign * by(left, right) || compareKeys(left.key, right.key);
}

function targetComparator(target: number): (left: KeyValue, right: KeyValue) => number {
  switch (target) {
    case sortTargets.version:
      return (left, right) => left.version - right.version;
    case sortTargets.create:
      return (left, right) => left.createRevision - right.createRevision;
    case sortTargets.mod:
      return (left, right) => left.modRevision - right.modRevision;
    case sortTargets.value:
      return (left, right) => compareBytes(left.value, right.value);
    default:
      return (left, right) => compareKeys(left.key, right.key);
  }
}
