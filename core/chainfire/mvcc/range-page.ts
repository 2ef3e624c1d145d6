import { type KeyValue, type RangeRequest, type RangeResponse, sortOrders } from '../api/kv.ts';
import { type KeyRange, keyRange } from './key-range.ts';
import { type Mvcc } from './mvcc.ts';
import { behind, countAtOnce, passesFilters, recordsAt, withoutValue } from './range.ts';
import { decodeRecord } from './record.ts';

/** A part of a range that is in key order: what one step looks at. */
export interface RangePage {
  /** About how many bytes are looked at; one record is, whatever its size. */
  readonly bytesMax: number;
  /** Where the page before ended; undefined: at the beginning. */
  readonly at: RangePlace | undefined;
}

/** Where a page has ended. */
export interface RangePlace {
  /** What all pages show. */
  readonly revision: number;
  /** The first key that was not looked at; a range that is read backwards goes on with it too. */
  readonly next: string;
  /** How many of the range were given. */
  readonly found: number;
  /** The limit has cut something off: from here on they are only counted. */
  readonly more: boolean;
}

export interface EvaluatedPage {
  /** `kvs` and `count` are of this page alone, `more` of all so far. */
  readonly response: RangeResponse;
  /** Undefined: this was the last. */
  readonly next: RangePlace | undefined;
}

/** Looking at a record costs about as much as copying so many bytes; counting one in `index`, about so many. */
const recordOverheadBytes = 128;
const countedBytes = 64;

/**
 * The next page of a range whose revision was checked. All pages together are what `evaluateRange` answers; each is evaluated
 * by itself, so that nothing is held between two of them but their place.
 *
 * @param request in key order, ascending or descending
 */
export function evaluatePage(mvcc: Mvcc, request: RangeRequest, page: RangePage): EvaluatedPage {
  const header = { clusterId: 0n, memberId: 0n, revision: mvcc.revision, raftTerm: 0 };
  const { at, bytesMax } = page;
  const reverse = request.sortOrder === sortOrders.descend;
  const revision = at?.revision ?? (request.revision === 0 ? mvcc.revision : request.revision);
  const range = from(keyRange(request.key, request.rangeEnd), at, reverse);
  const kvs: KeyValue[] = [];
  const before = at?.found ?? 0;
  let more = at?.more ?? false;
  let count = 0;
  let bytes = 0;
  const whole = (): EvaluatedPage => ({ response: { header, kvs, more, count }, next: undefined });
  if (request.countOnly || more) {
    const counted = countAtOnce(mvcc, range, revision);
    if (counted !== undefined) {
      count = counted;
      return whole();
    }
  }
  for (const [key, place] of recordsAt(mvcc, range, revision, reverse)) {
    if (bytes >= bytesMax) {
      const next = { revision, next: key, found: before + kvs.length, more };
      return { response: { header, kvs, more, count }, next };
    }
    count += 1;
    if (request.countOnly || more) {
      bytes += countedBytes;
      continue;
    }
    const record = mvcc.record(place);
    bytes += recordOverheadBytes + record.length;
    const kv = decodeRecord(record);
    if (!passesFilters(kv, request)) continue;
    if (request.limit === 0 || before + kvs.length < request.limit) {
      kvs.push(request.keysOnly ? withoutValue(kv) : kv);
      continue;
    }
    more = true;
    const rest = countAtOnce(mvcc, behind(range, key, reverse), revision);
    if (rest === undefined) continue;
    count += rest;
    return whole();
  }
  return whole();
}

function from(range: KeyRange, at: RangePlace | undefined, reverse: boolean): KeyRange {
  if (at === undefined || range.single) return range;
  return reverse ? { ...range, to: `${at.next}\x00` } : { ...range, from: at.next };
}
