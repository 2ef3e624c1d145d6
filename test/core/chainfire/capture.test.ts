import { describe, expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { WatchCreateRequest, WatchRequest } from '../../../core/chainfire/api/watch.ts';
import { ChainfireMember, defaultMemberConfig } from '../../../core/chainfire/member.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
} from '../../../core/chainfire/member-protocol.ts';
import { transcribed } from '../../../sim/capture-check.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { TestCluster } from './cluster.ts';
import { ask, op, put } from './requests.ts';

/** What the swarm seldom reaches, or never: checksums, a leader that hands over, watches of the future, streams that are full. */
const config: Partial<MemberConfig> = {
  compactionBatch: 8,
  streamBytesMax: 2_000,
  watchFragmentBytes: 300,
  watchProgressIntervalUs: 400_000,
  trailingEntries: 20,
  initialCorruptionCheck: true,
  corruptionCheckIntervalUs: 1_500_000,
};

/** A cluster whose members make way, after every step, for others that were restored from them; or do not. */
class Exchanging extends TestCluster {
  readonly said: (readonly [node: number, effects: readonly MemberEffect[]])[] = [];
  readonly #exchanges: boolean;
  readonly #size: number;

  constructor(size: number, exchanges: boolean) {
    super(size, config);
    this.#size = size;
    this.#exchanges = exchanges;
  }

  override step(id: number, event: MemberEvent): readonly MemberEffect[] {
    const effects = super.step(id, event);
    this.said.push([id, effects]);
    if (this.#exchanges) this.exchange(id);
    return effects;
  }

  exchange(id: number): void {
    const node = this.node(id);
    const captured = transcribed(node.member.capture());
    const ports = { store: node.store, segments: node.segments };
    const nowUs = this.clockOf(node);
    node.member = ChainfireMember.restore(ports, this.configOf(id), seededPrng('any'), captured, nowUs);
  }

  configOf(id: number): MemberConfig {
    const ids = Array.from({ length: this.#size }, (_, at) => nodeId(at + 1));
    return {
      ...defaultMemberConfig,
      ...config,
      clusterId: 7n,
      id: nodeId(id),
      initialMembers: ids.map((member) => ({
        id: member,
        name: `m${member}`,
        peerUrls: [`http://m${member}:2380`],
      })),
      clientUrls: ['http://c:2379'],
    };
  }

  watch(id: number, streamId: number, create: Partial<WatchCreateRequest>): void {
    const request = WatchRequest.create({ create: WatchCreateRequest.create(create) });
    this.step(id, { kind: 'streamReceived', streamId, request });
  }
}

const stories: Readonly<Record<string, (cluster: Exchanging) => void>> = {
  'checksums of the whole store, taken in turns while it changes': (cluster) => {
    const leader = cluster.elect();
    for (let at = 0; at < 50; at += 1) {
      const success = Array.from({ length: 100 }, (_, offset) => op.put(put(`k${at * 100 + offset}`, 'v')));
      cluster.call(leader, ask.txn({ success }));
    }
    cluster.send(leader, ask.hashKv());
    cluster.send(leader, { kind: 'hash', request: {} });
    cluster.call(leader, ask.put('k1', 'w'));
    cluster.run(100_000);
    const answered = [...cluster.replies.values()].filter(({ kind }) => kind === 'hash' || kind === 'hashKv');
    expect(answered.length).toBe(2);
  },
  'compaction that is waited for, and requests that are cancelled': (cluster) => {
    const leader = cluster.elect();
    for (let at = 0; at < 40; at += 1) cluster.call(leader, ask.put('k', `${at}`));
    cluster.send(leader, ask.compact(30, true));
    const cancelled = cluster.send(leader, ask.put('k', 'cancelled'));
    cluster.step(leader, { kind: 'cancelled', requestId: cancelled });
    cluster.run(200_000);
  },
  'a leader that hands over, requests at every member, and one that is left alone': (cluster) => {
    const leader = cluster.elect();
    const next = (leader % 3) + 1;
    for (const id of [1, 2, 3]) cluster.send(id, ask.put(`of ${id}`, 'v'));
    cluster.send(leader, { kind: 'moveLeader', request: { targetId: BigInt(next) } });
    for (const id of [1, 2, 3]) cluster.send(id, ask.get(`of ${id}`));
    cluster.run(500_000);
    cluster.crash(leader);
    for (const id of [1, 2, 3]) if (id !== leader) cluster.send(id, ask.put('later', `${id}`));
    cluster.run(5_000_000);
  },
  'a follower that is sent a snapshot': (cluster) => {
    const leader = cluster.elect();
    const late = (leader % 3) + 1;
    cluster.crash(late);
    for (let at = 0; at < 60; at += 1) cluster.call(leader, ask.put(`k${at}`, 'v'));
    cluster.quiesce();
    cluster.restart(late);
    cluster.quiesce();
    expect(cluster.snapshots).toBe(1);
  },
  'leases that are kept, revoked, and run out': (cluster) => {
    const leader = cluster.elect();
    for (const id of [5n, 6n, 0n]) cluster.call(leader, ask.grant(2, id));
    cluster.call(leader, ask.put('leased', 'v', { lease: 5n }));
    for (const id of [1, 2, 3]) cluster.send(id, ask.keepAlive(5n));
    cluster.call(leader, ask.revoke(6n));
    cluster.run(6_000_000);
  },
  'watches of now, of the past, of the future, of ranges, on streams that are full': (cluster) => {
    const leader = cluster.elect();
    for (let at = 0; at < 20; at += 1) cluster.call(leader, ask.put(`k${at % 5}`, 'x'.repeat(100)));
    for (const streamId of [1, 2, 3]) {
      const stream = { kind: 'watch', requireLeader: streamId === 2 } as const;
      cluster.step(leader, { kind: 'streamOpened', streamId, stream });
      cluster.watch(leader, streamId, { key: 'k1', progressNotify: true });
      cluster.watch(leader, streamId, {
        key: 'k',
        rangeEnd: 'l',
        fragment: true,
        startRevision: 3,
        prevKv: true,
      });
      cluster.watch(leader, streamId, { key: 'k2', rangeEnd: 'k4' });
      for (const key of ['k1', 'k2', 'k3']) cluster.watch(leader, streamId, { key, startRevision: 40 });
    }
    for (let at = 0; at < 30; at += 1) {
      const success = ['k1', 'k2', 'k3'].map((key) => op.put(put(key, 'y'.repeat(90))));
      cluster.call(leader, ask.txn({ success }));
      if (at % 7 === 0) cluster.step(leader, { kind: 'streamDrained', streamId: 1, bytes: 500 });
      if (at === 15) cluster.step(leader, { kind: 'streamClosed', streamId: 3 });
      if (at === 20) cluster.call(leader, ask.compact(30));
      const progress = WatchRequest.create({ progress: {} });
      cluster.step(leader, { kind: 'streamReceived', streamId: 2, request: progress });
    }
    cluster.run(2_000_000);
  },
};

describe('a member that makes way after every step for one restored from it says the same', () => {
  test.each(Object.entries(stories))('%s', { timeout: 60_000 }, (_, story) => {
    const plain = new Exchanging(3, false);
    const exchanged = new Exchanging(3, true);
    for (const cluster of [plain, exchanged]) story(cluster);
    expect(exchanged.said.length).toBeGreaterThan(100);
    expect(exchanged.said).toEqual(plain.said);
    expect([...exchanged.replies]).toEqual([...plain.replies]);
  });
});

test('what was captured twice is the same, and again when it has been restored', () => {
  const cluster = new Exchanging(3, false);
  cluster.elect();
  cluster.send(1, ask.put('k', 'v'));
  const captured = cluster.member(1).capture();
  expect(cluster.member(1).capture()).toEqual(captured);
  cluster.exchange(1);
  expect(cluster.member(1).capture()).toEqual(captured);
});

test('a member that was just recovered, and has not been stepped, is captured as any', () => {
  const plain = new Exchanging(3, false);
  const exchanged = new Exchanging(3, false);
  for (const id of [1, 2, 3]) exchanged.exchange(id);
  for (const cluster of [plain, exchanged]) cluster.call(cluster.elect(), ask.put('k', 'v'));
  expect(exchanged.said).toEqual(plain.said);
});

test('another store, another member: refused by name', () => {
  const cluster = new Exchanging(3, false);
  const leader = cluster.elect();
  const captured = cluster.member(leader).capture();
  const restore = (id: number): ChainfireMember => {
    const { store, segments } = cluster.node(leader);
    const nowUs = cluster.clockOf(cluster.node(leader));
    return ChainfireMember.restore(
      { store, segments },
      cluster.configOf(id),
      seededPrng('any'),
      captured,
      nowUs,
    );
  };
  expect(() => restore((leader % 3) + 1)).toThrow(`captured.state.id is ${leader}, not`);
  cluster.call(leader, ask.put('k', 'v'));
  expect(() => restore(leader)).toThrow(
    /captured\.state\.mvcc\.revision is 1, not 2, as where it is restored/,
  );
});
