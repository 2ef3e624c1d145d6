import { expect, test } from 'vitest';
import { configOperations } from '../../../../core/chronik/metadata/commands.ts';
import { Scene } from './scene.ts';

const { set, delete: remove, append, subtract } = configOperations;
const ofTopic = { resourceType: 2, resourceName: 't' };
const ofAllBrokers = { resourceType: 4, resourceName: '' };

function withTopic(configs: Readonly<Record<string, string>> = {}): Scene {
  const scene = new Scene();
  scene.start(1);
  scene.topic('t', [[1]], configs);
  return scene;
}

function configsOf(scene: Scene): Readonly<Record<string, string>> {
  return Object.fromEntries(scene.state.topic('t')?.configs ?? []);
}

test('what is not named goes back to its default (AlterConfigs)', () => {
  const scene = withTopic({ 'retention.ms': '1000', 'segment.bytes': '4096' });
  scene.do('alterConfigs', { ...ofTopic, configs: [{ name: 'retention.ms', value: '-1' }] });
  expect(configsOf(scene)).toEqual({ 'retention.ms': '-1' });
});

test('settings are changed one by one, lists item by item (KIP-339)', () => {
  const scene = withTopic({ 'retention.ms': '1000', 'cleanup.policy': 'delete' });
  const alter = (name: string, operation: number, value?: string): void => {
    const operations = [{ name, operation, value }];
    scene.do('incrementalAlterConfigs', { ...ofTopic, operations });
  };
  alter('cleanup.policy', append, 'compact');
  expect(configsOf(scene)).toEqual({ 'cleanup.policy': 'delete,compact', 'retention.ms': '1000' });
  alter('cleanup.policy', append, 'compact');
  alter('cleanup.policy', subtract, 'delete');
  alter('retention.ms', remove);
  alter('min.insync.replicas', set, '2');
  expect(configsOf(scene)).toEqual({ 'cleanup.policy': 'compact', 'min.insync.replicas': '2' });
  const topic = scene.state.topic('t');
  if (topic === undefined) throw new Error('the topic is there');
  expect(scene.state.topicConfig(topic)).toMatchObject({
    cleanup: { compact: true, delete: false },
    retentionMs: 604_800_000,
    minInsyncReplicas: 2,
  });
});

test('of several changes all are made or none, and each name once', () => {
  const scene = withTopic();
  const operations = [
    { name: 'retention.ms', operation: set, value: '5' },
    { name: 'segment.bytes', operation: set, value: 'many' },
  ];
  expect(scene.refusal('incrementalAlterConfigs', { ...ofTopic, operations })).toBe(
    'INVALID_CONFIG: Invalid value many for configuration segment.bytes: it must be a whole number, 14 to 2147483647',
  );
  const twice = [operations[0], operations[0]].flatMap((operation) => operation ?? []);
  expect(scene.refusal('incrementalAlterConfigs', { ...ofTopic, operations: twice })).toContain(
    'is named twice',
  );
  const configs = [
    { name: 'retention.ms', value: '5' },
    { name: 'retention.ms', value: '6' },
  ];
  expect(scene.refusal('alterConfigs', { ...ofTopic, configs })).toContain('is named twice');
});

test('what is wrong with a value is said, and what is allowed', () => {
  const scene = withTopic();
  const refused = (name: string, value: string): string =>
    scene.refusal('alterConfigs', { ...ofTopic, configs: [{ name, value }] });
  expect(refused('retention.ms', '-2')).toContain('it must be a whole number, -1 or more');
  expect(refused('retention.ms', '1.5')).toContain('it must be a whole number, -1 or more');
  expect(refused('min.insync.replicas', '0')).toContain('it must be a whole number, 1 to 2147483647');
  expect(refused('unclean.leader.election.enable', 'yes')).toContain('it must be true or false');
  expect(refused('message.timestamp.type', 'Never')).toContain('one of CreateTime, LogAppendTime');
  expect(refused('compression.type', 'zstd')).toContain('it must be producer');
  expect(refused('cleanup.policy', '')).toContain('one or more of compact, delete');
  expect(refused('cleanup.policy', 'compact,compact')).toContain('each once');
  expect(refused('leader.replication.throttled.replicas', '1:2,x')).toContain('partition:broker');
  expect(refused('cleanup.policy', 'x'.repeat(5_000))).toContain('it has 5000 bytes, and 4096 are allowed');
  expect(refused('min.cleanable.dirty.ratio', '1.5')).toContain('a number from 0 to 1');
  expect(refused('nonsense', '1')).toBe('INVALID_CONFIG: a topic has no configuration "nonsense"');
});

test('times beyond every safe integer mean as long as can be', () => {
  const scene = withTopic({ 'max.compaction.lag.ms': '9223372036854775807' });
  const topic = scene.state.topic('t');
  if (topic === undefined) throw new Error('the topic is there');
  expect(scene.state.topicConfig(topic).maxCompactionLagMs).toBe(Number.MAX_SAFE_INTEGER);
});

test('a change of an operation that cannot be is refused', () => {
  const scene = withTopic();
  const refused = (name: string, operation: number, value?: string): string =>
    scene.refusal('incrementalAlterConfigs', { ...ofTopic, operations: [{ name, operation, value }] });
  expect(refused('retention.ms', append, '5')).toContain('is no list');
  expect(refused('retention.ms', 7, '5')).toContain('operation 7 is none of');
  expect(refused('retention.ms', set)).toContain('is given no value');
});

test('what is set for all brokers holds for topics that do not say it themselves', () => {
  const scene = withTopic({ 'retention.bytes': '7' });
  scene.do('alterConfigs', {
    ...ofAllBrokers,
    configs: [
      { name: 'log.retention.ms', value: '5' },
      { name: 'log.retention.bytes', value: '6' },
    ],
  });
  const topic = scene.state.topic('t');
  if (topic === undefined) throw new Error('the topic is there');
  expect(scene.state.topicConfig(topic)).toMatchObject({ retentionMs: 5, retentionBytes: 7 });
  scene.do('alterConfigs', { ...ofAllBrokers, configs: [] });
  expect(scene.state.topicConfig(topic)).toMatchObject({ retentionMs: 604_800_000, retentionBytes: 7 });
});

test('a setting of one broker is one that may differ from broker to broker', () => {
  const scene = withTopic();
  const configs = [{ name: 'leader.replication.throttled.rate', value: '1000' }];
  scene.do('alterConfigs', { resourceType: 4, resourceName: '1', configs });
  expect([...scene.state.brokerConfigs('1')]).toEqual([['leader.replication.throttled.rate', '1000']]);
  expect([...scene.state.brokerConfigs('')]).toEqual([]);
  const refused = (change: object): string =>
    scene.refusal('alterConfigs', { resourceType: 4, resourceName: '1', configs, ...change });
  expect(refused({ configs: [{ name: 'num.partitions', value: '3' }] })).toContain(
    'is the same for all brokers',
  );
  expect(refused({ configs: [{ name: 'retention.ms', value: '3' }] })).toContain('a broker has no');
  expect(refused({ resourceName: '01' })).toContain('there is no broker "01"');
  expect(refused({ resourceType: 8 })).toContain('resource type 8 has no configuration');
  expect(refused({ resourceType: 2, resourceName: 'u' })).toContain('UNKNOWN_TOPIC_OR_PARTITION');
});

test('what is only to be validated is not changed', () => {
  const scene = withTopic();
  const before = scene.rows();
  const validateOnly = true;
  scene.do('alterConfigs', { ...ofTopic, configs: [{ name: 'retention.ms', value: '5' }], validateOnly });
  const operations = [{ name: 'retention.ms', operation: set, value: '5' }];
  scene.do('incrementalAlterConfigs', { ...ofTopic, operations, validateOnly });
  expect(scene.rows()).toBe(before);
});
