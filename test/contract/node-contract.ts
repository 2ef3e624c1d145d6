import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { groupId, type NodeId, nodeId } from '../../core/base/ids.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type StoreRow } from '../../core/storage/backend.ts';
import { numbered, numberOf, type NodeSubject } from './node-subject.ts';

const [one, two, three] = [nodeId(1), nodeId(2), nodeId(3)];
const header = {
  group: groupId(1),
  leaderTerm: 3,
  index: 9,
  term: 2,
  configuration: { voters: [one, two, three], outgoing: [], learners: [] },
};

/**
 * The contract of the network and the clock as a machine meets them: from the effect of one node to the event of another,
 * and from a deadline to its tick. Run in both worlds. What only one of them can do is no part of it: the simulated network
 * may lose, double and reorder, the real one may take any time.
 */
export function nodeContract(name: string, open: () => Promise<NodeSubject>): void {
  describe(name, () => suite(open));
}

function suite(open: () => Promise<NodeSubject>): void {
  let subject: NodeSubject;

  async function opened(): Promise<NodeSubject> {
    subject = await open();
    return subject;
  }

  afterEach(async () => {
    await subject.close();
  });

  const received = (node: NodeId) =>
    subject
      .machine(node)
      .ofKind('received')
      .flatMap(({ from, messages }) => messages.map((message) => ({ from, message })));
  const numbersAt = (node: NodeId) => received(node).map(({ message }) => numberOf(message));

  /** A message may be lost while there is no connection: it is sent until one has come. */
  async function link(from: NodeId, to: NodeId): Promise<void> {
    const before = numbersAt(to).length;
    const machine = subject.machine(from);
    machine.script = (event, nowUs) => {
      machine.deadlineUs = nowUs + 20_000;
      return event.kind === 'tick' || event.kind === 'requested' ? [sent(to, 0)] : [];
    };
    subject.poke(from);
    await subject.until(() => numbersAt(to).length > before);
    machine.script = () => [];
    machine.deadlineUs = Infinity;
  }

  describe('the network', () => {
    test('what arrives is what was sent, from whom and to whom it was sent, whatever its size', async () => {
      await opened();
      await link(one, two);
      const sizes = [0, 1, 511, 65_536, 900_000];
      const messages = sizes.map((bytes, at) => numbered(at + 1, bytes));
      subject
        .machine(one)
        .once(() =>
          messages.map((message) => ({ kind: 'send', to: two, messages: [message], afterSyncSeq: 0 })),
        );
      subject.poke(one);
      await subject.until(() => new Set(numbersAt(two)).size > sizes.length);
      for (const { from, message } of received(two)) {
        expect(from).toBe(one);
        if (numberOf(message) > 0) expect(message).toEqual(messages[numberOf(message) - 1]);
      }
      expect(received(three)).toEqual([]);
      expect(received(one)).toEqual([]);
    });

    test('messages of one effect arrive in their order, and not in two events of which one could be lost', async () => {
      await opened();
      await link(one, two);
      const numbers = [5, 3, 4, 1, 2];
      subject
        .machine(one)
        .once(() => [
          { kind: 'send', to: two, messages: numbers.map((number) => numbered(number, 10)), afterSyncSeq: 0 },
        ]);
      subject.poke(one);
      await subject.until(() => numbersAt(two).includes(2));
      const together = subject
        .machine(two)
        .ofKind('received')
        .find(({ messages }) => messages.some((message) => numberOf(message) > 0));
      const arrived = together?.messages.map(numberOf).filter((number) => number > 0) ?? [];
      expect(arrived.slice(0, numbers.length)).toEqual(numbers);
    });

    test('a process hears nothing that was meant for the one before it', async () => {
      await opened();
      await link(one, two);
      subject.machine(one).once(() => Array.from({ length: 50 }, (_, at) => sent(two, at + 1)));
      subject.poke(one);
      await subject.until(() => subject.machine(one).ofKind('requested').length > 1);
      await subject.kill(two);
      await subject.start(two);
      await link(one, two);
      // Whether those of before arrived at the old process is open; the new one starts with a connection of its own.
      expect(numbersAt(two).filter((number) => number > 0)).toEqual([]);
    });

    test('what is said to a node that is down, or to nobody, is lost without a word', async () => {
      await opened();
      await subject.kill(two);
      subject.machine(one).once(() => [sent(two, 1), sent(nodeId(9), 2), sent(three, 3)]);
      subject.poke(one);
      await link(one, three);
      await subject.start(two);
      await link(three, two);
      expect(numbersAt(two)).not.toContain(2);
      expect(numbersAt(three).filter((number) => number > 0 && number !== 3)).toEqual([]);
    });

    test('a send that waits for a sync leaves behind it, one that does not before', async () => {
      await opened();
      await link(one, two);
      const gated: MemberEffect[] = [
        { kind: 'persist', syncSeq: 1, appends: [{ file: 'log/1', bytes: bytesFromLatin1('entry') }] },
        { kind: 'send', to: two, messages: [numbered(1)], afterSyncSeq: 1 },
        { kind: 'send', to: two, messages: [numbered(2)], afterSyncSeq: 0 },
      ];
      subject.machine(one).once(() => gated);
      subject.poke(one);
      await subject.until(() => [1, 2].every((number) => numbersAt(two).includes(number)));
      const { events } = subject.machine(one);
      expect(events.some(({ event }) => event.kind === 'synced' && event.syncSeq === 1)).toBe(true);
    });
  });

  describe('snapshots', () => {
    const rows = (count: number): StoreRow[] =>
      Array.from({ length: count }, (_, at) => [String(at).padStart(6, '0'), bytesFromLatin1(`value ${at}`)]);

    async function fill(count: number): Promise<void> {
      const store = subject.store(one);
      store.write(rows(count).map(([key, value]) => ({ table: 'rows', key, value })));
      store.write([{ table: 'meta', key: 'm', value: bytesFromLatin1('meta') }]);
      await link(one, two);
      subject.machine(one).once(() => [{ kind: 'sendSnapshot', to: two, viewId: store.openView(), header }]);
    }

    for (const count of [0, 1, 3_000]) {
      test(`${count} rows are staged whole, and the sender is told after the receiver`, async () => {
        await opened();
        await fill(count);
        let toldSender = 0;
        let toldReceiver = 0;
        let order = 0;
        const receiver = subject.machine(two);
        receiver.script = (event) => {
          if (event.kind === 'snapshotReceived') toldReceiver = order += 1;
          return [];
        };
        subject.poke(one);
        await subject.until(() => receiver.ofKind('snapshotReceived').length > 0);
        // What was written while it went is not in it: the view is of the moment of the effect.
        const sender = subject.machine(one);
        sender.script = (event) => {
          if (event.kind === 'snapshotSent') toldSender = order += 1;
          return [];
        };
        await subject.until(() => sender.ofKind('snapshotSent').length > 0);
        const [told] = receiver.ofKind('snapshotReceived');
        expect(told).toMatchObject({ from: one, header });
        const store = subject.store(two);
        store.installStage(told?.stageId ?? -1);
        expect([...store.range('rows', { from: '' })]).toEqual(rows(count));
        expect([...store.range('meta', { from: '' })]).toEqual([['m', bytesFromLatin1('meta')]]);
        expect(sender.ofKind('snapshotFailed')).toEqual([]);
        expect(toldReceiver).toBe(1);
        expect([0, 2]).toContain(toldSender);
      });
    }

    test('one to a node that is down fails, and is said to', async () => {
      await opened();
      await fill(10);
      await subject.kill(two);
      subject.poke(one);
      await subject.until(() => subject.machine(one).ofKind('snapshotFailed').length > 0);
      expect(subject.machine(one).ofKind('snapshotSent')).toEqual([]);
    });
  });

  describe('the clock', () => {
    test('time is a safe integer and never goes back', async () => {
      await opened();
      const machine = subject.machine(one);
      let ticks = 0;
      machine.script = (event, nowUs) => {
        if (event.kind === 'tick') ticks += 1;
        machine.deadlineUs = ticks < 200 ? nowUs + ((ticks * 37) % 900) : Infinity;
        return [];
      };
      subject.poke(one);
      await subject.until(() => ticks >= 200);
      let before = -Infinity;
      for (const { nowUs } of machine.events) {
        expect(Number.isSafeInteger(nowUs)).toBe(true);
        expect(nowUs).toBeGreaterThanOrEqual(before);
        before = nowUs;
      }
    });

    test('a tick comes at its deadline or later, never before, and none without one', async () => {
      await opened();
      const delays = fc.sample(
        fc.array(fc.integer({ min: -1_000, max: 9_000 }), { minLength: 40, maxLength: 40 }),
        {
          numRuns: 1,
          seed: 7,
        },
      )[0] as readonly number[];
      const machine = subject.machine(one);
      const early: number[] = [];
      let next = 0;
      let armed = false;
      machine.script = (event: MemberEvent, nowUs) => {
        if (event.kind === 'tick') {
          if (!armed) early.push(-1);
          else if (nowUs < machine.deadlineUs) early.push(next);
        }
        if (event.kind !== 'tick' && event.kind !== 'requested') return [];
        armed = next < delays.length;
        machine.deadlineUs = armed ? nowUs + (delays[next] ?? 0) : Infinity;
        next += 1;
        return [];
      };
      subject.poke(one);
      await subject.until(() => next > delays.length);
      // Others go on; whoever has no deadline is left alone.
      await link(two, three);
      expect(early).toEqual([]);
    });

    test('a deadline that an event brings nearer is kept, and one that is taken back is not', async () => {
      await opened();
      const machine = subject.machine(one);
      const ticks: number[] = [];
      let dueUs = 0;
      machine.script = (event, nowUs) => {
        if (event.kind === 'requested')
          machine.deadlineUs = dueUs = nowUs + (dueUs === 0 ? 600_000_000 : 5_000);
        if (event.kind === 'tick') {
          ticks.push(nowUs);
          machine.deadlineUs = Infinity;
        }
        return [];
      };
      subject.poke(one);
      await subject.until(() => dueUs > 0);
      const farUs = dueUs;
      subject.poke(one);
      await subject.until(() => ticks.length > 0);
      expect(dueUs).toBeLessThan(farUs);
      expect(ticks[0]).toBeGreaterThanOrEqual(dueUs);
      expect(ticks[0]).toBeLessThan(farUs);
    });
  });
}

function sent(to: NodeId, number: number): MemberEffect {
  return { kind: 'send', to, messages: [numbered(number)], afterSyncSeq: 0 };
}
