import { RangeRequest, RangeResponse, sortTargets } from '../../../core/chainfire/api/kv.ts';
import { RangeStreamResponse } from '../../../core/chainfire/api/range-stream.ts';
import { type Method, serverStream } from '../service.ts';
import { StatusError } from '../status.ts';
import { type MemberPort } from './member-port.ts';
import { rangePages } from './range-pages.ts';
import { rangeWith, readConsistencyOf } from './read-consistency.ts';

export const rangeStreamPath = '/etcdserverpb.KV/RangeStream';

/**
 * etcd 3.7's `KV.RangeStream`: the answer to a range in pieces, which make the answer of `Range` when they are merged. All but
 * the last hold keys alone; the last has the header, `more` and `count` too.
 *
 * The next piece is looked for once the transport has taken the one before, so that a slow client holds nothing here. It is
 * ended as compacted when its revision is. What is sorted by anything but the key would have to be whole first: that is
 * unimplemented, as in etcd, for clients to ask for by `Range`.
 */
export function rangeStreamMethod(member: MemberPort): Method {
  return serverStream(rangeStreamPath, RangeRequest, RangeStreamResponse, async function* (request, context) {
    if (request.sortTarget !== sortTargets.key && !request.countOnly) {
      throw new StatusError(
        'UNIMPLEMENTED',
        'etcdserver: RangeStream answers in the order of keys; use Range for another sort_target',
      );
    }
    const asked = rangeWith(request, readConsistencyOf(context));
    for await (const { response, isLast } of rangePages(member, asked, context)) {
      const { kvs } = response;
      // A page of keys that a filter left out has nothing to tell.
      if (!isLast && kvs.length === 0) continue;
      yield { rangeResponse: isLast ? response : RangeResponse.create({ kvs }) };
    }
  });
}
