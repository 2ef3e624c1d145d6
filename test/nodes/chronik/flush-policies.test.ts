import { expect, test } from 'vitest';

import { type BrokerConfig } from '../../../core/chronik/broker-protocol.ts';
import { type MetadataImage, type TopicState } from '../../../core/chronik/metadata/image.ts';
import { defaultBrokerSettings } from '../../../core/chronik/settings.ts';
import { FlushPolicies } from '../../../nodes/chronik/flush-policies.ts';

const topic = (configs: Readonly<Record<string, string>>): TopicState => ({
  ...{ name: 't', id: '', created: 7, partitions: [] },
  configs: new Map(Object.entries(configs)),
});

/** Of an image, what is asked for. */
function attached(topics: Map<number, TopicState>, brokers: { configs: ReadonlyMap<string, string> }) {
  const policies = new FlushPolicies();
  const image = {
    topicByCreated: (created: number) => topics.get(created),
    brokerConfigs: () => brokers.configs,
  } as unknown as MetadataImage;
  const settings = { ...defaultBrokerSettings, brokerConfigs: new Map([['log.flush.interval.ms', '300']]) };
  policies.attach({ image, config: { settings } as unknown as BrokerConfig });
  return policies;
}

const file = '/data/wal/partitions/t-0.7/segment_00000000000000000000.wal';
const always = { kind: 'always' };

test('a topic is flushed as it says, else as all brokers do, else as the process does', () => {
  const topics = new Map([[7, topic({})]]);
  const brokers = { configs: new Map<string, string>() };
  const policies = attached(topics, brokers);
  expect(policies.policyOf(file)).toEqual(always);
  topics.set(7, topic({ 'flush.policy': 'interval' }));
  expect(policies.policyOf(file)).toEqual({ kind: 'interval', ms: 300 });
  topics.set(7, topic({ 'flush.policy': 'interval', 'flush.ms': '50' }));
  expect(policies.policyOf(file)).toEqual({ kind: 'interval', ms: 50 });
  brokers.configs = new Map([['log.flush.policy', 'never']]);
  topics.set(7, topic({}));
  expect(policies.policyOf(file)).toEqual({ kind: 'never' });
});

test.each([
  ['the metadata', '/data/wal/__meta/log_1.wal'],
  ['a topic that is not there', '/data/wal/partitions/t-0.8/segment_0.wal'],
  ['a directory of partitions', '/data/wal/partitions/t-0.7'],
])('%s is always flushed', (_, path) => {
  const brokers = { configs: new Map([['log.flush.policy', 'never']]) };
  expect(attached(new Map([[7, topic({})]]), brokers).policyOf(path)).toEqual(always);
});

test('what is not known yet is always flushed', () => {
  expect(new FlushPolicies().policyOf(file)).toEqual(always);
});
