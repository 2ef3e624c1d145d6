import { type RangeResponse, sortTargets } from '../../../core/chainfire/api/kv.ts';
import { inKeyOrder, SortedPick } from '../../../core/chainfire/mvcc/sorted-pick.ts';
import { withoutValue } from '../../../core/chainfire/mvcc/range.ts';
import { type CallContext } from '../service.ts';
import { StatusError } from '../status.ts';
import { EncodedRange } from './encoded-range.ts';
import { ask, type MemberPort } from './member-port.ts';
import { rangePages, type RangeOf } from './range-pages.ts';

/**
 * The answer to a range in one message, whatever its size: the member looks for it a page at a time, and goes on with other work
 * in between.
 */
export async function wholeRange(
  member: MemberPort,
  asked: RangeOf,
  context: CallContext,
): Promise<RangeResponse> {
  const { request } = asked;
  if (request.rangeEnd === '') return ask<'range'>(member, asked, context);
  try {
    return await (request.sortTarget === sortTargets.key || request.countOnly
      ? unsorted(member, asked, context)
      : sorted(member, asked, context));
  } catch (error) {
    // What is asked of the present is never too old: it was compacted while it was read. In one step, nothing comes between.
    if (request.revision !== 0 || !(error instanceof StatusError) || error.code !== 'OUT_OF_RANGE')
      throw error;
    return ask<'range'>(member, asked, context);
  }
}

async function unsorted(member: MemberPort, asked: RangeOf, context: CallContext): Promise<RangeResponse> {
  let encoded: EncodedRange | undefined;
  for await (const page of rangePages(member, asked, context)) {
    // Most ranges are one page.
    if (page.isLast && encoded === undefined) return page.response;
    encoded ??= new EncodedRange(page.response.header);
    encoded.add(page);
  }
  return encoded as EncodedRange;
}

/** Looked for in key order, and sorted here; `more` and the limit are of what is sorted. */
async function sorted(member: MemberPort, asked: RangeOf, context: CallContext): Promise<RangeResponse> {
  const { request } = asked;
  const pick = new SortedPick(request);
  let header: RangeResponse['header'];
  let count = 0;
  for await (const { response } of rangePages(member, { ...asked, request: inKeyOrder(request) }, context)) {
    ({ header, count } = response);
    for (const kv of response.kvs) pick.add(kv);
  }
  const { kvs, more } = pick.finish();
  return { header, kvs: request.keysOnly ? kvs.map(withoutValue) : kvs, more, count };
}
