import { expect, test } from 'vitest';
import { type NodeId } from '../../../../core/base/ids.ts';
import { WatchCreateRequest, WatchRequest } from '../../../../core/chainfire/api/watch.ts';
import { type MemberConfig } from '../../../../core/chainfire/member-protocol.ts';
import { type StreamEffect, TestCluster } from '../cluster.ts';
import { ask, op, put } from '../requests.ts';
import { inWords } from './scene.ts';

/** A cluster and a client of it with streams to any of its members. */
class Watched {
  readonly cluster: TestCluster;
  readonly lines = new Map<number, string[]>();
  #streams = 0;
  #unread: { readonly from: NodeId; readonly streamId: number; readonly bytes: number }[] = [];

  constructor(size: number, config: Partial<MemberConfig> = {}) {
    this.cluster = new TestCluster(size, config);
    this.cluster.onStream = (from, effect) => this.#take(from, effect);
  }

  open(member: number, requireLeader = false): number {
    this.#streams += 1;
    const streamId = this.#streams;
    this.lines.set(streamId, []);
    this.cluster.step(member, { kind: 'streamOpened', streamId, stream: { kind: 'watch', requireLeader } });
    return streamId;
  }

  create(member: number, streamId: number, create: Partial<WatchCreateRequest>): void {
    const request = WatchRequest.create({ create: WatchCreateRequest.create(create) });
    this.cluster.step(member, { kind: 'streamReceived', streamId, request });
  }

  /** The transports take everything. */
  drain(): void {
    const unread = this.#unread;
    this.#unread = [];
    for (const { from, streamId, bytes } of unread) {
      this.cluster.step(from, { kind: 'streamDrained', streamId, bytes });
    }
  }

  heard(streamId: number): readonly string[] {
    return this.lines.get(streamId) ?? [];
  }

  #take(from: NodeId, effect: StreamEffect): void {
    const { streamId } = effect;
    if (effect.kind === 'endStream')
      return void this.lines.get(streamId)?.push(`end ${effect.refusal?.code}`);
    this.lines.get(streamId)?.push(inWords(effect.item));
    this.#unread.push({ from, streamId, bytes: effect.bytes });
  }
}

/** Every key. */
const everything = { key: '', rangeEnd: '\x00' };

test('a watch on any member is told of what was written through any other, leases that end included', () => {
  const watched = new Watched(3);
  const { cluster } = watched;
  cluster.elect();
  const streams = [1, 2, 3].map((id) => {
    const stream = watched.open(id, true);
    watched.create(id, stream, { ...everything, prevKv: true });
    return stream;
  });
  cluster.call(1, ask.grant(10, 7n));
  cluster.call(2, ask.put('a', '1', { lease: 7n }));
  cluster.call(3, ask.txn({ success: [op.put(put('b', '1', { lease: 7n })), op.put(put('c', '1'))] }));
  cluster.call(1, ask.revoke(7n));
  cluster.quiesce();
  for (const stream of streams) {
    expect(watched.heard(stream)).toEqual([
      '0 r1 created',
      '0 r2 put a=1@2',
      '0 r3 put b=1@3 put c=1@3',
      '0 r4 del a@4 was a=1@2 del b@4 was b=1@3',
    ]);
  }
});

test('a member that was cut off catches up by a snapshot, and its watches by history: nothing is missed or doubled', () => {
  const watched = new Watched(3, { trailingEntries: 5 });
  const { cluster } = watched;
  const leader = cluster.elect();
  const cutOff = (leader % 3) + 1;
  const stream = watched.open(cutOff);
  watched.create(cutOff, stream, { key: 'k' });
  cluster.call(leader, ask.put('k', '2'));
  cluster.quiesce();
  cluster.onMessage = (from, to) => (from === cutOff || to === cutOff ? 0 : 1);
  for (let revision = 3; revision <= 40; revision += 1) cluster.call(leader, ask.put('k', `${revision}`));
  // Refused at once, where another stream only ends after a while.
  cluster.run(30_000_000);
  expect(watched.heard(watched.open(cutOff, true))).toEqual(['end NO_LEADER']);
  cluster.onMessage = () => 1;
  cluster.quiesce();
  cluster.run(1_000_000);
  expect(cluster.snapshots).toBeGreaterThan(0);
  const later = Array.from({ length: 38 }, (_, at) => ` put k=${at + 3}@${at + 3}`).join('');
  const [created, first, ...rest] = watched.heard(stream);
  expect([created, first]).toEqual(['0 r1 created', '0 r2 put k=2@2']);
  expect(rest.map((line) => line.replace(/^0 r\d+/, '')).join('')).toBe(later);
  cluster.call(leader, ask.put('k', '41'));
  cluster.quiesce();
  expect(watched.heard(stream).at(-1)).toBe('0 r41 put k=41@41');
});

test('a stream that wants a leader ends three election time-outs after its member has lost the last one', () => {
  const watched = new Watched(3);
  const { cluster } = watched;
  const leader = cluster.elect();
  const stream = watched.open(leader, true);
  watched.create(leader, stream, everything);
  cluster.onMessage = (from, to) => (from === leader || to === leader ? 0 : 1);
  cluster.run(30_000_000);
  expect(watched.heard(stream)).toEqual(['0 r1 created', 'end NO_LEADER']);
});

test('after a restart nobody watches, and whoever comes again goes on where they were', () => {
  const watched = new Watched(1);
  const { cluster } = watched;
  cluster.elect();
  const before = watched.open(1);
  watched.create(1, before, { key: 'k' });
  cluster.call(1, ask.put('k', '2'));
  cluster.crash(1);
  cluster.restart(1);
  cluster.elect();
  cluster.call(1, ask.put('k', '3'));
  expect(watched.heard(before)).toEqual(['0 r1 created', '0 r2 put k=2@2']);
  expect(cluster.member(1).view.watches).toMatchObject({ streams: 0, watches: 0 });
  const after = watched.open(1);
  watched.create(1, after, { key: 'k', startRevision: 3 });
  cluster.run(100_000);
  expect(watched.heard(after)).toEqual(['0 r3 created', '0 r3 put k=3@3']);
});

test('history is read in bounded turns, between which the member does what else there is to do', () => {
  const watched = new Watched(1);
  const { cluster } = watched;
  cluster.elect();
  for (let at = 0; at < 3_000; at += 1) cluster.send(1, ask.put(`k${at}`, 'v'));
  cluster.runUntil(() => cluster.member(1).view.revision === 3_001);
  const stream = watched.open(1);
  watched.create(1, stream, { ...everything, startRevision: 1 });
  const events = (): number =>
    watched.heard(stream).reduce((sum, line) => sum + (line.match(/ put /g)?.length ?? 0), 0);
  const steps: number[] = [];
  cluster.step(1, { kind: 'tick' });
  watched.drain();
  for (let before = events(); before < 3_000; before = events()) {
    cluster.step(1, { kind: 'tick' });
    steps.push(events() - before);
    watched.drain();
  }
  expect(Math.max(...steps)).toBeLessThanOrEqual(1_001);
  expect(cluster.member(1).view.watches).toMatchObject({ behind: 0, eventsSent: 3_000, undrainedBytes: 0 });
});

test('what a member applies in one go is one response a watch', () => {
  const watched = new Watched(1);
  const { cluster } = watched;
  cluster.elect();
  const stream = watched.open(1);
  watched.create(1, stream, everything);
  for (let at = 0; at < 5; at += 1) cluster.send(1, ask.put('k', `${at}`));
  cluster.runUntil(() => cluster.member(1).view.revision === 6);
  const words = [2, 3, 4, 5, 6].map((revision) => ` put k=${revision - 2}@${revision}`);
  expect(watched.heard(stream)).toEqual(['0 r1 created', `0 r6${words.join('')}`]);
});
