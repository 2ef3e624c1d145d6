import { noBytes } from '../../../core/base/bytes.ts';
import { groupId, nodeId, type NodeId } from '../../../core/base/ids.ts';
import { type AutoCompactionOptions } from '../../../core/chainfire/auto-compaction-options.ts';
import { type ChainfireMember } from '../../../core/chainfire/member.ts';
import { type MemberEffect, type MemberEvent } from '../../../core/chainfire/member-protocol.ts';
import { type Entry, type RaftMessage, type Role } from '../../../core/raft/types.ts';
import { type Checker, type StepObservation, Violation } from '../../../sim/types.ts';

/** A member as checkers see it, by hand: a log is the terms of its entries 1, 2, 3 …; everything is synced unless said. */
export interface Shown {
  readonly node: number;
  readonly term?: number;
  readonly vote?: number;
  readonly role?: Role;
  readonly log?: readonly number[];
  /** Data of entries by index, where it is not empty. */
  readonly data?: Readonly<Record<number, string>>;
  readonly firstIndex?: number;
  readonly synced?: number;
  readonly commit?: number;
  readonly applied?: number;
  readonly appliedHash?: number;
  readonly revision?: number;
  readonly compactRevision?: number;
  readonly autoCompaction?: AutoCompactionOptions;
  readonly voters?: readonly number[];
  readonly outgoing?: readonly number[];
  readonly repairing?: boolean;
  readonly leases?: readonly bigint[];
  /** Index of the entry that granted or last renewed each lease. */
  readonly renewedIndex?: number;
  /** What a leader knows others to hold, by member. */
  readonly matches?: Readonly<Record<number, number>>;
  /** Watches that are not at the present. */
  readonly behind?: number;
  /** Alarms that are raised: member and kind. */
  readonly alarms?: readonly (readonly [member: number, kind: number])[];
  readonly alarmChanges?: number;
  /** Done since the member started. */
  readonly puts?: number;
  readonly grants?: number;
  /** The last comparison of the members, and whom it names. */
  readonly check?: { readonly index: number; readonly blamed: readonly number[] };
  readonly history?: readonly { readonly revision: number; readonly record: Uint8Array }[];
}

export const tick: MemberEvent = { kind: 'tick' };

export function member(shown: Shown): ChainfireMember {
  const log = shown.log ?? [];
  const firstIndex = shown.firstIndex ?? 1;
  const termAt = (index: number): number | undefined =>
    index === 0 && firstIndex === 1 ? 0 : index < firstIndex - 1 ? undefined : log[index - 1];
  const entry = (index: number): Entry => ({
    index,
    term: termAt(index) ?? 0,
    kind: 'command',
    data: new TextEncoder().encode(shown.data?.[index] ?? ''),
  });
  const applied = shown.applied ?? 0;
  const view = {
    raft: {
      id: nodeId(shown.node),
      term: shown.term ?? log.at(-1) ?? 0,
      vote: shown.vote ?? 0,
      role: shown.role ?? 'follower',
      leader: 0,
      commitIndex: shown.commit ?? applied,
      firstIndex,
      lastIndex: log.length,
      syncedIndex: shown.synced ?? log.length,
      configuration: { voters: shown.voters ?? [1, 2, 3], outgoing: shown.outgoing ?? [], learners: [] },
      repairing: shown.repairing ?? false,
      peer: (id: number) => {
        const matchIndex = shown.matches?.[id];
        return matchIndex === undefined ? undefined : { matchIndex, replicating: true, active: true };
      },
      termAt,
      entries: (from: number, to: number) =>
        Array.from({ length: to - from + 1 }, (_, at) => entry(from + at)),
    },
    appliedIndex: applied,
    appliedTerm: termAt(applied) ?? 0,
    appliedHash: shown.appliedHash ?? 0,
    revision: shown.revision ?? 1,
    compactRevision: shown.compactRevision ?? 0,
    autoCompaction: shown.autoCompaction,
    alarms: () => (shown.alarms ?? []).map(([of, alarm]) => ({ memberId: BigInt(of), alarm })),
    alarmChanges: shown.alarmChanges ?? 0,
    applied: { puts: shown.puts ?? 0, leasesGranted: shown.grants ?? 0 },
    checks: { check: { reports: [], ...(shown.check ?? { index: 0, blamed: [] }) } },
    members: (shown.voters ?? [1, 2, 3]).map((id) => ({ id: BigInt(id) })),
    leaseCount: shown.leases?.length ?? 0,
    leases: () =>
      (shown.leases ?? []).map((id) => ({
        id,
        ttlSeconds: 1,
        renewedIndex: shown.renewedIndex ?? 1,
        remainingUs: 0,
      })),
    watches: { behind: shown.behind ?? 0 },
    history: (from: number, to: number) =>
      (shown.history ?? []).filter(({ revision }) => revision >= from && revision <= to),
  };
  return { view } as unknown as ChainfireMember;
}

/** One step of a member: what it shows afterwards. */
export function step(
  shown: Shown,
  event: MemberEvent = tick,
  effects: readonly MemberEffect[] = [],
): StepObservation {
  return { nowUs: 0, node: nodeId(shown.node), event, effects, member: member(shown) };
}

export function send(to: number, message: RaftMessage, afterSyncSeq = 0): MemberEffect {
  return { kind: 'send', to: nodeId(to), messages: [{ group: groupId(1), message }], afterSyncSeq };
}

export const persist = (syncSeq: number): MemberEffect => ({
  kind: 'persist',
  syncSeq,
  appends: [{ file: 'log/1', bytes: noBytes }],
});

/**
 * Shows a checker what happened, in order, and returns the violated invariant, or undefined. A sync that stands for itself is
 * one of which the member was not told any more: the step came to nothing.
 */
export function watch(
  checker: Checker,
  happenings: readonly (
    | StepObservation
    | { readonly recovered: Shown }
    | { readonly crashed: number }
    | { readonly damaged: number }
    | { readonly synced: number; readonly node: number }
  )[],
): string | undefined {
  const newest = new Map<number, ChainfireMember>();
  const synced = (node: number, syncSeq: number, otherwise: ChainfireMember): void => {
    checker.onSynced?.({ node: nodeId(node), syncSeq, member: newest.get(node) ?? otherwise });
  };
  try {
    for (const happening of happenings) {
      if ('recovered' in happening)
        checker.onRecovered?.(nodeId(happening.recovered.node), member(happening.recovered), 0);
      else if ('crashed' in happening) checker.onCrashed?.(nodeId(happening.crashed), 0);
      else if ('damaged' in happening) checker.onDamaged?.(nodeId(happening.damaged), 0);
      else if ('synced' in happening)
        synced(happening.node, happening.synced, member({ node: happening.node }));
      else {
        const { node, event } = happening;
        if (event.kind === 'synced') synced(node, event.syncSeq, happening.member);
        newest.set(node, happening.member);
        checker.onStep?.(happening);
      }
    }
  } catch (failure) {
    if (failure instanceof Violation) return failure.invariant;
    throw failure;
  }
  return undefined;
}

/** Those that look one after the other, as in a run. */
export function together(...checkers: readonly Checker[]): Checker {
  return {
    name: checkers.map(({ name }) => name).join(', '),
    onStep: (observed) => {
      for (const checker of checkers) checker.onStep?.(observed);
    },
    onSynced: (sync) => {
      for (const checker of checkers) checker.onSynced?.(sync);
    },
    onRecovered: (node, recovered, nowUs) => {
      for (const checker of checkers) checker.onRecovered?.(node, recovered, nowUs);
    },
  };
}

/** The same for what only the end shows. */
export function endOf(
  checker: Checker,
  end: Parameters<NonNullable<Checker['onEnd']>>[0],
): string | undefined {
  try {
    checker.onEnd?.(end);
  } catch (failure) {
    if (failure instanceof Violation) return failure.invariant;
    throw failure;
  }
  return undefined;
}

export function members(...shown: readonly Shown[]): ReadonlyMap<NodeId, ChainfireMember> {
  return new Map(shown.map((one) => [nodeId(one.node), member(one)]));
}
