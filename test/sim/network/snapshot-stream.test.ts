import { expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import { groupId, type NodeId, nodeId } from '../../../core/base/ids.ts';
import { type MemberEffect, type MemberEvent } from '../../../core/chainfire/member-protocol.ts';
import { type SnapshotHeader } from '../../../core/raft/types.ts';
import { stagesMax } from '../../../core/storage/backend.ts';
import { SimulatedSegments } from '../../../sim/disk/segments.ts';
import { SimulatedStore } from '../../../sim/disk/store.ts';
import { cut } from '../../../sim/network/conditions.ts';
import { defaultNetworkPlan, Network } from '../../../sim/network/network.ts';
import { SnapshotStream } from '../../../sim/network/snapshot-stream.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { type MemberMachine, type MemberTypes } from '../../../sim/member-machine.ts';
import { SimulatedProcess } from '../../../sim/process.ts';
import { World } from '../../../sim/world.ts';

/** Installs what it receives, and remembers what it was told. */
class Member implements MemberMachine {
  readonly deadlineUs = Infinity;
  readonly heard: string[];
  readonly #store: SimulatedStore;

  constructor(store: SimulatedStore, heard: string[]) {
    this.#store = store;
    this.heard = heard;
  }

  step(event: MemberEvent): readonly MemberEffect[] {
    this.heard.push(event.kind);
    if (event.kind === 'snapshotReceived') this.#store.installStage(event.stageId);
    return [];
  }
}

interface Node {
  readonly process: SimulatedProcess<Member, MemberTypes>;
  readonly store: SimulatedStore;
  readonly heard: string[];
}

const header: SnapshotHeader = {
  group: groupId(1),
  leaderTerm: 3,
  index: 9,
  term: 2,
  configuration: { voters: [], outgoing: [], learners: [] },
};

class Pair {
  readonly world = new World();
  readonly network: Network;
  readonly sender: Node;
  readonly receiver: Node;
  #viewId = 0;

  constructor(rows = 1_000, seed = 'stream') {
    const prng = seededPrng(seed);
    this.network = new Network({ world: this.world, prng: prng.fork('network'), plan: defaultNetworkPlan });
    this.sender = this.#node(nodeId(1));
    this.receiver = this.#node(nodeId(2));
    for (let row = 0; row < rows; row += 1) {
      const key = String(row).padStart(6, '0');
      this.sender.store.write([
        { table: row % 2 === 0 ? 't' : 'u', key, value: bytesFromLatin1(`value ${row}`) },
      ]);
    }
    this.receiver.store.write([{ table: 't', key: 'old', value: bytesFromLatin1('old') }]);
    this.world.runUntil(1_000_000);
  }

  begin(): void {
    this.#viewId = this.sender.store.openView();
    new SnapshotStream({
      world: this.world,
      network: this.network,
      sender: this.sender.process,
      receiver: this.receiver.process,
      header,
      view: this.sender.store.view(this.#viewId),
    }).begin();
  }

  run(forUs = 20_000_000): void {
    this.world.runUntil(this.world.nowUs + forUs);
  }

  /** Nothing may be left over, however a stream ended. */
  expectTidy(): void {
    this.expectViewClosed();
    expect(this.receiver.store.openStages).toBe(0);
  }

  expectViewClosed(): void {
    expect(() => this.sender.store.view(this.#viewId)).toThrow('while it is open');
  }

  #node(node: NodeId): Node {
    const { world } = this;
    const prng = seededPrng(`node ${node}`);
    const store = new SimulatedStore({ world, prng, tables: ['t', 'u'], flushMedianUs: 1_000 });
    const heard: string[] = [];
    const process = new SimulatedProcess<Member, MemberTypes>({
      node,
      world,
      prng,
      segments: new SimulatedSegments({ world, prng, syncMedianUs: 100 }),
      store,
      driftPpm: 0,
      recover: () => new Member(store, heard),
      surroundings: {
        send: () => undefined,
        reply: () => undefined,
        notify: () => undefined,
        endStream: () => undefined,
        sendSnapshot: () => undefined,
        recovered: () => undefined,
        synced: () => undefined,
        stepped: () => undefined,
        ended: () => undefined,
        diskFailed: () => undefined,
      },
    });
    process.start();
    return { process, store, heard };
  }
}

const snapshotEvents = (node: Node): string[] => node.heard.filter((kind) => kind.startsWith('snapshot'));

function content(store: SimulatedStore): string[] {
  return ['t', 'u'].flatMap((table) =>
    [...store.range(table, { from: '' })].map(([key]) => `${table}/${key}`),
  );
}

test('a snapshot arrives whole, as it was when the stream began, whatever is written meanwhile', () => {
  const pair = new Pair();
  const before = content(pair.sender.store);
  pair.begin();
  pair.sender.store.write([{ table: 't', key: 'later', value: bytesFromLatin1('x') }]);
  pair.run();
  expect(content(pair.receiver.store)).toEqual(before);
  expect(snapshotEvents(pair.sender)).toEqual(['snapshotSent']);
  expect(snapshotEvents(pair.receiver)).toEqual(['snapshotReceived']);
  pair.expectTidy();
});

test('an empty store makes a snapshot too', () => {
  const pair = new Pair(0);
  pair.begin();
  pair.run();
  expect(content(pair.receiver.store)).toEqual([]);
  expect(snapshotEvents(pair.sender)).toEqual(['snapshotSent']);
  pair.expectTidy();
});

test('a stream that loses one packet fails, and leaves the receiver as it was', () => {
  const pair = new Pair();
  pair.begin();
  pair.run(5_000);
  expect(pair.receiver.store.openStages).toBe(1);
  const condition = cut([1], [2]);
  pair.network.begin(condition);
  pair.run();
  expect(snapshotEvents(pair.sender)).toEqual(['snapshotFailed']);
  expect(snapshotEvents(pair.receiver)).toEqual([]);
  expect(content(pair.receiver.store)).toEqual(['t/old']);
  pair.expectTidy();
  pair.network.end(condition);
  pair.begin();
  pair.run();
  expect(snapshotEvents(pair.sender)).toEqual(['snapshotFailed', 'snapshotSent']);
});

test('when only the last answer is lost, the receiver has the snapshot and the sender does not know', () => {
  const pair = new Pair(1);
  pair.begin();
  while (pair.receiver.store.installed === 0) {
    pair.run(10);
    if (pair.receiver.heard.includes('snapshotReceived')) break;
  }
  pair.network.begin(cut([2], [1]));
  pair.run();
  expect(snapshotEvents(pair.sender)).toEqual(['snapshotFailed']);
  expect(content(pair.receiver.store)).toEqual(['t/000000']);
  pair.expectTidy();
});

test('a receiver that crashes takes its stage with it, and its next life hears nothing of the stream', () => {
  const pair = new Pair();
  pair.begin();
  pair.run(5_000);
  pair.receiver.process.crash('machine');
  pair.run(1_000);
  pair.receiver.process.start();
  pair.run();
  expect(snapshotEvents(pair.sender)).toEqual(['snapshotFailed']);
  expect(snapshotEvents(pair.receiver)).toEqual([]);
  pair.expectTidy();
});

test('a sender that crashes falls silent, and the receiver tidies up by itself', () => {
  const pair = new Pair();
  pair.begin();
  pair.run(5_000);
  pair.sender.process.crash('machine');
  pair.run(1_000);
  pair.sender.process.start();
  expect(pair.receiver.store.openStages).toBe(1);
  pair.run();
  expect(snapshotEvents(pair.sender)).toEqual([]);
  pair.expectTidy();
});

test('a receiver that is paused for long lets the stream fail, and tidies up when it goes on', () => {
  const pair = new Pair();
  pair.begin();
  pair.run(5_000);
  pair.receiver.process.pause();
  pair.run();
  expect(snapshotEvents(pair.sender)).toEqual(['snapshotFailed']);
  pair.receiver.process.resume();
  pair.run();
  expect(snapshotEvents(pair.receiver)).toEqual([]);
  expect(content(pair.receiver.store)).toEqual(['t/old']);
  pair.expectTidy();
});

test('a receiver without a free stage turns the stream away', () => {
  const pair = new Pair();
  for (let stage = 0; stage < stagesMax; stage += 1) pair.receiver.store.openStage();
  pair.begin();
  pair.run();
  expect(snapshotEvents(pair.sender)).toEqual(['snapshotFailed']);
  expect(pair.receiver.store.openStages).toBe(stagesMax);
  pair.expectViewClosed();
});
