import { expect, test } from 'vitest';
import { present } from '../../../../core/base/assert.ts';
import { nodeId } from '../../../../core/base/ids.ts';
import { type MetadataRefusal } from '../../../../core/chronik/metadata/outcomes.ts';
import { Scene } from './scene.ts';

/** A topic on three brokers, of which 3 has left the in-sync set. */
function shrunk(): Scene {
  const scene = new Scene();
  scene.start(1, 2, 3);
  scene.topic('t', [[1, 2, 3]]);
  expect(scene.alterIsr('t', [1, 2])).toBe('done');
  return scene;
}

interface Wish {
  readonly broker?: number;
  readonly brokerEpoch?: number;
  readonly leaderEpoch?: number;
  readonly partitionEpoch?: number;
  readonly created?: number;
  readonly isr?: readonly (readonly [broker: number, epoch: number])[];
}

/** @returns what the one partition is refused with; undefined when it is done */
function ask(scene: Scene, wish: Wish): MetadataRefusal | undefined {
  const topic = present(scene.state.topic('t'), 'it is there');
  const known = scene.partition('t');
  const broker = wish.broker ?? known.leader;
  const isr = wish.isr ?? [1, 2, 3].map((id) => [id, scene.epochOf(id)] as const);
  const { partitions } = scene.do('alterPartition', {
    broker: nodeId(broker),
    brokerEpoch: wish.brokerEpoch ?? scene.epochOf(broker),
    partitions: [
      {
        created: wish.created ?? topic.created,
        partition: 0,
        leaderEpoch: wish.leaderEpoch ?? known.leaderEpoch,
        partitionEpoch: wish.partitionEpoch ?? known.partitionEpoch,
        isr: isr.map(([id, brokerEpoch]) => ({ broker: id, brokerEpoch })),
      },
    ],
  });
  return partitions[0]?.refusal;
}

test('a leader shrinks and expands its in-sync set (KIP-497)', () => {
  const scene = shrunk();
  expect(scene.partition('t')).toMatchObject({ isr: [1, 2], leaderEpoch: 0, partitionEpoch: 1 });
  expect(ask(scene, {})).toBeUndefined();
  expect(scene.partition('t')).toMatchObject({ isr: [1, 2, 3], leaderEpoch: 0, partitionEpoch: 2 });
});

test('an older leader epoch is fenced, a newer one unknown, another partition epoch out of date', () => {
  const scene = shrunk();
  scene.fence(1);
  scene.unfence(1);
  expect(scene.partition('t')).toMatchObject({ leader: 2, leaderEpoch: 1, partitionEpoch: 2 });
  const before = scene.rows();
  expect(ask(scene, { leaderEpoch: 0 })).toMatchObject({
    code: 'FENCED_LEADER_EPOCH',
    message: 'leader epoch 0 is past: it is 1 now',
  });
  expect(ask(scene, { leaderEpoch: 2 })?.code).toBe('UNKNOWN_LEADER_EPOCH');
  expect(ask(scene, { partitionEpoch: 1 })).toMatchObject({
    code: 'INVALID_UPDATE_VERSION',
    message: 'partition epoch 1 was given: it is 2 now',
  });
  expect(ask(scene, { partitionEpoch: 3 })?.code).toBe('INVALID_UPDATE_VERSION');
  expect(ask(scene, { created: 1 })?.code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  expect(scene.rows()).toBe(before);
});

test('a zombie leader cannot change the in-sync set: it does not lead, or not in the life that it had', () => {
  const scene = shrunk();
  const brokerEpoch = scene.epochOf(1);
  scene.register(1);
  const wish = { broker: 1, brokerEpoch, leaderEpoch: 0, partitionEpoch: 1 };
  expect(() => ask(scene, wish)).toThrow('STALE_BROKER_EPOCH: broker 1 is registered under epoch');
  expect(ask(scene, { broker: 1, leaderEpoch: 0 })?.code).toBe('FENCED_LEADER_EPOCH');
  expect(ask(scene, { broker: 1 })).toMatchObject({
    code: 'INVALID_REQUEST',
    message: 'broker 1 does not lead the partition, 2 does',
  });
});

test('who joins is active, and registered under the epoch that it fetched with (KIP-903)', () => {
  const scene = shrunk();
  const [first, second] = [scene.epochOf(1), scene.epochOf(2)];
  const earlier = scene.epochOf(3);
  scene.register(3);
  scene.unfence(3);
  const isr = (epoch: number): NonNullable<Wish['isr']> => [
    [1, first],
    [2, second],
    [3, epoch],
  ];
  expect(ask(scene, { isr: isr(earlier) })).toMatchObject({
    code: 'INELIGIBLE_REPLICA',
    message: `broker 3 is registered under epoch ${scene.epochOf(3)}; ${earlier} was given`,
  });
  expect(ask(scene, { isr: isr(-1) })?.message).toContain('none was given');
  scene.fence(3);
  expect(ask(scene, { isr: isr(scene.epochOf(3)) })).toMatchObject({
    code: 'INELIGIBLE_REPLICA',
    message: 'broker 3 is fenced',
  });
  scene.unfence(3);
  expect(ask(scene, { isr: isr(scene.epochOf(3)) })).toBeUndefined();
});

test('an in-sync set is of replicas, each once, with its leader', () => {
  const scene = shrunk();
  scene.start(4);
  const wishes: readonly (readonly (readonly [number, number])[])[] = [
    [],
    [[2, scene.epochOf(2)]],
    [
      [1, scene.epochOf(1)],
      [1, scene.epochOf(1)],
    ],
    [
      [1, scene.epochOf(1)],
      [4, scene.epochOf(4)],
    ],
  ];
  for (const isr of wishes) expect(ask(scene, { isr })?.code).toBe('INVALID_REQUEST');
  expect(scene.partition('t')).toMatchObject({ isr: [1, 2], partitionEpoch: 1 });
});

test('partitions of one command are looked at one by one', () => {
  const scene = new Scene();
  scene.start(1, 2);
  const { created } = scene.topic('t', [
    [1, 2],
    [1, 2],
  ]);
  const isr = [{ broker: 1, brokerEpoch: scene.epochOf(1) }];
  const { partitions } = scene.do('alterPartition', {
    broker: nodeId(1),
    brokerEpoch: scene.epochOf(1),
    partitions: [0, 1, 2].map((partition) => ({
      created,
      partition,
      leaderEpoch: 0,
      partitionEpoch: partition,
      isr,
    })),
  });
  expect(partitions.map(({ refusal }) => refusal?.code)).toEqual([
    undefined,
    'INVALID_UPDATE_VERSION',
    'UNKNOWN_TOPIC_OR_PARTITION',
  ]);
  expect(partitions.map(({ state }) => state?.isr)).toEqual([[1], [1, 2], undefined]);
});
