import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeDatagram, encodeDatagram, encodeMessage } from '../../../core/swim/datagram-codec.ts';
import { SwimNode } from '../../../core/swim/node.ts';
import { memberStates, type SwimMessage } from '../../../core/swim/types.ts';
import { transcribed } from '../../../sim/capture-check.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { changesIn, recordOf, rumorOf, sentOf, Subject } from './subject.ts';

const second = 1_000_000;

describe('probes', () => {
  test('a ping is answered to where it came from; one for another that lived here is not', () => {
    const subject = new Subject();
    expect(subject.receive('b', { kind: 'ping', seq: 7, from: 'b', target: 'a' })).toEqual([
      { kind: 'sent', to: 'b:1', messages: [{ kind: 'ack', seq: 7, from: 'a' }] },
    ]);
    expect(subject.receive('b', { kind: 'ping', seq: 7, from: 'b', target: 'c' })).toEqual([]);
  });

  test('everybody is probed once a round, one a period (SWIM §4.3)', () => {
    const subject = new Subject({ syncIntervalUs: 900 * second });
    const names = ['b', 'c', 'd', 'e', 'f'];
    subject.meet(...names);
    const rounds: string[] = [];
    for (let period = 0; period < 2 * names.length; period += 1) {
      const [probe] = sentOf(subject.runUntil(subject.nowUs + second), 'ping');
      rounds.push(probe?.message.target ?? '');
      if (probe !== undefined)
        subject.receive(probe.message.target, {
          kind: 'ack',
          seq: probe.message.seq,
          from: probe.message.target,
        });
    }
    expect(rounds.slice(0, 5).toSorted()).toEqual(names);
    expect(rounds.slice(5).toSorted()).toEqual(names);
  });

  test('who does not answer is looked at through k others, then suspected, then dead (SWIM §3.1, §4.2)', () => {
    const subject = new Subject({ indirectProbes: 2 });
    subject.meet('b');
    const probe = firstProbe(subject);
    subject.meet('c', 'd', 'e');
    const asked = sentOf(subject.runUntil(subject.nowUs + second / 2), 'pingRequest');
    expect(asked).toHaveLength(2);
    for (const { to, message } of asked) {
      expect(['c:1', 'd:1', 'e:1']).toContain(to);
      expect(message).toEqual({ ...probe, kind: 'pingRequest', targetAddress: 'b:1' });
    }
    expect(changesIn(subject.runUntil(subject.nowUs + second / 2))).toEqual(['b suspected']);
    expect(subject.stateOf('b')).toBe('suspect@0');
    expect(changesIn(subject.runUntil(subject.nowUs + 30 * second))).toContain('b died');
  });

  test('an answer that comes through another counts as one', () => {
    const subject = new Subject();
    subject.meet('b');
    const { seq } = firstProbe(subject);
    subject.meet('c');
    subject.runUntil(subject.nowUs + second / 2);
    subject.receive('c', { kind: 'ack', seq, from: 'b' });
    subject.runUntil(subject.nowUs + second / 2 - 1_000);
    expect(subject.stateOf('b')).toBe('alive@0');
  });

  test('who is asked to look does, and says what it heard, and before that that it heard nothing (Lifeguard §IV-A)', () => {
    const subject = new Subject({ syncIntervalUs: 900 * second });
    const request: SwimMessage = {
      kind: 'pingRequest',
      seq: 9,
      from: 'b',
      target: 'c',
      targetAddress: 'c:1',
    };
    const [ping] = sentOf(subject.receive('b', request), 'ping');
    expect(ping).toEqual({ to: 'c:1', message: { kind: 'ping', seq: 1, from: 'a', target: 'c' } });
    const silent = subject.runUntil(subject.nowUs + (2 * second) / 5);
    expect(sentOf(silent, 'nack')).toEqual([{ to: 'b:1', message: { kind: 'nack', seq: 9, from: 'a' } }]);
    expect(subject.receive('c', { kind: 'ack', seq: 1, from: 'c' })).toEqual([
      { kind: 'sent', to: 'b:1', messages: [{ kind: 'ack', seq: 9, from: 'c' }] },
    ]);
  });

  test('one that hears neither answer nor nack takes its time for slower; what it hears makes it well again', () => {
    const subject = new Subject();
    subject.meet('b', 'c', 'd');
    subject.runUntil(3 * second);
    expect(subject.node.healthScore).toBeGreaterThan(0);
    const before = subject.node.healthScore;
    const [probe] = sentOf(subject.runUntil(30 * second), 'ping').slice(-1);
    const score = subject.node.healthScore;
    expect(score).toBeGreaterThanOrEqual(before);
    if (probe === undefined) throw new Error('nobody was probed');
    subject.receive(probe.message.target, {
      kind: 'ack',
      seq: probe.message.seq,
      from: probe.message.target,
    });
    expect(subject.node.healthScore).toBe(score - 1);
  });

  test('who is suspected is told so with the ping itself (Lifeguard §IV-C)', () => {
    const subject = new Subject();
    subject.meet('b');
    subject.hear(rumorOf('b', { state: 'suspect', from: 'c' }));
    const probes = subject.runUntil(2 * second).flatMap((effect) => {
      return effect.kind === 'sent' && effect.messages[1]?.kind === 'ping' ? [effect.messages[0]] : [];
    });
    expect(probes[0]).toEqual({ kind: 'rumor', rumor: rumorOf('b', { state: 'suspect', from: 'c' }) });
  });
});

describe('what is believed', () => {
  test('who is suspected of an earlier incarnation says again what it is, with its answer to the one that has missed it', () => {
    const subject = new Subject();
    subject.meet('b');
    subject.hear(rumorOf('a', { state: 'suspect', incarnation: 0, from: 'b' }));
    subject.runUntil(20 * second);
    const stale: SwimMessage = {
      kind: 'rumor',
      rumor: rumorOf('a', { state: 'suspect', incarnation: 0, from: 'b' }),
    };
    const said = subject.receive('b', stale, { kind: 'ping', seq: 7, from: 'b', target: 'a' });
    const rumor = rumorOf('a', { incarnation: 1 });
    const messages = [
      { kind: 'ack', seq: 7, from: 'a' },
      { kind: 'rumor', rumor },
    ];
    expect(said).toEqual([{ kind: 'sent', to: 'b:1', messages }]);
  });

  test('of all that is heard of a member the last word counts, in whatever order it is heard (SWIM §4.2)', () => {
    const rumor = fc.record({
      state: fc.constantFrom(...memberStates),
      incarnation: fc.integer({ min: 0, max: 3 }),
      from: fc.constantFrom('c', 'd', 'e'),
    });
    fc.assert(
      fc.property(fc.array(rumor, { minLength: 1, maxLength: 12 }), (heard) => {
        const subject = new Subject();
        subject.meet('b');
        for (const changes of heard) subject.hear(rumorOf('b', changes));
        const rank = (state: string) => memberStates.findIndex((other) => other === state);
        const [last] = [{ state: 'alive', incarnation: 0 }, ...heard].toSorted((left, right) => {
          return right.incarnation - left.incarnation || rank(right.state) - rank(left.state);
        });
        expect(subject.stateOf('b')).toBe(`${last?.state ?? ''}@${last?.incarnation ?? 0}`);
      }),
    );
  });

  test('who hears that it is suspected says that it is alive, in a higher incarnation, and takes itself for slow', () => {
    const subject = new Subject();
    subject.meet('b');
    subject.hear(rumorOf('a', { state: 'suspect', incarnation: 4, from: 'b' }));
    expect(subject.node.self.incarnation).toBe(5);
    expect(subject.node.healthScore).toBe(1);
    const rumors = sentOf(subject.runUntil(second), 'rumor').map(({ message }) => message.rumor);
    expect(rumors).toContainEqual(rumorOf('a', { incarnation: 5 }));
  });

  test('a suspicion that others confirm is shorter, one confirmation each', () => {
    const patience = (...by: readonly string[]): number => {
      const subject = new Subject({ healthMax: 1 });
      // The probe that is under way confirms as well: it is left out by suspecting one that is not probed yet.
      subject.meet('b', 'c', 'd', 'e');
      for (const from of by) subject.hear(rumorOf('b', { state: 'suspect', from }));
      const known = subject.node.others.find(({ record }) => record.name === 'b');
      return known?.suspicion?.by.length ?? 0;
    };
    expect(patience('c')).toBe(1);
    expect(patience('c', 'c')).toBe(1);
    expect(patience('c', 'd')).toBe(2);
    expect(patience('c', 'd', 'e', 'f', 'g')).toBe(3);
  });

  test('who died is remembered for its time, and nobody is taught of a dead one that it never knew', () => {
    const subject = new Subject({ deadKeptUs: 10 * second });
    subject.meet('b');
    subject.hear(rumorOf('b', { state: 'dead', from: 'c' }));
    subject.hear(rumorOf('d', { state: 'dead', from: 'c' }));
    expect([subject.stateOf('b'), subject.stateOf('d')]).toEqual(['dead@0', undefined]);
    expect(subject.hear(rumorOf('b'))).toEqual([]);
    subject.runUntil(11 * second);
    expect(subject.stateOf('b')).toBeUndefined();
  });

  test('the dead are so many at most, the latest; the living are so many at most, the first', () => {
    const subject = new Subject({ membersMax: 3, deadMax: 2 });
    subject.meet('b', 'c', 'd', 'e');
    expect(subject.node.live.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
    expect(subject.node.counts.crowded).toBe(1);
    for (const name of ['b', 'c', 'd']) subject.hear(rumorOf(name, { state: 'dead', from: 'x' }));
    expect(subject.node.others.map(({ record }) => record.name)).toEqual(['c', 'd']);
  });

  test('of two processes with one name the first is believed, and it is told once', () => {
    const subject = new Subject();
    subject.meet('b');
    const other = rumorOf('b', { incarnation: 5, gossipAddress: 'elsewhere:1' });
    expect(subject.hear(other)).toEqual([{ kind: 'nameTaken', name: 'b', address: 'elsewhere:1' }]);
    expect(subject.hear(other)).toEqual([]);
    expect(subject.stateOf('b')).toBe('alive@0');
    subject.hear(rumorOf('b', { state: 'dead', from: 'c' }));
    expect(changesIn(subject.hear(other))).toEqual(['b joined']);
  });

  test('a dead one in the state of another is a suspect here: it has time to object', () => {
    const subject = new Subject();
    subject.meet('b', 'c');
    const records = [recordOf('b'), recordOf('c', { state: 'dead' })];
    const said = subject.receive('b', { kind: 'sync', from: 'b', wantsAnswer: false, records });
    expect(changesIn(said)).toEqual(['c suspected']);
    expect(said).toContainEqual({ kind: 'clusterJoined', by: 'b' });
  });
});

describe('whole states', () => {
  test('seeds are asked until another is known, and whoever asks is answered', () => {
    const subject = new Subject({}, ['b:1', 'a:1']);
    const asked = sentOf(subject.runUntil(3 * second), 'sync');
    expect(asked.length).toBeGreaterThanOrEqual(3);
    // Its own address among the seeds is passed over.
    expect(new Set(asked.map(({ to }) => to))).toEqual(new Set(['b:1']));
    expect(asked[0]?.message).toEqual({
      kind: 'sync',
      from: 'a',
      wantsAnswer: true,
      records: [recordOf('a')],
    });
    const sync: SwimMessage = { kind: 'sync', from: 'b', wantsAnswer: true, records: [recordOf('b')] };
    const [answer] = sentOf(subject.receive('b', sync), 'sync');
    expect(answer).toEqual({
      to: 'b:1',
      message: { kind: 'sync', from: 'a', wantsAnswer: false, records: [recordOf('a'), recordOf('b')] },
    });
  });

  test('a state that one datagram does not hold is told in several, each within the bound, once each', () => {
    const subject = new Subject();
    const names = Array.from({ length: 120 }, (_, at) => `member-${at}`);
    subject.meet(...names);
    const sync: SwimMessage = { kind: 'sync', from: 'b', wantsAnswer: true, records: [recordOf('b')] };
    const datagram = encodeDatagram('test', [encodeMessage(sync)]);
    const effects = subject.node.step({ kind: 'received', from: 'b:1', datagram }, 0);
    const sent = effects.flatMap((effect) => (effect.kind === 'send' ? [effect.datagram] : []));
    expect(sent.length).toBeGreaterThan(3);
    for (const { length } of sent) expect(length).toBeLessThanOrEqual(1_400);
    const told = sent.flatMap((bytes) => {
      return decodeDatagram(bytes).messages.flatMap((part) => (part.kind === 'sync' ? part.records : []));
    });
    expect(told.map(({ name }) => name).toSorted()).toEqual(['a', 'b', ...names].toSorted());
  });

  test('so many states are sent in answer within a period, and no more', () => {
    const subject = new Subject({ syncAnswersMax: 2 });
    const sync: SwimMessage = { kind: 'sync', from: 'b', wantsAnswer: true, records: [recordOf('b')] };
    const ask = () => sentOf(subject.receive('b', sync), 'sync').length;
    expect([ask(), ask(), ask()]).toEqual([1, 1, 0]);
    expect(subject.node.counts.syncsRefused).toBe(1);
    subject.nowUs += second;
    expect(ask()).toBe(1);
  });
});

describe('leaving', () => {
  test('who leaves says so as often as anything is said, and is done', () => {
    const subject = new Subject();
    subject.meet('b', 'c');
    subject.leave();
    const said = subject.runUntil(60 * second);
    const rumors = sentOf(said, 'rumor').filter(({ message }) => message.rumor.name === 'a');
    expect(rumors.length).toBeGreaterThan(0);
    for (const { message } of rumors) expect(message.rumor.state).toBe('left');
    expect(said.at(-1)).toEqual({ kind: 'departed' });
    expect(subject.node.deadlineUs).toBe(Infinity);
    expect(subject.receive('b', { kind: 'ping', seq: 1, from: 'b', target: 'a' })).toEqual([]);
  });

  test('alone it is done at once', () => {
    const subject = new Subject();
    subject.leave();
    expect(subject.runUntil(0)).toEqual([{ kind: 'departed' }]);
  });
});

test('datagrams of another cluster and damaged ones are counted, and change nothing', () => {
  const subject = new Subject();
  const message = encodeMessage({ kind: 'rumor', rumor: rumorOf('b') });
  const foreign = encodeDatagram('another', [message]);
  expect(subject.node.step({ kind: 'received', from: 'b:1', datagram: foreign }, 0)).toEqual([]);
  const damaged = encodeDatagram('test', [message]).with(12, 0);
  expect(subject.node.step({ kind: 'received', from: 'b:1', datagram: damaged }, 0)).toEqual([]);
  expect(subject.node.counts).toEqual({ foreign: 1, damaged: 1, crowded: 0, syncsRefused: 0 });
  expect(subject.node.others).toEqual([]);
});

test('a member that was restored from what was captured does what the other does', () => {
  const subject = new Subject({}, ['z:1']);
  subject.meet('b', 'c', 'd', 'e');
  subject.hear(rumorOf('c', { state: 'suspect', from: 'b' }));
  subject.hear(rumorOf('d', { state: 'dead', from: 'b' }));
  const request: SwimMessage = { kind: 'pingRequest', seq: 9, from: 'b', target: 'c', targetAddress: 'c:1' };
  subject.receive('b', request);
  subject.runUntil(2 * second);
  const other = new Subject({}, ['z:1']);
  const captured = transcribed(subject.node.capture());
  other.node = SwimNode.restore(subject.config, seededPrng('another'), captured, subject.nowUs);
  other.nowUs = subject.nowUs;
  expect(other.runUntil(90 * second)).toEqual(subject.runUntil(90 * second));
  expect(other.node.capture()).toEqual(subject.node.capture());
});

function firstProbe(subject: Subject): Extract<SwimMessage, { kind: 'ping' }> {
  for (;;) {
    const before = subject.node.deadlineUs;
    const [probe] = sentOf(subject.runUntil(before), 'ping');
    if (probe !== undefined) return probe.message;
  }
}
