import { describe, expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { nodeId } from '../../../core/base/ids.ts';
import { brokersWithTopic, everybodyKnows, fetch, produce, topic } from './test-client.ts';
import { type TestBrokers } from './three-brokers.ts';

const minute = 60_000_000;
const values = Array.from({ length: 12 }, (_, at) => `value ${at}`);

/** Every record in a segment of its own, each closed by the next. */
function manySegments(size: number): TestBrokers {
  const brokers = brokersWithTopic(size, { configs: [['segment.bytes', '100']] });
  for (const value of values) {
    expect(produce(brokers, brokers.leaderOf(topic), [value]).error).toBe('NONE');
  }
  brokers.run(2_000_000);
  return brokers;
}

/** A closed segment of the partition on that broker is half of what it was. */
function damage(brokers: TestBrokers, id: number): void {
  const { segments } = brokers.node(id);
  const files = segments.list('partitions/').filter(({ file }) => file.includes('/segment_'));
  expect(files.length).toBeGreaterThan(5);
  const { file, lengthBytes } = present(files[3], 'a closed segment');
  segments.truncate(file, Math.floor(lengthBytes / 2));
}

function replica(brokers: TestBrokers, id: number) {
  return brokers.broker(id).view.partition({ topic, partition: 0 });
}

describe('a replica whose disk has lost what was durable', () => {
  test('fetches it again where another replica is in sync', () => {
    const brokers = manySegments(3);
    const leader = brokers.leaderOf(topic);
    const hurt = nodeId(leader === 1 ? 2 : 1);
    brokers.crash(hurt);
    damage(brokers, hurt);
    brokers.restart(hurt);
    brokers.runUntil(() => replica(brokers, leader)?.inSyncReplicas.includes(hurt) === false, minute);
    brokers.runUntil(() => replica(brokers, leader)?.inSyncReplicas.includes(hurt) === true, minute);
    expect(replica(brokers, hurt)).toMatchObject({ logEndOffset: values.length, damage: undefined });
    brokers.crash(leader);
    brokers.runUntil(() => ![0, leader].includes(brokers.leaderOf(topic)), minute);
    const next = brokers.leaderOf(topic);
    const seen: string[] = [];
    // A fetch ends with its segment: the next one goes on.
    while (seen.length < values.length) seen.push(...fetch(brokers, next, { offset: seen.length }));
    expect(seen).toEqual(values);
  });

  test('stays offline where nobody else has it, and says what is lost', () => {
    const brokers = manySegments(1);
    brokers.crash(1);
    damage(brokers, 1);
    brokers.restart(1);
    brokers.runUntil(() => !brokers.broker(1).view.isFenced, minute);
    brokers.run(5_000_000);
    expect(replica(brokers, 1)).toMatchObject({ role: 'offline' });
    expect(replica(brokers, 1)?.damage).toMatch(/\S/);
    expect(produce(brokers, 1, ['more']).error).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(() => fetch(brokers, 1)).toThrow('NOT_LEADER_OR_FOLLOWER');
  });
});

describe('the metadata of a broker that was away for long', () => {
  test('comes as a snapshot, and its replicas follow from it', () => {
    const brokers = brokersWithTopic(3, { settings: { trailingEntries: 10 } });
    const leader = brokers.leaderOf(topic);
    const away = leader === 3 ? 2 : 3;
    produce(brokers, leader, ['a']);
    const kept = brokers.node(away).segments.list('partitions/').length;
    brokers.crash(away);
    const names = Array.from({ length: 60 }, (_, at) => `topic-${at}`);
    for (const name of names) {
      brokers.call(leader, 'createTopics', { topics: [{ name, numPartitions: 1, replicationFactor: 2 }] });
    }
    brokers.call(leader, 'deleteTopics', { topics: [{ name: topic }] });
    brokers.restart(away);
    brokers.ready();
    expect(brokers.snapshots).toBeGreaterThan(0);
    const { image } = brokers.broker(away).view;
    expect([...image.topics()].map(({ name }) => name)).toEqual(names);
    expect(kept).toBeGreaterThan(0);
    const ofDeleted = () =>
      brokers
        .node(away)
        .segments.list('partitions/')
        .filter(({ file }) => file.startsWith(`partitions/${topic}-`));
    brokers.runUntil(() => ofDeleted().length === 0, minute);
  });
});

describe('a partition that comes back', () => {
  test('to a broker that it has left is fetched anew', () => {
    const brokers = brokersWithTopic(3);
    const name = 'wanderer';
    const assignments = [{ partitionIndex: 0, brokerIds: [1, 2] }];
    brokers.call(1, 'createTopics', {
      topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments }],
    });
    const move = (replicas: readonly number[]): void => {
      const { responses } = brokers.call(1, 'alterPartitionReassignments', {
        topics: [{ name, partitions: [{ partitionIndex: 0, replicas }] }],
      });
      expect(responses[0]?.partitions[0]?.errorCode).toBe(0);
      brokers.runUntil(() => {
        const state = brokers.broker(1).view.image.topic(name)?.partitions[0];
        return state?.adding.length === 0 && state.removing.length === 0;
      }, minute);
    };
    brokers.runUntil(() => brokers.leaderOf(name) === 1);
    for (const value of ['a', 'b', 'c']) produce(brokers, 1, [value], { name });
    move([1, 3]);
    move([1, 2]);
    move([2, 3]);
    brokers.runUntil(() => brokers.leaderOf(name) === 2, minute);
    const role = () => brokers.broker(2).view.partition({ topic: name, partition: 0 })?.role;
    brokers.runUntil(() => role() === 'leader');
    expect(fetch(brokers, 2, { name })).toEqual(['a', 'b', 'c']);
    const left = () =>
      brokers
        .node(1)
        .segments.list('partitions/')
        .filter(({ file }) => file.includes(name));
    brokers.runUntil(() => left().length === 0, minute);
    expect(produce(brokers, 2, ['d'], { name })).toEqual({ error: 'NONE', offset: 3 });
  });
});

describe('settings of a topic', () => {
  test('that ask for more in-sync replicas hold from the moment on that they are applied', () => {
    const brokers = brokersWithTopic(3);
    const leader = brokers.leaderOf(topic);
    const away = leader === 1 ? 2 : 1;
    brokers.crash(away);
    brokers.runUntil(() => replica(brokers, leader)?.inSyncReplicas.length === 2, minute);
    expect(produce(brokers, leader, ['two']).error).toBe('NONE');
    const configs = [{ name: 'min.insync.replicas', configOperation: 0, value: '3' }];
    brokers.call(leader, 'incrementalAlterConfigs', {
      resources: [{ resourceType: 2, resourceName: topic, configs }],
    });
    expect(produce(brokers, leader, ['three']).error).toBe('NOT_ENOUGH_REPLICAS');
    brokers.restart(away);
    brokers.runUntil(() => replica(brokers, leader)?.inSyncReplicas.length === 3, minute);
    brokers.runUntil(() => everybodyKnows(brokers, topic));
    expect(produce(brokers, leader, ['three']).error).toBe('NONE');
  });
});

describe('a throttled reassignment (KIP-73)', () => {
  const large = 'x'.repeat(100_000);

  /** How long a replica that is new takes until it is in sync, in µs. */
  function moved(configs: readonly (readonly [string, string])[]): number {
    const brokers = brokersWithTopic(3);
    const name = 'heavy';
    const assignments = [{ partitionIndex: 0, brokerIds: [1] }];
    brokers.call(1, 'createTopics', {
      topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments }],
    });
    brokers.runUntil(() => brokers.leaderOf(name) === 1);
    for (let at = 0; at < 40; at += 1) produce(brokers, 1, [large], { name });
    const altered = configs.map(([key, value]) => ({ name: key, configOperation: 0, value }));
    const isOfTopic = ({ name: key }: { name: string }) => key.endsWith('replicas');
    brokers.call(1, 'incrementalAlterConfigs', {
      resources: [
        { resourceType: 2, resourceName: name, configs: altered.filter(isOfTopic) },
        { resourceType: 4, resourceName: '', configs: altered.filter((one) => !isOfTopic(one)) },
      ],
    });
    const beganUs = brokers.nowUs;
    brokers.call(1, 'alterPartitionReassignments', {
      topics: [{ name, partitions: [{ partitionIndex: 0, replicas: [1, 2] }] }],
    });
    const isr = () => brokers.broker(1).view.partition({ topic: name, partition: 0 })?.inSyncReplicas;
    brokers.runUntil(() => isr()?.length === 2, minute);
    const tookUs = brokers.nowUs - beganUs;
    // In sync, it is held back no more.
    for (let at = 0; at < 10; at += 1) {
      expect(produce(brokers, 1, [large], { name, timeoutMs: 1_000 }).error).toBe('NONE');
    }
    return tookUs;
  }

  test('takes the time that its rate gives it, on either side', () => {
    const freeUs = moved([]);
    expect(freeUs).toBeLessThan(1_000_000);
    for (const side of ['leader', 'follower']) {
      const tookUs = moved([
        [`${side}.replication.throttled.replicas`, side === 'leader' ? '0:1' : '*'],
        [`${side}.replication.throttled.rate`, '1000000'],
      ]);
      // 4 MB at 1 MB a second; the first answer goes at once.
      expect(tookUs).toBeGreaterThan(2_000_000);
      expect(tookUs).toBeLessThan(8_000_000);
    }
  });
});
