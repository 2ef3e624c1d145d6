import { expect, test } from 'vitest';
import { nodeId } from '../../../../core/base/ids.ts';
import { Scene } from './scene.ts';

test('the first look says that all was replaced, later ones what has changed since', () => {
  const scene = new Scene();
  scene.start(1);
  expect(scene.state.changes.take()).toMatchObject({ replaced: true, brokers: [], partitions: [] });
  scene.start(2);
  const topic = scene.topic('t', [
    [1, 2],
    [2, 1],
  ]);
  scene.do('alterConfigs', {
    resourceType: 2,
    resourceName: 't',
    configs: [{ name: 'retention.ms', value: '5' }],
  });
  expect(scene.state.changes.take()).toEqual({
    replaced: false,
    brokers: [2],
    topicsCreated: [topic],
    topicsDeleted: [],
    partitions: [
      { created: topic.created, partition: 0 },
      { created: topic.created, partition: 1 },
    ],
    topicConfigs: [topic],
    brokerConfigs: [],
    acls: false,
    credentials: [],
    quotas: false,
  });
  scene.fence(2);
  expect(scene.state.changes.take()).toMatchObject({
    brokers: [2],
    topicsCreated: [],
    partitions: [
      { created: topic.created, partition: 0 },
      { created: topic.created, partition: 1 },
    ],
  });
  expect(scene.state.changes.take()).toMatchObject({ replaced: false, brokers: [], partitions: [] });
});

test('of a topic that is gone only that is said', () => {
  const scene = new Scene();
  scene.start(1);
  scene.state.changes.take();
  const topic = scene.topic('t', [[1]]);
  scene.do('deleteTopic', { name: 't' });
  expect(scene.state.changes.take()).toMatchObject({
    topicsCreated: [],
    topicsDeleted: [topic],
    partitions: [],
  });
});

test('producer ids are given in blocks, none twice, also after a restart', () => {
  const scene = new Scene();
  scene.start(1);
  const life = { broker: nodeId(1), brokerEpoch: scene.epochOf(1) };
  expect(scene.do('allocateProducerIds', life)).toMatchObject({ firstProducerId: 0, count: 1_000 });
  expect(scene.do('allocateProducerIds', life).firstProducerId).toBe(1_000);
  scene.state.reload();
  expect(scene.do('allocateProducerIds', life).firstProducerId).toBe(2_000);
  const stale = { ...life, brokerEpoch: 99 };
  expect(scene.refusal('allocateProducerIds', stale)).toContain('STALE_BROKER_EPOCH');
});
