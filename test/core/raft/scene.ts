import { groupId, type NodeId, nodeId } from '../../../core/base/ids.ts';
import {
  type Entry,
  type RaftMessage,
  type RaftNodeEffect,
  type RaftNodeEvent,
} from '../../../core/raft/types.ts';
import { type Cluster, group1 } from './cluster.ts';

/** Short ways to say what a test is about: events in, messages out. */
export function received(from: number, ...messages: readonly RaftMessage[]): RaftNodeEvent {
  return {
    kind: 'received',
    from: nodeId(from),
    messages: messages.map((message) => ({ group: group1, message })),
  };
}

export function voteRequest(fields: {
  term: number;
  lastIndex?: number;
  lastTerm?: number;
  preVote?: boolean;
  transfer?: boolean;
}): RaftMessage {
  return { kind: 'voteRequest', lastIndex: 0, lastTerm: 0, preVote: false, transfer: false, ...fields };
}

export function appendRequest(fields: {
  term: number;
  previous?: readonly [index: number, term: number];
  entries?: readonly Entry[];
  commitIndex?: number;
  boot?: number;
}): RaftMessage {
  const [previousIndex, previousTerm] = fields.previous ?? [0, 0];
  const { term, entries = [], commitIndex = 0, boot = 1 } = fields;
  return { kind: 'appendRequest', term, previousIndex, previousTerm, entries, commitIndex, boot };
}

export function heartbeat(term: number, commitIndex = 0, readSeq = 0, sentUs = 0): RaftMessage {
  return { kind: 'heartbeatRequest', term, commitIndex, readSeq, sentUs };
}

/** The answer to a heartbeat. */
export function beaten(fields: {
  term: number;
  readSeq?: number;
  sentUs?: number;
  promisedUs?: number;
  boot?: number;
  lastIndex?: number;
}): RaftMessage {
  const defaults = { readSeq: 0, sentUs: 0, promisedUs: 0, boot: 1, lastIndex: 0 };
  return { kind: 'heartbeatResponse', ...defaults, ...fields };
}

export function accepted(term: number, index: number, boot = 1): RaftMessage {
  return { kind: 'appendResponse', term, index, rejected: false, hintIndex: 0, hintTerm: 0, boot };
}

export function rejected(
  term: number,
  index: number,
  hint: readonly [number, number],
  boot = 1,
): RaftMessage {
  return { kind: 'appendResponse', term, index, rejected: true, hintIndex: hint[0], hintTerm: hint[1], boot };
}

/** Commands from `index` on, one for each term. */
export function commands(index: number, ...terms: readonly number[]): readonly Entry[] {
  return terms.map((term, at) => ({
    index: index + at,
    term,
    kind: 'command',
    data: Uint8Array.of(index + at),
  }));
}

export interface Sent {
  readonly to: NodeId;
  readonly afterSyncSeq: number;
  readonly message: RaftMessage;
}

/** Every message among the effects. */
export function sent(effects: readonly RaftNodeEffect[]): readonly Sent[] {
  return effects.flatMap((effect) =>
    effect.kind === 'send'
      ? effect.messages.map(({ message }) => ({ to: effect.to, afterSyncSeq: effect.afterSyncSeq, message }))
      : [],
  );
}

export function sentOf<Kind extends RaftMessage['kind']>(
  effects: readonly RaftNodeEffect[],
  kind: Kind,
): readonly Extract<RaftMessage, { kind: Kind }>[] {
  return sent(effects)
    .map(({ message }) => message)
    .filter((message): message is Extract<RaftMessage, { kind: Kind }> => message.kind === kind);
}

export function ofKind<Kind extends RaftNodeEffect['kind']>(
  effects: readonly RaftNodeEffect[],
  kind: Kind,
): readonly Extract<RaftNodeEffect, { kind: Kind }>[] {
  return effects.filter((effect): effect is Extract<RaftNodeEffect, { kind: Kind }> => effect.kind === kind);
}

/** The terms of a member's log, from its first entry. */
export function terms(cluster: Cluster, id: number): readonly number[] {
  const { view } = cluster.member(id);
  const found: number[] = [];
  for (let index = view.firstIndex; index <= view.lastIndex; index += 1) found.push(view.termAt(index) ?? -1);
  return found;
}

/** A cluster of which only member 1 is looked at: the others are what the test says in their name. */
export function alone(cluster: Cluster): void {
  cluster.settle();
  for (const member of cluster.members.values()) if (member.id !== 1) cluster.crash(member.id);
  cluster.packets = [];
}

export const otherGroup = groupId(2);
