import {
  CampaignRequest,
  CampaignResponse,
  type LeaderKey,
  LeaderRequest,
  LeaderResponse,
  ProclaimRequest,
  ProclaimResponse,
  ResignRequest,
  ResignResponse,
} from '../../../core/chainfire/api/election.ts';
import {
  CampaignRecipe,
  leaderIn,
  leaderRequest,
  ObserveRecipe,
  proclaimRequest,
  resignRequest,
} from '../../../core/chainfire/client/recipes/election.ts';
import { type ObserveEffect } from '../../../core/chainfire/client/recipes/protocol.ts';
import { type MemberRequest } from '../../../core/chainfire/member-protocol.ts';
import { type CallContext, push, type ResponseSink, type Service, unary } from '../service.ts';
import { StatusError } from '../status.ts';
import { CallEnd } from './call-end.ts';
import { onBehalfOf, type MemberPort } from './member-port.ts';
import { RecipeDriver } from './recipe-driver.ts';
import { askForCaller, statusOfFailure } from './recipe-status.ts';
import { leaseOf, waitInQueue } from './waiting-in-queue.ts';

const what = 'election';

/** etcd's election service. */
export function electionService(member: MemberPort): Service {
  const name = 'v3electionpb.Election';
  return {
    name,
    methods: [
      unary(`/${name}/Campaign`, CampaignRequest, CampaignResponse, (request, context) =>
        campaign(member, request, context),
      ),
      unary(`/${name}/Proclaim`, ProclaimRequest, ProclaimResponse, async ({ leader, value }, context) => {
        const { key, revision, lease } = given(leader);
        const request = proclaimRequest({ key, revision, leaseId: lease }, value);
        const { header, succeeded } = await askForCaller<'txn'>(member, asTxn(request), context);
        if (!succeeded) throw new StatusError('UNKNOWN', `${what}: not leader`);
        return { header };
      }),
      unary(`/${name}/Leader`, LeaderRequest, LeaderResponse, async (request, context) => {
        const response = await askForCaller<'range'>(member, asRange(leaderRequest(request.name)), context);
        const kv = leaderIn(response);
        if (kv === undefined) throw new StatusError('UNKNOWN', `${what}: no leader`);
        return { header: response.header, kv };
      }),
      // On the wire a stream of answers to one request; pushed, since it lasts and its items are few.
      push(`/${name}/Observe`, LeaderRequest, LeaderResponse, (requests, sink, context) =>
        observe(member, requests, sink, context),
      ),
      unary(`/${name}/Resign`, ResignRequest, ResignResponse, async ({ leader }, context) => {
        const { key, revision } = given(leader);
        const { header } = await askForCaller<'txn'>(
          member,
          asTxn(resignRequest({ key, revision })),
          context,
        );
        return { header };
      }),
    ],
  };
}

async function campaign(
  member: MemberPort,
  { name, lease, value }: CampaignRequest,
  context: CallContext,
): Promise<CampaignResponse> {
  const leaseId = await leaseOf(member, lease, context);
  const recipe = new CampaignRecipe({ name, leaseId, value });
  const { header, key, revision } = await waitInQueue(member, recipe, what, context);
  return { header, leader: { name, key, revision, lease: leaseId } };
}

/** Every proclamation of a leader, until the client leaves. While the client does not read, the member holds back. */
async function observe(
  member: MemberPort,
  requests: AsyncIterable<LeaderRequest>,
  sink: ResponseSink<LeaderResponse>,
  context: CallContext,
): Promise<void> {
  const end = new CallEnd(context.signal);
  let untaken = 0;
  for await (const { name } of requests) {
    const driver: RecipeDriver<ObserveEffect> = new RecipeDriver<ObserveEffect>(
      onBehalfOf(member, context),
      new ObserveRecipe(name),
      {
        onOutcome: (outcome) => {
          if (outcome.kind === 'failed') {
            end.fail(statusOfFailure(outcome, what, driver.lastStatus));
          } else if (outcome.kind === 'led') {
            untaken += 1;
            const response = { header: outcome.header ?? driver.lastHeader, kv: outcome.leader };
            sink.write(response, () => {
              untaken -= 1;
              if (untaken === 0) driver.relieved();
            });
          }
        },
        isBusy: () => untaken > 0,
      },
    );
    driver.begin();
    await end.reached.finally(() => driver.cancel());
  }
}

function given(leader: LeaderKey | undefined): LeaderKey {
  if (leader === undefined) throw new StatusError('UNKNOWN', '"leader" field must be provided');
  return leader;
}

function asTxn(request: MemberRequest): Extract<MemberRequest, { readonly kind: 'txn' }> {
  if (request.kind !== 'txn') throw new Error('a recipe revises and leaves by a txn');
  return request;
}

function asRange(request: MemberRequest): Extract<MemberRequest, { readonly kind: 'range' }> {
  if (request.kind !== 'range') throw new Error('a recipe looks for the leader by a range');
  return request;
}
