import { bytesPerKib } from '../../../core/base/units.ts';
import { type RangeResponse } from '../../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../../core/chainfire/member-protocol.ts';
import { type RangePlace } from '../../../core/chainfire/mvcc/range-page.ts';
import { statusOfRefusal } from '../errors.ts';
import { type CallContext } from '../service.ts';
import { type MemberPort, onBehalfOf } from './member-port.ts';

export type RangeOf = Extract<MemberRequest, { readonly kind: 'range' }>;

/** What a member looks at in one step for a range, about: some milliseconds, so that its heartbeats are not late. */
export const pageBytes = 512 * bytesPerKib;

export interface AnsweredPage {
  /** `kvs` are of this page, `count` and `more` of all so far; the header is that of the first page. */
  readonly response: RangeResponse;
  readonly isLast: boolean;
}

/**
 * A range in key order, a page at a time, all of one revision. Between two pages nobody holds anything of it: a reader that is
 * slow costs its place, and the member does other work. Whether the caller may read is asked anew for each page.
 *
 * @throws StatusError when the member refuses; once the revision is compacted, that it is
 */
export async function* rangePages(
  member: MemberPort,
  asked: RangeOf,
  context: CallContext,
): AsyncGenerator<AnsweredPage, void, undefined> {
  const port = onBehalfOf(member, context);
  let at: RangePlace | undefined;
  let header: RangeResponse['header'];
  let count = 0;
  do {
    const answer = await port.request({ ...asked, page: { bytesMax: pageBytes, at } }, context.signal);
    if (answer.kind === 'refused') throw statusOfRefusal(answer);
    if (answer.kind !== 'range') throw new Error(`a range was answered by ${answer.kind}`);
    const { response, next } = answer;
    header ??= response.header;
    count += response.count;
    at = next;
    yield { response: { header, kvs: response.kvs, more: response.more, count }, isLast: at === undefined };
  } while (at !== undefined);
}
