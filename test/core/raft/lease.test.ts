import { describe, expect, test } from 'vitest';
import { countableUs } from '../../../core/raft/lease.ts';
import { defaultRaftOptions, type RaftNodeEffect, type RaftOptions } from '../../../core/raft/types.ts';
import { Cluster, group1, voters } from './cluster.ts';
import { accepted, alone, beaten, heartbeat, ofKind, received, sent, sentOf, voteRequest } from './scene.ts';

const T = defaultRaftOptions.electionTimeoutUs;
const driftPpm = 10_000;
const leaseReads: Partial<RaftOptions> = { leaseReads: { clockDriftPpmMax: driftPpm } };
/** How long a lease lasts from the sending of the heartbeat on which it rests. */
const lease = countableUs(T, driftPpm);

/** Member 1 of three leads term 1 since `nowUs`; the others are played by the test. */
function lead(options: Partial<RaftOptions> = leaseReads): Cluster {
  const cluster = new Cluster({ members: 3, options });
  alone(cluster);
  cluster.nowUs += 2 * T;
  cluster.step(1, { kind: 'tick' });
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: true, granted: true }));
  cluster.sync(1);
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: false, granted: true }));
  cluster.sync(1);
  return cluster;
}

function committed(options?: Partial<RaftOptions>): Cluster {
  const cluster = lead(options);
  for (const id of [2, 3]) cluster.step(1, received(id, accepted(1, 1)));
  return cluster;
}

/** The next heartbeat goes out; returns when, by the leader's clock. */
function beat(cluster: Cluster): number {
  cluster.nowUs = cluster.member(1).node.deadlineUs;
  const [request] = sentOf(cluster.step(1, { kind: 'tick' }), 'heartbeatRequest');
  expect(request?.sentUs).toBe(cluster.nowUs);
  return cluster.nowUs;
}

const read = (cluster: Cluster, context: number, id = 1): readonly RaftNodeEffect[] =>
  cluster.step(id, { kind: 'readRequested', group: group1, context });

const ready = (effects: readonly RaftNodeEffect[]): readonly number[] =>
  ofKind(effects, 'readReady').map(({ context }) => context);

const promise = (sentUs: number, promisedUs = T, boot = 1) =>
  beaten({ term: 1, sentUs, promisedUs, boot, lastIndex: 1 });

describe('what a leader may count on', () => {
  test('is the promise, shortened by the drift of both clocks (dissertation §6.4.1)', () => {
    expect(countableUs(1_000_001, 0)).toBe(999_999);
    expect(countableUs(1_000_001, 10_000)).toBe(Math.floor((1_000_000 * 99) / 101) - 1);
    // However slow the leader's clock and fast the other's, within the bound the lease ends first.
    for (const ppm of [0, 1, 200, 50_000, 500_000]) {
      const leaderUs = (countableUs(T, ppm) + 1) / (1 - ppm / 1e6);
      const promiserUs = (T - 1) / (1 + ppm / 1e6);
      expect(leaderUs).toBeLessThanOrEqual(promiserUs + 1e-6);
      // And not much sooner: a lease that is over at once would be as right.
      expect(leaderUs).toBeGreaterThan(promiserUs - 5);
    }
  });

  test('is nothing where the bound is none', () => {
    expect(() => countableUs(T, 1_000_000)).toThrow('millionths');
    expect(() => countableUs(T, -1)).toThrow('millionths');
    expect(() => countableUs(T, 0.5)).toThrow('millionths');
  });
});

describe('the leader', () => {
  test('reads at once while a quorum is under a promise, and no longer', () => {
    const cluster = committed();
    const sentUs = beat(cluster);
    cluster.nowUs += 50_000;
    cluster.step(1, received(2, promise(sentUs)));
    const effects = read(cluster, 50);
    expect(effects).toEqual([{ kind: 'readReady', group: group1, context: 50, index: 1 }]);
    cluster.nowUs = sentUs + lease - 1;
    expect(ready(read(cluster, 51))).toEqual([51]);
    cluster.nowUs += 1;
    // Over: from now on it asks.
    const asked = read(cluster, 52);
    expect(ready(asked)).toEqual([]);
    expect(sentOf(asked, 'heartbeatRequest')[0]).toMatchObject({ readSeq: 1 });
    expect(ready(cluster.step(1, received(3, beaten({ term: 1, readSeq: 1, lastIndex: 1 }))))).toEqual([52]);
  });

  test('counts from when the heartbeat was sent, not from when it was answered', () => {
    const cluster = committed();
    const sentUs = beat(cluster);
    cluster.nowUs = sentUs + lease - 2;
    cluster.step(1, received(2, promise(sentUs)));
    expect(ready(read(cluster, 50))).toEqual([50]);
    cluster.nowUs += 2;
    expect(ready(read(cluster, 51))).toEqual([]);
  });

  test('takes an answer to an older heartbeat for what it is, and lets it take nothing back', () => {
    const cluster = committed();
    const firstUs = beat(cluster);
    const secondUs = beat(cluster);
    cluster.step(1, received(2, promise(secondUs)));
    cluster.step(1, received(2, promise(firstUs)));
    cluster.nowUs = firstUs + lease;
    expect(ready(read(cluster, 50))).toEqual([50]);
    cluster.nowUs = secondUs + lease;
    cluster.step(1, received(2, promise(firstUs)));
    expect(ready(read(cluster, 51))).toEqual([]);
  });

  test('has no lease from members that promise nothing, nor from itself alone, nor from a time that has not come', () => {
    const cluster = committed();
    const sentUs = beat(cluster);
    expect(ready(read(cluster, 50))).toEqual([]);
    cluster.step(1, received(2, promise(sentUs, 0)));
    expect(ready(read(cluster, 51))).toEqual([]);
    cluster.step(1, received(2, promise(sentUs + 10 * T)));
    expect(ready(read(cluster, 52))).toEqual([]);
  });

  test('keeps none where the option is off, whatever it is promised', () => {
    const cluster = committed({});
    cluster.nowUs = cluster.member(1).node.deadlineUs;
    const beats = sentOf(cluster.step(1, { kind: 'tick' }), 'heartbeatRequest');
    expect(beats.map(({ sentUs }) => sentUs)).toEqual([0, 0]);
    cluster.step(1, received(2, promise(cluster.nowUs)));
    expect(ready(read(cluster, 50))).toEqual([]);
  });

  test('reads nothing before the first commit of its term, lease or not (dissertation §6.4)', () => {
    const cluster = lead();
    const sentUs = beat(cluster);
    cluster.step(1, received(2, promise(sentUs)));
    expect(ready(read(cluster, 50))).toEqual([]);
    cluster.step(1, received(2, accepted(1, 1)));
    expect(ready(read(cluster, 51))).toEqual([51]);
  });

  test('answers what followers ask on the same lease', () => {
    const cluster = committed();
    cluster.step(1, received(2, promise(beat(cluster))));
    const request = { kind: 'readIndexRequest', term: 1, boot: 1, context: 7 } as const;
    expect(sentOf(cluster.step(1, received(3, request)), 'readIndexResponse')).toEqual([
      { kind: 'readIndexResponse', term: 1, boot: 1, context: 7, index: 1 },
    ]);
  });

  test('gives up its lease for the rest of its term before it hands the leadership over', () => {
    const cluster = committed();
    cluster.step(1, received(2, promise(beat(cluster))));
    expect(ready(read(cluster, 50))).toEqual([50]);
    const effects = cluster.step(1, { kind: 'transferRequested', group: group1, to: 2 as never });
    expect(sentOf(effects, 'timeoutNow')).toHaveLength(1);
    expect(ready(read(cluster, 51))).toEqual([]);
    // The transfer is given up, but its message may still arrive: rounds from now on, leases never.
    cluster.nowUs += 1;
    for (let beats = 0; beats < 15; beats += 1) {
      const sentUs = beat(cluster);
      for (const id of [2, 3]) cluster.step(1, received(id, promise(sentUs)));
    }
    expect(cluster.member(1).view.role).toBe('leader');
    expect(ready(read(cluster, 52))).toEqual([]);
  });

  test('counts a member that has started anew as before: it keeps a promise that it has forgotten', () => {
    const cluster = committed();
    const sentUs = beat(cluster);
    cluster.step(1, received(2, promise(sentUs)));
    cluster.step(1, received(2, promise(0, 0, 2)));
    expect(ready(read(cluster, 50))).toEqual([50]);
  });

  test('needs both majorities in a joint configuration (Raft §4.3)', () => {
    const initial = { voters: [1, 2, 3], outgoing: [], learners: [] } as never;
    const cluster = new Cluster({ members: 5, options: leaseReads, initial });
    cluster.elect(1);
    cluster.cut.add('4>1');
    cluster.cut.add('5>1');
    cluster.run(200_000);
    expect(ready(read(cluster, 50))).toEqual([50]);
    const configuration = voters(1, 4, 5);
    cluster.step(1, { kind: 'configurationProposed', group: group1, configuration });
    cluster.settle();
    expect(ready(read(cluster, 51))).toEqual([]);
    cluster.cut.clear();
    cluster.run(200_000);
    expect(ready(read(cluster, 52))).toEqual([52]);
    expect(cluster.member(1).view.configuration).toEqual(configuration);
  });

  test('counts no learner', () => {
    const initial = { voters: [1, 2, 3], outgoing: [], learners: [4] } as never;
    const cluster = new Cluster({ members: 4, options: leaseReads, initial });
    cluster.elect(1);
    cluster.cut.add('2>1');
    cluster.cut.add('3>1');
    cluster.run(lease - 1);
    cluster.step(1, { kind: 'tick' });
    expect(cluster.member(1).view.role).toBe('leader');
    cluster.run(100_000);
    expect(ready(read(cluster, 50))).toEqual([]);
  });

  test('that stands alone reads at once', () => {
    const cluster = new Cluster({ members: 1, options: leaseReads });
    cluster.run(3 * T);
    expect(ready(read(cluster, 50))).toEqual([50]);
  });
});

describe('who answers a heartbeat', () => {
  /** Member 1 follows member 2 in term 1 since `nowUs`, long after its start. */
  function follower(options: Partial<RaftOptions> = leaseReads): Cluster {
    const cluster = new Cluster({ members: 3, options });
    alone(cluster);
    cluster.nowUs += T;
    const [answer] = sentOf(cluster.step(1, received(2, heartbeat(1, 0, 0, 77))), 'heartbeatResponse');
    const promisedUs = options.leaseReads === undefined ? 0 : T;
    expect(answer).toMatchObject({ sentUs: 77, promisedUs });
    return cluster;
  }

  const granted = (effects: readonly RaftNodeEffect[]): readonly boolean[] =>
    sentOf(effects, 'voteResponse').map((message) => message.granted);

  test('promises its election time-out, and votes for nobody meanwhile', () => {
    const cluster = follower();
    cluster.nowUs += T - 1;
    for (const preVote of [true, false])
      expect(sent(cluster.step(1, received(3, voteRequest({ term: 2, preVote }))))).toEqual([]);
    expect(cluster.member(1).view.term).toBe(1);
    cluster.nowUs += 1;
    expect(granted(cluster.step(1, received(3, voteRequest({ term: 2, preVote: true }))))).toEqual([true]);
    expect(granted(cluster.step(1, received(3, voteRequest({ term: 2 }))))).toEqual([true]);
  });

  test('keeps the promise in a later term too, of which it heard from somebody who leads nothing', () => {
    for (const option of [leaseReads, {}]) {
      const cluster = follower(option);
      cluster.step(1, received(3, beaten({ term: 2 })));
      expect(cluster.member(1).view.term).toBe(2);
      cluster.nowUs += T - 1;
      // Without the option, nothing rests on it.
      expect(granted(cluster.step(1, received(3, voteRequest({ term: 2 }))))).toEqual([
        option !== leaseReads,
      ]);
      cluster.nowUs += 1;
      expect(granted(cluster.step(1, received(3, voteRequest({ term: 2 }))))).toEqual([true]);
    }
  });

  test('votes at once where its leader has asked for the campaign (dissertation §3.10)', () => {
    const cluster = follower();
    expect(granted(cluster.step(1, received(3, voteRequest({ term: 2, transfer: true }))))).toEqual([true]);
  });

  test('and starts anew votes for nobody until its forgotten promise is over', () => {
    const cluster = follower();
    cluster.sync(1);
    cluster.crash(1);
    cluster.nowUs += 10;
    cluster.restart(1);
    cluster.nowUs += T - 1;
    for (const preVote of [true, false])
      expect(sent(cluster.step(1, received(3, voteRequest({ term: 2, preVote }))))).toEqual([]);
    cluster.nowUs += 1;
    expect(granted(cluster.step(1, received(3, voteRequest({ term: 2 }))))).toEqual([true]);
  });

  test('and is the only voter by its own log campaigns no earlier either', () => {
    const cluster = new Cluster({ members: 1, options: leaseReads });
    cluster.run(T - 1);
    expect(cluster.member(1).view.role).toBe('follower');
    cluster.run(T + 1);
    expect(cluster.member(1).view.role).toBe('leader');
  });
});
