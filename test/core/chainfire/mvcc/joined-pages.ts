import { type KeyValue, type RangeRequest, type RangeResponse } from '../../../../core/chainfire/api/kv.ts';
import { type Mvcc } from '../../../../core/chainfire/mvcc/mvcc.ts';
import { evaluatePage, type RangePlace } from '../../../../core/chainfire/mvcc/range-page.ts';

/** A range read in pages of about so many bytes, put together. */
export function joinedPages(mvcc: Mvcc, request: RangeRequest, bytesMax = 1): RangeResponse {
  const kvs: KeyValue[] = [];
  let at: RangePlace | undefined;
  let count = 0;
  for (;;) {
    const { response, next } = evaluatePage(mvcc, request, { bytesMax, at });
    kvs.push(...response.kvs);
    count += response.count;
    if (next === undefined) return { ...response, kvs, count };
    at = next;
  }
}
