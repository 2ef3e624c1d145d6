import { type NodeId } from '../../core/base/ids.ts';
import { type RequestOp, type TxnRequest } from '../../core/chainfire/api/kv.ts';
import { Event } from '../../core/chainfire/api/watch.ts';
import { type Credential, credentialKinds } from '../../core/chainfire/auth/protocol.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { type Checker, type Operation, type RunEnd, type StepObservation, Violation } from '../types.ts';
import { PermissionsAt } from './permissions-at.ts';

/** One thing that a request does with keys. */
interface Use {
  readonly kind: 'read' | 'write';
  readonly from: string;
  readonly to: string | undefined;
}

/**
 * Nobody is given, or does, what no state of users and roles allowed:
 *
 * - an answer of a call, where no auth revision between call and answer allowed everything that the call could touch, the
 *   branches of a transaction that it did not take included;
 * - an event of a watch, where the member that tells it does not itself allow the watch's user to read the key.
 *
 * What users may do is worked out here anew, from the permissions as they stand. Not verified: that a refusal was due; answers
 * while a revision passed that no member stopped at, since it is not known what it allowed; tokens, which the simulated
 * clients do not use; leases.
 */
export class AllowedAnswers implements Checker {
  readonly name = 'allowed-answers';
  /** By auth revision; of those that some member stood at behind a step. */
  readonly #permissions = new Map<number, PermissionsAt>();
  /** When some member first came to a revision, ascending in both. */
  readonly #reached: { readonly atUs: number; readonly revision: number }[] = [];
  readonly #owners = new Map<string, Credential | undefined>();

  onRecovered(_node: NodeId, member: ChainfireMember, nowUs: number): void {
    this.#look(member, nowUs);
  }

  onStep({ node, nowUs, event, effects, member }: StepObservation): void {
    this.#look(member, nowUs);
    if (event.kind === 'streamOpened') this.#owners.set(`${node}/${event.streamId}`, event.stream.by);
    for (const effect of effects) {
      if (effect.kind !== 'notify' || effect.item.events.length === 0) continue;
      const owner = this.#owners.get(`${node}/${effect.streamId}`);
      if (owner?.kind !== credentialKinds.user) continue;
      const permissions = this.#permissions.get(member.view.auth.revision);
      for (const bytes of effect.item.events) {
        const key = Event.decode(bytes).kv?.key ?? '';
        if (permissions?.allows(owner.name, 'read', { from: key, to: `${key}\0` }) !== false) continue;
        throw new Violation(
          this.name,
          `member ${node} tells ${owner.name} of ${JSON.stringify(key)}, which auth revision ${member.view.auth.revision} does not allow`,
          'an event',
        );
      }
    }
  }

  onEnd({ history }: RunEnd): void {
    for (const operation of history) this.#checkAnswer(operation);
  }

  #look({ view }: ChainfireMember, nowUs: number): void {
    const { revision } = view.auth;
    if (!this.#permissions.has(revision)) this.#permissions.set(revision, new PermissionsAt(view));
    if (revision > (this.#reached.at(-1)?.revision ?? 0)) this.#reached.push({ atUs: nowUs, revision });
  }

  #checkAnswer({ client, callId, request, startUs, endUs, outcome }: Operation): void {
    if (outcome.kind !== 'answered' || endUs === undefined) return;
    const { by } = request;
    if (by?.kind !== credentialKinds.user) return;
    const uses = usesOf(request);
    if (uses.length === 0) return;
    // What comes behind a revision in the log is applied, or read, under it or a later one; a read that need not be new may
    // be answered under any.
    const first = isOld(request) ? 1 : this.#revisionAt(startUs - 1);
    const last = this.#revisionAt(endUs);
    for (let revision = first; revision <= last; revision += 1) {
      const permissions = this.#permissions.get(revision);
      if (permissions === undefined) return;
      if (uses.every((use) => permissions.allows(by.name, use.kind, use))) return;
    }
    throw new Violation(
      this.name,
      `client ${client}, call ${callId}: a ${request.kind} of ${by.name} was answered, which no auth revision from ${first} to ${last} allows`,
      `a ${request.kind}`,
    );
  }

  #revisionAt(timeUs: number): number {
    return this.#reached.findLast(({ atUs }) => atUs <= timeUs)?.revision ?? 1;
  }
}

function isOld(request: MemberRequest): boolean {
  if ('consistency' in request) return true;
  if (request.kind === 'range') return request.request.serializable;
  return (
    request.kind === 'txn' && [...request.request.success, ...request.request.failure].some(isSerializable)
  );
}

function isSerializable({ requestRange }: RequestOp): boolean {
  return requestRange?.serializable === true;
}

function usesOf(request: MemberRequest): readonly Use[] {
  switch (request.kind) {
    case 'range':
      return [use('read', request.request)];
    case 'put':
      return putUses(request.request);
    case 'deleteRange':
      return deleteUses(request.request);
    case 'txn':
      return txnUses(request.request);
    default:
      return [];
  }
}

function txnUses({ compare, success, failure }: TxnRequest): readonly Use[] {
  return [...compare.map((each) => use('read', each)), ...[...success, ...failure].flatMap(operationUses)];
}

function operationUses(operation: RequestOp): readonly Use[] {
  const { requestRange, requestPut, requestDeleteRange, requestTxn } = operation;
  if (requestRange !== undefined) return [use('read', requestRange)];
  if (requestPut !== undefined) return putUses(requestPut);
  if (requestDeleteRange !== undefined) return deleteUses(requestDeleteRange);
  return requestTxn === undefined ? [] : txnUses(requestTxn);
}

function putUses({ key, prevKv }: { readonly key: string; readonly prevKv: boolean }): readonly Use[] {
  const keys = { key, rangeEnd: '' };
  return prevKv ? [use('write', keys), use('read', keys)] : [use('write', keys)];
}

function deleteUses(request: {
  readonly key: string;
  readonly rangeEnd: string;
  readonly prevKv: boolean;
}): readonly Use[] {
  return request.prevKv ? [use('write', request), use('read', request)] : [use('write', request)];
}

function use(
  kind: 'read' | 'write',
  { key, rangeEnd }: { readonly key: string; readonly rangeEnd: string },
): Use {
  return { kind, from: key, to: rangeEnd === '' ? `${key}\0` : rangeEnd === '\0' ? undefined : rangeEnd };
}
