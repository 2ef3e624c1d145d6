import { noBytes } from '../../base/bytes.ts';
import { type KeyValue, type RangeRequest, type RangeResponse, sortOrders, sortTargets } from '../api/kv.ts';
import { type KeyRange, keyRange } from './key-range.ts';
import { countAt } from './count-at.ts';
import { type Mvcc, type RecordAt } from './mvcc.ts';
import { keyOfIndexKey, revisionOfIndexKey } from './keys.ts';
import { decodeRecord } from './record.ts';
import { inKeyOrder, SortedPick } from './sorted-pick.ts';

export type RangeRefusalCode = 'COMPACTED' | 'FUTURE_REVISION';

/**
 * Whether a revision can be read.
 *
 * @param revision 0 for the newest
 */
export function checkRevision(
  mvcc: Pick<Mvcc, 'revision' | 'compactRevision'>,
  revision: number,
): RangeRefusalCode | undefined {
  if (revision === 0) return undefined;
  if (revision > mvcc.revision) return 'FUTURE_REVISION';
  if (revision < mvcc.compactRevision) return 'COMPACTED';
  return undefined;
}

/**
 * Answers a range request whose revision was checked. The header names the newest revision only; whoever answers a client
 * completes it.
 *
 * As in etcd: `count` is that of the whole range whatever the limit and the revision filters; `more` says that the limit
 * cut something off; a sort target without an order sorts ascending; sorting comes before the limit (but see `inKeyOrder`),
 * leaving out values after both. Equal sort values stay in key order.
 */
export function evaluateRange(mvcc: Mvcc, request: RangeRequest): RangeResponse {
  const header = { clusterId: 0n, memberId: 0n, revision: mvcc.revision, raftTerm: 0 };
  const range = keyRange(request.key, request.rangeEnd);
  if (request.countOnly) {
    return { header, kvs: [], more: false, count: countRecords(mvcc, range, request.revision) };
  }
  const picked = isInKeyOrder(request) ? pickInOrder(mvcc, range, request) : pickSorted(mvcc, range, request);
  const kvs = request.keysOnly ? picked.kvs.map(withoutValue) : picked.kvs;
  return { header, kvs, more: picked.more, count: picked.count };
}

function countRecords(mvcc: Mvcc, range: KeyRange, revision: number): number {
  const counted = countAtOnce(mvcc, range, revision);
  if (counted !== undefined) return counted;
  const records = mvcc.rowsAt(range, revision, false)[Symbol.iterator]();
  let count = 0;
  while (records.next().done !== true) count += 1;
  return count;
}

/** Where nothing has to be walked along; undefined where it has. */
export function countAtOnce(mvcc: Mvcc, range: KeyRange, revision: number): number | undefined {
  return isNewest(mvcc, revision) ? mvcc.count(range) : countAt(mvcc, range, revision);
}

interface Picked {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

/** Keys that made up the range at a revision (0: the newest), and where their records lie; lazily. */
export function* recordsAt(
  mvcc: Mvcc,
  range: KeyRange,
  revision: number,
  reverse: boolean,
): Iterable<readonly [key: string, at: RecordAt]> {
  // The newest revision needs no index: `current` holds it. Inside a transaction it is the transaction's own.
  if (isNewest(mvcc, revision)) {
    yield* mvcc.rows(range, reverse);
  } else {
    for (const index of mvcc.rowsAt(range, revision, reverse)) {
      yield [keyOfIndexKey(index), revisionOfIndexKey(index)];
    }
  }
}

export function isNewest(mvcc: Mvcc, revision: number): boolean {
  return revision === 0 || revision === mvcc.revision;
}

export function isInKeyOrder(request: RangeRequest): boolean {
  return request.sortTarget === sortTargets.key;
}

/** Key order, either way: what the limit cuts off is counted, never read, but for the record that shows that it does. */
function pickInOrder(mvcc: Mvcc, range: KeyRange, request: RangeRequest): Picked {
  const kvs: KeyValue[] = [];
  let count = 0;
  let more = false;
  const reverse = request.sortOrder === sortOrders.descend;
  for (const [, at] of recordsAt(mvcc, range, request.revision, reverse)) {
    count += 1;
    if (more) continue;
    const kv = decodeRecord(mvcc.record(at));
    if (!passesFilters(kv, request)) continue;
    if (request.limit === 0 || kvs.length < request.limit) {
      kvs.push(kv);
      continue;
    }
    more = true;
    const rest = countAtOnce(mvcc, behind(range, kv.key, reverse), request.revision);
    if (rest === undefined) continue;
    count += rest;
    break;
  }
  return { kvs, more, count };
}

/** What is left of a range behind a key of it. */
export function behind(range: KeyRange, key: string, reverse: boolean): KeyRange {
  return reverse
    ? { from: range.from, to: key, single: false }
    : { from: `${key}\x00`, to: range.to, single: false };
}

/** By another target than the key. */
function pickSorted(mvcc: Mvcc, range: KeyRange, request: RangeRequest): Picked {
  const sorted = new SortedPick(request);
  const unsorted = inKeyOrder(request);
  let count = 0;
  if (unsorted.limit > 0) {
    const first = pickInOrder(mvcc, range, unsorted);
    for (const kv of first.kvs) sorted.add(kv);
    return { ...sorted.finish(), count: first.count };
  }
  for (const [, at] of recordsAt(mvcc, range, request.revision, false)) {
    count += 1;
    const kv = decodeRecord(mvcc.record(at));
    if (passesFilters(kv, request)) sorted.add(kv);
  }
  return { ...sorted.finish(), count };
}

/** Zero means no bound. */
export function passesFilters(kv: KeyValue, request: RangeRequest): boolean {
  return (
    (request.maxModRevision === 0 || kv.modRevision <= request.maxModRevision) &&
    (request.minModRevision === 0 || kv.modRevision >= request.minModRevision) &&
    (request.maxCreateRevision === 0 || kv.createRevision <= request.maxCreateRevision) &&
    (request.minCreateRevision === 0 || kv.createRevision >= request.minCreateRevision)
  );
}

export function withoutValue(kv: KeyValue): KeyValue {
  return {
    key: kv.key,
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
    version: kv.version,
    value: noBytes,
    lease: kv.lease,
  };
}
