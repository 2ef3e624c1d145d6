import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type GroupId, groupId, type NodeId, nodeId } from '../../../core/base/ids.ts';
import { DeadlineHeap } from '../../../core/raft/deadlines.ts';
import { restatedForBytes } from '../../../core/raft/log-replay.ts';
import { RaftNode } from '../../../core/raft/node.ts';
import {
  defaultRaftOptions,
  type RaftMessage,
  type RaftNodeEffect,
  type RaftNodeEvent,
} from '../../../core/raft/types.ts';
import { voters } from './cluster.ts';
import { CrashSegments } from './crash-segments.ts';
import { accepted, appendRequest, commands, heartbeat, ofKind, sent } from './scene.ts';
import { testPrng } from './test-prng.ts';

const T = defaultRaftOptions.electionTimeoutUs;

/** A node with many groups, each of members 1, 2 and 3; the others are what the test says in their name. */
class Host {
  readonly segments = new CrashSegments();
  readonly groups: readonly GroupId[];
  node: RaftNode;
  nowUs = 0;
  syncSeq = 0;

  constructor(count: number, segmentBytesMax: number = defaultRaftOptions.segmentBytesMax) {
    this.groups = Array.from({ length: count }, (_, at) => groupId(at + 1));
    this.segmentBytesMax = segmentBytesMax;
    this.node = this.#recover();
  }

  readonly segmentBytesMax: number;

  start(): readonly RaftNodeEffect[] {
    this.node = this.#recover();
    this.syncSeq = 0;
    return this.step({ kind: 'tick' });
  }

  #recover(): RaftNode {
    return this.recoverFrom([]);
  }

  /** A start with stores that reflect these entries, of term 1. */
  recoverFrom(applied: readonly (readonly [group: GroupId, index: number])[]): RaftNode {
    const indexes = new Map(applied);
    return RaftNode.recover(
      { segments: this.segments },
      {
        id: nodeId(1),
        options: { ...defaultRaftOptions, segmentBytesMax: this.segmentBytesMax },
        segmentPrefix: 'log/',
        groups: this.groups.map((group) => {
          const index = indexes.get(group);
          const configuration = voters(1, 2, 3);
          return {
            group,
            initialConfiguration: configuration,
            applied: index === undefined ? undefined : { index, term: 1, configuration },
          };
        }),
      },
      testPrng(1),
      this.nowUs,
    );
  }

  step(event: RaftNodeEvent): readonly RaftNodeEffect[] {
    const effects = this.node.step(event, this.nowUs);
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        for (const append of effect.appends) this.segments.append(append);
        this.syncSeq = effect.syncSeq;
      } else if (effect.kind === 'removeSegments') {
        for (const file of effect.files) this.segments.remove(file);
      }
    }
    return effects;
  }

  sync(): readonly RaftNodeEffect[] {
    this.segments.sync();
    return this.step({ kind: 'synced', syncSeq: this.syncSeq });
  }

  receive(
    from: number,
    of: (group: GroupId) => RaftMessage,
    groups = this.groups,
  ): readonly RaftNodeEffect[] {
    return this.step({
      kind: 'received',
      from: from as NodeId,
      messages: groups.map((group) => ({ group, message: of(group) })),
    });
  }

  /** Every group becomes leader of term 1 and commits its first entry. */
  lead(): void {
    this.nowUs += 2 * T;
    this.step({ kind: 'tick' });
    this.receive(2, () => ({ kind: 'voteResponse', term: 1, preVote: true, granted: true }));
    this.sync();
    this.receive(2, () => ({ kind: 'voteResponse', term: 1, preVote: false, granted: true }));
    this.sync();
    this.receive(2, () => accepted(1, 1));
    this.receive(3, () => accepted(1, 1));
  }
}

test('what many groups write and say in one step is one write, and one message to each peer under each condition', () => {
  const host = new Host(50);
  host.start();
  host.sync();
  const effects = host.receive(2, () => appendRequest({ term: 1, entries: commands(1, 1) }));
  expect(ofKind(effects, 'persist')).toHaveLength(1);
  const sends = ofKind(effects, 'send');
  expect(sends.map(({ to, afterSyncSeq, messages }) => [to, afterSyncSeq, messages.length])).toEqual([
    [2, 2, 50],
  ]);
  expect(effects[0]?.kind).toBe('persist');
});

test('the groups that a node leads share one beat of the heartbeat', () => {
  const host = new Host(20);
  host.start();
  host.sync();
  host.lead();
  const dueUs = host.node.deadlineUs;
  host.nowUs = dueUs;
  const effects = host.step({ kind: 'tick' });
  expect(ofKind(effects, 'send').map(({ to, messages }) => [to, messages.length])).toEqual([
    [2, 20],
    [3, 20],
  ]);
  expect(new Set(sent(effects).map(({ message }) => message.kind))).toEqual(new Set(['heartbeatRequest']));
  expect(host.node.deadlineUs).toBe(dueUs + defaultRaftOptions.heartbeatIntervalUs);
});

test('a sync concerns only the groups that had something on the way', () => {
  const host = new Host(3);
  host.start();
  host.sync();
  host.receive(2, () => appendRequest({ term: 1, entries: commands(1, 1), commitIndex: 1 }), [groupId(2)]);
  expect(host.sync()).toEqual([{ kind: 'committed', group: 2 }]);
  expect(host.node.view(groupId(2)).syncedIndex).toBe(1);
  expect(host.node.view(groupId(1)).lastIndex).toBe(0);
});

test('one group’s news and another’s acknowledgement wait for the disk each on its own', () => {
  const host = new Host(2);
  host.start();
  host.sync();
  const effects = host.step({
    kind: 'received',
    from: nodeId(2),
    messages: [
      { group: groupId(1), message: appendRequest({ term: 1, entries: commands(1, 1) }) },
      { group: groupId(2), message: appendRequest({ term: 0 }) },
    ],
  });
  expect(sent(effects).map(({ afterSyncSeq }) => afterSyncSeq)).toEqual([2, 0]);
});

test('messages of a group that the node does not hold are ignored', () => {
  const host = new Host(1);
  host.start();
  expect(host.receive(2, () => heartbeat(9), [groupId(77)])).toEqual([]);
});

test('every group keeps its own vote and log in the log that they share, across restarts', () => {
  const host = new Host(5);
  host.start();
  host.sync();
  for (const group of host.groups) {
    host.receive(
      2,
      () =>
        appendRequest({ term: group, entries: commands(1, ...Array.from({ length: group }, () => group)) }),
      [group],
    );
  }
  host.sync();
  host.segments.crash();
  host.start();
  for (const group of host.groups) {
    expect(host.node.view(group).term).toBe(group);
    expect(host.node.view(group).lastIndex).toBe(group);
    expect(host.node.view(group).termAt(group)).toBe(group);
  }
});

test('a group that lags does not pin the log: the little that is alive is written again', () => {
  const host = new Host(2, 2_000);
  host.start();
  host.sync();
  host.receive(2, () => appendRequest({ term: 1, entries: commands(1, 1), commitIndex: 1 }));
  host.sync();
  const busy = groupId(2);
  for (let index = 2; index <= 600; index += 1) {
    const append = appendRequest({
      term: 1,
      previous: [index - 1, 1],
      entries: commands(index, 1),
      commitIndex: index,
    });
    host.receive(2, () => append, [busy]);
    host.sync();
    for (const entry of host.node.take(busy, 1_000))
      host.step({ kind: 'applied', group: busy, index: entry.index });
    host.step({ kind: 'compacted', group: busy, index: index - 2 });
  }
  expect(host.segments.list('log/').length).toBeLessThanOrEqual(6);
  host.sync();
  host.segments.crash();
  const [entry] = host.node.view(groupId(1)).entries(1, 1, 1_000);
  expect(entry).toEqual(commands(1, 1)[0]);
});

test('before a file goes, what was given up in it is written: the log that is left begins where it says', () => {
  // Longer than changes of the hard state are repeated for: nothing else is to be written.
  const host = new Host(2, 2 * restatedForBytes);
  host.start();
  host.sync();
  const [quiet, busy] = [groupId(1), groupId(2)];
  host.receive(2, () => appendRequest({ term: 1, entries: commands(1, 1), commitIndex: 1 }));
  host.sync();
  host.node.take(quiet, 1_000);
  host.step({ kind: 'applied', group: quiet, index: 1 });
  // Two files, the older of which is needed for the quiet group's entry and, until it is given up, for the other's.
  for (let index = 2; host.segments.list('log/').length < 2; index += 1) {
    host.receive(
      2,
      () =>
        appendRequest({ term: 1, previous: [index - 1, 1], entries: commands(index, 1), commitIndex: index }),
      [busy],
    );
    host.sync();
  }
  const entries = host.node.take(busy, 1 << 20);
  const last = entries.at(-1)?.index ?? 0;
  host.step({ kind: 'applied', group: busy, index: last });
  expect(host.step({ kind: 'compacted', group: busy, index: last })).toEqual([]);
  const effects = host.step({ kind: 'compacted', group: quiet, index: 1 });
  expect(effects.map(({ kind }) => kind)).toEqual(['persist', 'removeSegments']);
  host.segments.sync();
  host.segments.crash();
  const recovered = host.recoverFrom([
    [quiet, 1],
    [busy, last],
  ]);
  expect(recovered.view(quiet).firstIndex).toBe(2);
  expect(recovered.view(busy).firstIndex).toBe(last + 1);
});

test('damage to one group’s batch costs the other groups nothing, as far as their records bear witness to it', () => {
  const host = new Host(3);
  host.start();
  host.sync();
  const append = (group: number, index: number): void => {
    const previous = [index - 1, index === 1 ? 0 : 1] as const;
    host.receive(2, () => appendRequest({ term: 1, previous, entries: commands(index, 1) }), [
      groupId(group),
    ]);
    host.sync();
  };
  for (const group of [1, 2, 3]) append(group, 1);
  // Changes of the hard state are repeated for a while: what a later batch repeats is known behind the hole.
  const from = host.segments.list('log/')[0]?.lengthBytes ?? 0;
  append(1, 2);
  append(2, 2);
  append(1, 3);
  host.segments.damage(host.segments.list('log/')[0]?.file ?? '', from + 44);
  host.start();
  expect(host.groups.map((group) => host.node.view(group).repairing)).toEqual([true, false, false]);
  expect(host.groups.map((group) => host.node.view(group).lastIndex)).toEqual([1, 2, 1]);
});

test('a change of term or vote is repeated in later batches, so that damage to its own does not lose it', () => {
  const host = new Host(2);
  host.start();
  host.sync();
  const from = host.segments.list('log/')[0]?.lengthBytes ?? 0;
  // Group 2 votes, and is not heard of again; group 1 goes on.
  host.receive(
    3,
    () => ({ kind: 'voteRequest', term: 4, lastIndex: 0, lastTerm: 0, preVote: false, transfer: false }),
    [groupId(2)],
  );
  host.sync();
  for (let index = 1; index <= 3; index += 1) {
    const previous = [index - 1, index === 1 ? 0 : 1] as const;
    host.receive(2, () => appendRequest({ term: 1, previous, entries: commands(index, 1) }), [groupId(1)]);
    host.sync();
  }
  host.segments.damage(host.segments.list('log/')[0]?.file ?? '', from + 44);
  host.start();
  const { term, vote } = host.node.view(groupId(2));
  expect([term, vote]).toEqual([4, 3]);
  expect(host.node.view(groupId(1)).repairing).toBe(false);
});

test('the deadlines of many groups: no group is missed, and each has one place', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(1_000)), { maxLength: 60 }), (changes) => {
      const heap = new DeadlineHeap<number>();
      const due = new Map<number, number>();
      let nowUs = 0;
      for (const [item, atUs] of changes) {
        if (atUs > nowUs) {
          heap.schedule(item, atUs);
          due.set(item, atUs);
        } else {
          nowUs = Math.max(nowUs, atUs);
        }
        expect(heap.size).toBe(due.size);
        expect(heap.earliestUs).toBeLessThanOrEqual(Math.min(Infinity, ...due.values()));
      }
      // What was put off is found out when its old time comes.
      const seen = new Map<number, number>();
      for (let atUs = 0; atUs <= 1_001; atUs += 1) {
        for (let item = heap.popDue(atUs); item !== undefined; item = heap.popDue(atUs)) {
          const wanted = due.get(item) ?? 0;
          if (wanted > atUs) heap.schedule(item, wanted);
          else seen.set(item, Math.max(atUs, wanted));
        }
      }
      expect(new Map([...seen].sort((left, right) => left[0] - right[0]))).toEqual(
        new Map([...due].sort((left, right) => left[0] - right[0])),
      );
    }),
  );
});
