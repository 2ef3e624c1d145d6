import { expect, test } from 'vitest';
import { Scene } from './scene.ts';

function fourBrokers(): Scene {
  const scene = new Scene();
  scene.start(1, 2, 3, 4);
  scene.topic('t', [[1, 2]]);
  return scene;
}

function reassign(scene: Scene, replicas: readonly number[] | undefined): string {
  const wish = { topic: 't', partition: 0, cancel: replicas === undefined, replicas: replicas ?? [] };
  const { partitions } = scene.do('alterReassignments', { partitions: [wish] });
  const refusal = partitions[0]?.refusal;
  return refusal === undefined ? 'done' : `${refusal.code}: ${refusal.message}`;
}

test('replicas that leave stay until all that are to remain are in sync (KIP-455)', () => {
  const scene = fourBrokers();
  expect(reassign(scene, [3, 4])).toBe('done');
  expect(scene.partition('t')).toMatchObject({
    replicas: [3, 4, 1, 2],
    isr: [1, 2],
    leader: 1,
    adding: [3, 4],
    removing: [1, 2],
  });
  expect(scene.alterIsr('t', [1, 2, 3])).toBe('done');
  expect(scene.partition('t')).toMatchObject({ isr: [3, 1, 2], leader: 1, adding: [3, 4] });
  // The one who led is no replica any more.
  expect(scene.alterIsr('t', [1, 2, 3, 4])).toBe('NEW_LEADER_ELECTED');
  expect(scene.partition('t')).toMatchObject({
    replicas: [3, 4],
    isr: [3, 4],
    leader: 3,
    leaderEpoch: 1,
    adding: [],
    removing: [],
  });
  expect(scene.state.load(1)).toEqual({ replicas: 0, preferred: 0, leaders: 0 });
});

test('a leader that remains goes on leading', () => {
  const scene = fourBrokers();
  expect(reassign(scene, [1, 3])).toBe('done');
  expect(scene.alterIsr('t', [1, 2, 3])).toBe('done');
  expect(scene.partition('t')).toMatchObject({ replicas: [1, 3], isr: [1, 3], leader: 1, leaderEpoch: 0 });
});

test('another order, or fewer replicas, needs nobody to catch up', () => {
  const scene = fourBrokers();
  expect(reassign(scene, [2, 1])).toBe('done');
  expect(scene.partition('t')).toMatchObject({ replicas: [2, 1], isr: [2, 1], leader: 1, leaderEpoch: 0 });
  expect(reassign(scene, [2])).toBe('done');
  expect(scene.partition('t')).toMatchObject({ replicas: [2], isr: [2], leader: 2, leaderEpoch: 1 });
});

test('a reassignment can be undone while it is under way', () => {
  const scene = fourBrokers();
  reassign(scene, [3, 4]);
  scene.alterIsr('t', [1, 2, 3]);
  expect(reassign(scene, undefined)).toBe('done');
  expect(scene.partition('t')).toMatchObject({ replicas: [1, 2], isr: [1, 2], adding: [], removing: [] });
  expect(reassign(scene, undefined)).toContain('NO_REASSIGNMENT_IN_PROGRESS');
});

test('one that overtakes another brings in what it names itself, from what there was before', () => {
  const scene = fourBrokers();
  reassign(scene, [3, 4]);
  scene.alterIsr('t', [1, 2, 3]);
  expect(reassign(scene, [4, 2])).toBe('done');
  expect(scene.partition('t')).toMatchObject({
    replicas: [4, 2, 1],
    isr: [2, 1],
    leader: 1,
    adding: [4],
    removing: [1],
  });
});

test('nobody who has all that was acknowledged is let go before somebody else has it', () => {
  const scene = fourBrokers();
  reassign(scene, [3, 4]);
  scene.alterIsr('t', [1, 3]);
  scene.alterIsr('t', [1, 3]);
  scene.fence(1);
  expect(scene.partition('t')).toMatchObject({ isr: [3], leader: 3 });
  expect(reassign(scene, undefined)).toBe(
    'INVALID_REPLICA_ASSIGNMENT: of the replicas 1, 2 none is in sync; in sync are 3',
  );
  expect(reassign(scene, [1, 2])).toContain('INVALID_REPLICA_ASSIGNMENT');
  expect(scene.partition('t')).toMatchObject({ isr: [3], leader: 3, adding: [3, 4] });
});

test('what is wrong with a reassignment is said', () => {
  const scene = fourBrokers();
  expect(reassign(scene, [])).toContain('at least one replica');
  expect(reassign(scene, [1, 1])).toContain('named twice');
  expect(reassign(scene, [1, 9])).toContain('broker 9 is not registered; registered are 1, 2, 3, 4');
  expect(
    reassign(
      scene,
      Array.from({ length: 17 }, (_, at) => at),
    ),
  ).toContain('INVALID_REPLICATION_FACTOR');
  const unknown = { topic: 'u', partition: 0, cancel: false, replicas: [1] };
  const { partitions } = scene.do('alterReassignments', { partitions: [unknown] });
  expect(partitions[0]?.refusal?.code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
});
