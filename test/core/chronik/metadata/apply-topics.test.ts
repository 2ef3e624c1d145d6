import { expect, test } from 'vitest';
import { present } from '../../../../core/base/assert.ts';
import { Scene, topicIdOf } from './scene.ts';

const id = topicIdOf(500);

function threeBrokers(limits: ConstructorParameters<typeof Scene>[0] = {}): Scene {
  const scene = new Scene(limits);
  scene.start(1, 2, 3);
  return scene;
}

test('a topic is made with its partitions spread over the brokers, each led by its first replica', () => {
  const scene = threeBrokers();
  const result = scene.do('createTopic', { name: 'orders', id, partitionCount: 6, replicationFactor: 2 });
  expect(result).toMatchObject({ name: 'orders', id, partitionCount: 6, replicationFactor: 2 });
  const topic = present(scene.state.topic('orders'), 'it is there');
  expect(topic.created).toBe(scene.state.index);
  expect(scene.state.topicById(id)).toBe(topic);
  for (const partition of topic.partitions) {
    expect(partition).toMatchObject({ leaderEpoch: 0, partitionEpoch: 0, adding: [], removing: [] });
    expect(partition.isr).toEqual(partition.replicas);
    expect(partition.leader).toBe(partition.replicas[0]);
  }
  for (const broker of [1, 2, 3]) {
    expect(scene.state.load(broker)).toEqual({ replicas: 4, preferred: 2, leaders: 2 });
  }
});

test('what is not said of a topic is as the brokers have it', () => {
  const scene = threeBrokers();
  scene.do('alterConfigs', {
    resourceType: 4,
    resourceName: '',
    configs: [
      { name: 'num.partitions', value: '4' },
      { name: 'default.replication.factor', value: '2' },
    ],
  });
  const counts = { partitionCount: -1, replicationFactor: -1 };
  expect(scene.do('createTopic', { name: 'orders', id, ...counts })).toMatchObject({
    partitionCount: 4,
    replicationFactor: 2,
  });
});

test('a topic that is only to be validated is not made', () => {
  const scene = threeBrokers();
  const body = { name: 'orders', id, partitionCount: 2, replicationFactor: 3, validateOnly: true };
  const before = scene.rows();
  expect(scene.do('createTopic', body)).toMatchObject({ partitionCount: 2, replicationFactor: 3 });
  expect(scene.rows()).toBe(before);
  expect(scene.state.topicCount).toBe(0);
});

test('what is wrong with a topic is said', () => {
  const scene = threeBrokers({ partitionsPerTopicMax: 100, partitionsMax: 120, replicationFactorMax: 5 });
  const body = { name: 'orders', id, partitionCount: 1, replicationFactor: 1 };
  const refused = (change: object): string => scene.refusal('createTopic', { ...body, ...change });
  for (const name of ['', '.', '..', 'a b', 'a/b', 'x'.repeat(250), 'ä']) {
    expect(refused({ name })).toContain('INVALID_TOPIC_EXCEPTION: Topic name');
  }
  expect(refused({ id: '0'.repeat(32) })).toContain('INVALID_REQUEST: topic id');
  expect(refused({ partitionCount: 0 })).toBe('INVALID_PARTITIONS: a topic has 1 to 100 partitions, not 0');
  expect(refused({ partitionCount: 101 })).toContain('INVALID_PARTITIONS');
  expect(refused({ replicationFactor: 0 })).toBe(
    'INVALID_REPLICATION_FACTOR: the replication factor is 1 to 5, not 0',
  );
  expect(refused({ replicationFactor: 4 })).toBe(
    'INVALID_REPLICATION_FACTOR: a partition cannot have 4 replicas: there are 3 brokers',
  );
  expect(refused({ configs: [{ name: 'nonsense', value: '1' }] })).toBe(
    'INVALID_CONFIG: a topic has no configuration "nonsense"',
  );
  scene.do('createTopic', { ...body, partitionCount: 100 });
  expect(refused({})).toBe("TOPIC_ALREADY_EXISTS: Topic 'orders' already exists.");
  expect(refused({ name: 'payments' })).toContain('INVALID_REQUEST: topic id');
  expect(refused({ name: 'payments', id: topicIdOf(501), partitionCount: 21 })).toBe(
    'POLICY_VIOLATION: a cluster has 120 partitions at most; there are 100',
  );
});

test('replicas can be assigned by hand', () => {
  const scene = threeBrokers();
  scene.topic('t', [
    [3, 1],
    [2, 3],
  ]);
  expect(scene.partition('t', 0)).toMatchObject({ replicas: [3, 1], isr: [3, 1], leader: 3 });
  expect(scene.partition('t', 1)).toMatchObject({ replicas: [2, 3], isr: [2, 3], leader: 2 });
  const refused = (assignments: readonly (readonly number[])[], change: object = {}): string =>
    scene.refusal('createTopic', {
      name: 'u',
      id,
      partitionCount: -1,
      replicationFactor: -1,
      assignments: assignments.map((brokers, partition) => ({ partition, brokers })),
      ...change,
    });
  expect(refused([[1, 1]])).toBe(
    'INVALID_REPLICA_ASSIGNMENT: a broker is named twice among the replicas 1, 1',
  );
  expect(refused([[1, 9]])).toBe(
    'INVALID_REPLICA_ASSIGNMENT: broker 9 is not registered; registered are 1, 2, 3',
  );
  expect(refused([[1, 2], [3]])).toBe(
    'INVALID_REPLICA_ASSIGNMENT: partition 1 is assigned 1 replicas, others 2',
  );
  expect(refused([[-5]])).toContain('broker -5 is not registered');
  expect(refused([[]])).toContain('at least one replica');
  expect(refused([[1]], { partitionCount: 1 })).toContain('INVALID_REQUEST');
  expect(refused([[1]], { assignments: [{ partition: 1, brokers: [1] }] })).toContain('0 is missing');
  scene.fence(1);
  expect(refused([[1]])).toBe('INVALID_REPLICA_ASSIGNMENT: no broker of partition 0 is active: 1 is fenced');
});

test('a topic is deleted by name or by id, and made again it is another one', () => {
  const scene = threeBrokers();
  const first = scene.topic('t', [[1, 2]], { 'retention.ms': '5' });
  expect(scene.do('deleteTopic', { name: 't' })).toMatchObject({ name: 't', id: first.id });
  expect(scene.state.topic('t')).toBeUndefined();
  expect(scene.state.partitionCount).toBe(0);
  expect(scene.state.load(1)).toEqual({ replicas: 0, preferred: 0, leaders: 0 });
  expect(scene.rows()).not.toContain('partitions ');
  expect(scene.rows()).not.toContain('configs ');
  const second = scene.topic('t', [[1, 2]]);
  expect(second.created).toBeGreaterThan(first.created);
  expect(second.configs.size).toBe(0);
  scene.do('deleteTopic', { id: second.id });
  expect(scene.state.topicCount).toBe(0);
  expect(scene.refusal('deleteTopic', { name: 't' })).toBe(
    'UNKNOWN_TOPIC_OR_PARTITION: there is no topic "t"',
  );
  expect(scene.refusal('deleteTopic', { id })).toContain('UNKNOWN_TOPIC_ID');
});

test('partitions are added with as many replicas as the topic has, and never taken away', () => {
  const scene = threeBrokers();
  scene.topic('t', [[1, 2]]);
  expect(scene.do('createPartitions', { topic: 't', count: 3 })).toMatchObject({ partitionCount: 3 });
  expect(scene.state.topic('t')?.partitions.map(({ replicas }) => replicas.length)).toEqual([2, 2, 2]);
  const assignments = [{ partition: 3, brokers: [3, 2] }];
  scene.do('createPartitions', { topic: 't', count: 4, assignments });
  expect(scene.partition('t', 3).replicas).toEqual([3, 2]);
  const before = scene.rows();
  scene.do('createPartitions', { topic: 't', count: 9, validateOnly: true });
  expect(scene.rows()).toBe(before);
  const refused = (change: object): string =>
    scene.refusal('createPartitions', { topic: 't', count: 5, ...change });
  expect(refused({ count: 4 })).toBe('INVALID_PARTITIONS: topic t has 4 partitions; 4 is not more');
  expect(refused({ topic: 'u' })).toContain('UNKNOWN_TOPIC_OR_PARTITION');
  expect(refused({ count: 6, assignments })).toContain('2 partitions would be new, but 1 are assigned');
  expect(refused({ assignments: [{ partition: 4, brokers: [1] }] })).toContain(
    'partition 4 is assigned 1 replicas, others 2',
  );
});
