import { RangeRequest, type RangeResponse } from '../../core/chainfire/api/kv.ts';
import { fromKeyEnd, prefixEnd } from '../../core/chainfire/client/key-prefix.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { type Bytes, keyOf } from './bytes.ts';
import { type Caller, type Deadline } from './calls.ts';
import { Entry } from './entry.ts';

/** How new the answer to a read must be: see the guide. */
export type Consistency = 'linearizable' | 'serializable' | 'local';

export interface ReadOptions extends Deadline {
  /** As of this revision; absent: now. */
  readonly revision?: number;
  /** Default: linearizable. */
  readonly consistency?: Consistency;
}

export interface KeyRange {
  readonly key: string;
  readonly rangeEnd: string;
}

/** The empty prefix is every key. */
export function prefixRange(prefix: Bytes): KeyRange {
  const key = keyOf(prefix);
  return key === '' ? { key: '\0', rangeEnd: fromKeyEnd } : { key, rangeEnd: prefixEnd(key) };
}

/** From `from` on, before `to`. */
export function rangeBetween(from: Bytes, to: Bytes): KeyRange {
  return { key: keyOf(from), rangeEnd: keyOf(to) };
}

export function rangeCall(
  fields: Partial<RangeRequest>,
  { revision, consistency }: ReadOptions,
): Extract<MemberRequest, { readonly kind: 'range' }> {
  const request = RangeRequest.create({
    ...fields,
    revision: revision ?? 0,
    serializable: consistency === 'serializable',
  });
  return consistency === 'local' ? { kind: 'range', request, consistency } : { kind: 'range', request };
}

const pageKeysFirst = 32;
const pageKeysMax = 10_000;
/** About so much is asked for at once: what a caller that reads slowly holds in memory. */
const pageBytes = 1_048_576;

/**
 * A range in pages, all of one revision: that of the first page. Pages are sized by what the ones before came to.
 *
 * @throws ChainfireError COMPACTED when that revision is compacted before the end is reached
 */
export async function* pages(
  caller: Caller,
  range: KeyRange & { readonly keysOnly: boolean },
  options: ReadOptions,
): AsyncGenerator<Entry, void, undefined> {
  let { key } = range;
  let revision = options.revision;
  let limit = pageKeysFirst;
  for (;;) {
    const page: RangeResponse = await caller.ask(
      rangeCall({ ...range, key, limit }, revision === undefined ? options : { ...options, revision }),
      options,
    );
    for (const found of page.kvs) yield new Entry(found);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    revision ??= page.header?.revision;
    // The next key in byte order.
    key = `${last.key}\0`;
    let bytes = 0;
    for (const found of page.kvs) bytes += found.key.length + found.value.length;
    limit = Math.max(
      1,
      Math.min(pageKeysMax, Math.floor((pageBytes * page.kvs.length) / Math.max(1, bytes))),
    );
  }
}
