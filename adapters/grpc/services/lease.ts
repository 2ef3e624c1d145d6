import {
  type LeaseKeepAliveRequest,
  type LeaseKeepAliveResponse,
} from '../../../core/chainfire/api/lease.ts';
import { memberMethods } from '../member-methods.ts';
import { type CallContext, push, type ResponseSink, type Service } from '../service.ts';
import { CallEnd } from './call-end.ts';
import { ask, memberAnswers, type MemberPort } from './member-port.ts';
import { Slots } from './slots.ts';

/**
 * Keepalives of one stream that are asked and not yet answered, or answered and not yet with the transport. Those that are
 * under way together become one entry of the log.
 */
const keepAlivesMax = 1_024;

/** etcd's Lease service. */
export function leaseService(member: MemberPort): Service {
  const { path, request, response } = memberMethods.leaseKeepAlive;
  return {
    name: 'etcdserverpb.Lease',
    methods: [
      ...memberAnswers(member, ['leaseGrant', 'leaseRevoke', 'leaseTimeToLive', 'leaseLeases']),
      push(path, request, response, (requests, sink, context) => keepAlive(member, requests, sink, context)),
    ],
  };
}

/** Answers come in the order of the requests, however these are overtaken on their way; the first refusal ends the stream. */
async function keepAlive(
  member: MemberPort,
  requests: AsyncIterable<LeaseKeepAliveRequest>,
  sink: ResponseSink<LeaseKeepAliveResponse>,
  context: CallContext,
): Promise<void> {
  const slots = new Slots(keepAlivesMax);
  const end = new CallEnd(context.signal);
  /** Ends when everything that was asked before is answered. */
  let answered: Promise<void> = Promise.resolve();
  const answerInTurn = async (
    before: Promise<void>,
    answer: Promise<LeaseKeepAliveResponse>,
  ): Promise<void> => {
    await before;
    sink.write(await answer, () => slots.free());
  };
  const read = async (): Promise<void> => {
    for await (const request of requests) {
      await slots.take();
      const answer = ask<'leaseKeepAlive'>(member, { kind: 'leaseKeepAlive', request }, context);
      answered = answerInTurn(answered, answer);
      answered.catch(end.fail);
      answer.catch(() => undefined);
    }
    await answered;
  };
  read().then(end.end, end.fail);
  await end.reached;
}
