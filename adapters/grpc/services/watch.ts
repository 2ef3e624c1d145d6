import { WatchRequest, type WatchResponse } from '../../../core/chainfire/api/watch.ts';
import { type CallContext, push, type ResponseSink, type Service } from '../service.ts';
import { CallEnd } from './call-end.ts';
import { catchUp, onBehalfOf, type MemberPort, type WatchStream } from './member-port.ts';
import { watchResponseCodec } from './watch-response.ts';

/** Metadata with which a client asks for an end of its watches when there is no leader. */
const requireLeaderName = 'hasleader';

/**
 * etcd's Watch service. What the member says goes to the transport in the member's own turn; what the transport has not
 * passed on counts in the stream's bound, and the member holds back once that is reached.
 */
export function watchService(member: MemberPort): Service {
  const name = 'etcdserverpb.Watch';
  return {
    name,
    methods: [
      push(`/${name}/Watch`, WatchRequest, watchResponseCodec(), (requests, sink, context) =>
        watch(member, requests, sink, context),
      ),
    ],
  };
}

/** Lasts until the member ends it or the client leaves: one that only says that it has no more to ask goes on listening. */
async function watch(
  member: MemberPort,
  requests: AsyncIterable<WatchRequest>,
  sink: ResponseSink<WatchResponse>,
  context: CallContext,
): Promise<void> {
  const end = new CallEnd(context.signal);
  await catchUp(member, context, context.signal);
  const stream: WatchStream = onBehalfOf(member, context).openWatchStream(
    { kind: 'watch', requireLeader: context.metadata(requireLeaderName) === 'true' },
    {
      item: (response, bytes) => sink.write(response, () => stream.drained(bytes)),
      ended: (status) => (status === undefined ? end.end() : end.fail(status)),
    },
  );
  passOn(requests, stream).catch(end.fail);
  try {
    await end.reached;
  } finally {
    stream.close();
  }
}

/** One at a time: while a request waits for the member, the next stays with the transport. */
async function passOn(requests: AsyncIterable<WatchRequest>, stream: WatchStream): Promise<void> {
  for await (const request of requests) await stream.send(request);
}
