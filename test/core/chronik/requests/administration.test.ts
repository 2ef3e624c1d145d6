import { describe, expect, test } from 'vitest';

import { type CallingClient } from '../../../../core/chronik/broker-protocol.ts';
import { scramKeys } from '../../../../core/base/scram-keys.ts';
import { kafkaErrors } from '../../../../core/wire/kafka/error-codes.ts';
import { brokersWithTopic, fetch, produce, topic } from '../test-client.ts';
import { anonymous, TestBrokers } from '../three-brokers.ts';

const minute = 60_000_000;

describe('topics', () => {
  test('each is made or refused by itself, with a message for a person', () => {
    const brokers = brokersWithTopic();
    const one = { numPartitions: 1, replicationFactor: 1 };
    const { topics } = brokers.call(2, 'createTopics', {
      topics: [
        { ...one, name: 'good' },
        { ...one, name: topic },
        { ...one, name: 'a/b' },
        { ...one, name: 'wide', replicationFactor: 4 },
        { ...one, name: 'odd', configs: [{ name: 'retention.ms', value: 'soon' }] },
        { ...one, name: 'twice' },
        { ...one, name: 'twice' },
      ],
    });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([
      kafkaErrors.NONE,
      kafkaErrors.TOPIC_ALREADY_EXISTS,
      kafkaErrors.INVALID_TOPIC_EXCEPTION,
      kafkaErrors.INVALID_REPLICATION_FACTOR,
      kafkaErrors.INVALID_CONFIG,
      kafkaErrors.INVALID_REQUEST,
      kafkaErrors.INVALID_REQUEST,
    ]);
    expect(topics.slice(1).every(({ errorMessage }) => (errorMessage ?? '') !== '')).toBe(true);
    expect(topics[0]?.numPartitions).toBe(1);
  });

  test('what is only to be validated is not made', () => {
    const brokers = brokersWithTopic(1);
    const asked = { name: 'other', numPartitions: 2, replicationFactor: 1 };
    const { topics } = brokers.call(1, 'createTopics', { topics: [asked], validateOnly: true });
    expect([topics[0]?.errorCode, topics[0]?.numPartitions]).toEqual([0, 2]);
    expect(brokers.broker(1).view.image.topic('other')).toBeUndefined();
  });

  test('counts that a client leaves to the brokers are those of the settings, or of what is set for all', () => {
    const brokers = brokersWithTopic(3, { settings: { partitionsDefault: 5, replicationFactorDefault: 2 } });
    const make = (name: string) => {
      const asked = { name, numPartitions: -1, replicationFactor: -1 };
      const [made] = brokers.call(1, 'createTopics', { topics: [asked] }).topics;
      return [made?.errorCode, made?.numPartitions, made?.replicationFactor];
    };
    expect(make('by-settings')).toEqual([0, 5, 2]);
    const configs = [{ name: 'num.partitions', configOperation: 0, value: '7' }];
    brokers.call(1, 'incrementalAlterConfigs', {
      resources: [{ resourceType: 4, resourceName: '', configs }],
    });
    expect(make('by-all-brokers')).toEqual([0, 7, 2]);
  });

  test('a topic gets more partitions, and never fewer', () => {
    const brokers = brokersWithTopic();
    const enlarge = (count: number) =>
      brokers.call(1, 'createPartitions', { topics: [{ name: topic, count, assignments: undefined }] })
        .results[0]?.errorCode;
    expect(enlarge(3)).toBe(0);
    expect(enlarge(2)).toBe(kafkaErrors.INVALID_PARTITIONS);
    expect(brokers.broker(1).view.image.topic(topic)?.partitions.length).toBe(3);
  });

  test('records below an offset are deleted on every replica (KIP-107)', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    for (const value of ['a', 'b', 'c']) produce(brokers, leader, [value]);
    const { topics } = brokers.call(leader, 'deleteRecords', {
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset: 2 }] }],
      timeoutMs: 10_000,
    });
    expect(topics[0]?.partitions).toEqual([{ partitionIndex: 0, lowWatermark: 2, errorCode: 0 }]);
    expect(() => fetch(brokers, leader)).toThrow('OFFSET_OUT_OF_RANGE');
    expect(fetch(brokers, leader, { offset: 2 })).toEqual(['c']);
    for (const { broker } of brokers.nodes.values()) {
      expect(broker.view.partition({ topic, partition: 0 })?.logStartOffset).toBe(2);
    }
  });
});

describe('settings', () => {
  test('say where they come from, and what would hold without them (KIP-226)', () => {
    const brokers = brokersWithTopic(1, {
      configs: [['retention.ms', '60000']],
      settings: { brokerConfigs: new Map([['log.retention.ms', '90000']]) },
    });
    const configs = [{ name: 'log.retention.ms', configOperation: 0, value: '70000' }];
    brokers.call(1, 'incrementalAlterConfigs', {
      resources: [{ resourceType: 4, resourceName: '', configs }],
    });
    const [result] = brokers.call(1, 'describeConfigs', {
      resources: [{ resourceType: 2, resourceName: topic, configurationKeys: ['retention.ms'] }],
      includeSynonyms: true,
    }).results;
    const [config] = result?.configs ?? [];
    expect([config?.value, config?.configSource]).toEqual(['60000', 1]);
    expect(config?.synonyms).toEqual([
      { name: 'retention.ms', value: '60000', source: 1 },
      { name: 'log.retention.ms', value: '70000', source: 3 },
      { name: 'log.retention.ms', value: '90000', source: 4 },
      { name: 'log.retention.ms', value: '604800000', source: 5 },
    ]);
  });

  test('are checked where they are set, and refused with what is allowed', () => {
    const brokers = brokersWithTopic(1);
    const alter = (name: string, value: string) =>
      brokers.call(1, 'incrementalAlterConfigs', {
        resources: [{ resourceType: 2, resourceName: topic, configs: [{ name, configOperation: 0, value }] }],
      }).responses[0];
    expect(alter('retention.ms', '5')?.errorCode).toBe(0);
    expect(alter('retention.ms', 'x')?.errorCode).toBe(kafkaErrors.INVALID_CONFIG);
    expect(alter('no.such', 'x')?.errorCode).toBe(kafkaErrors.INVALID_CONFIG);
  });

  test('of a topic count for batches from the moment on that they are set', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const configs = [{ name: 'max.message.bytes', configOperation: 0, value: '100' }];
    brokers.call(leader, 'incrementalAlterConfigs', {
      resources: [{ resourceType: 2, resourceName: topic, configs }],
    });
    expect(produce(brokers, leader, ['small']).error).toBe('NONE');
    expect(produce(brokers, leader, ['x'.repeat(100)]).error).toBe('MESSAGE_TOO_LARGE');
  });
});

describe('reassignment', () => {
  test('a partition moves to another broker with all that it holds, and leaves nothing behind', () => {
    const brokers = brokersWithTopic(3);
    const name = 'moving';
    brokers.call(1, 'createTopics', {
      topics: [
        {
          name,
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [{ partitionIndex: 0, brokerIds: [1] }],
        },
      ],
    });
    brokers.runUntil(() => brokers.leaderOf(name) === 1);
    for (const value of ['a', 'b']) produce(brokers, 1, [value], { name });
    const answer = brokers.call(2, 'alterPartitionReassignments', {
      topics: [{ name, partitions: [{ partitionIndex: 0, replicas: [3] }] }],
    });
    expect(answer.responses[0]?.partitions[0]?.errorCode).toBe(0);
    brokers.runUntil(() => brokers.leaderOf(name) === 3, minute);
    const underWay = () => brokers.call(2, 'listPartitionReassignments', { topics: undefined }).topics;
    brokers.runUntil(() => underWay().length === 0, minute);
    const role = () => brokers.broker(3).view.partition({ topic: name, partition: 0 })?.role;
    brokers.runUntil(() => role() === 'leader');
    expect(fetch(brokers, 3, { name })).toEqual(['a', 'b']);
    const left = () =>
      brokers
        .node(1)
        .segments.list('partitions/')
        .filter(({ file }) => file.includes(name));
    brokers.runUntil(() => left().length === 0, minute);
  });

  test('the preferred replica leads again when it is asked for (KIP-460)', () => {
    const brokers = brokersWithTopic();
    const preferred = brokers.leaderOf(topic);
    brokers.crash(preferred);
    brokers.runUntil(() => ![0, preferred].includes(brokers.leaderOf(topic)), minute);
    brokers.restart(preferred);
    const elect = () =>
      brokers.call(preferred, 'electLeaders', {
        electionType: 0,
        topicPartitions: [{ topic, partitions: [0] }],
      }).replicaElectionResults[0]?.partitionResult[0]?.errorCode;
    brokers.runUntil(() => elect() === 0, minute);
    brokers.runUntil(() => brokers.leaderOf(topic) === preferred);
    expect(elect()).toBe(kafkaErrors.ELECTION_NOT_NEEDED);
  });
});

describe('access control', () => {
  const root: CallingClient = { ...anonymous, principal: 'User:root' };
  const alice: CallingClient = { ...anonymous, principal: 'User:alice' };

  test('lines are made, found and deleted only where they count', () => {
    const brokers = brokersWithTopic(1);
    const answer = brokers.call(1, 'describeAcls', {
      resourceTypeFilter: 1,
      operation: 1,
      permissionType: 1,
    });
    expect(answer.errorCode).toBe(kafkaErrors.SECURITY_DISABLED);
  });

  test('who has been allowed to write to a topic may, and nothing else', () => {
    const brokers = new TestBrokers(1, { authorizes: true, superUsers: ['User:root'] });
    brokers.ready();
    const make = (client: CallingClient, name: string) =>
      brokers.call(
        1,
        'createTopics',
        {
          topics: [{ name, numPartitions: 1, replicationFactor: 1 }],
        },
        { client },
      ).topics[0]?.errorCode;
    expect(make(alice, topic)).toBe(kafkaErrors.TOPIC_AUTHORIZATION_FAILED);
    expect(make(root, topic)).toBe(0);
    expect(produce(brokers, 1, ['x'], { client: alice }).error).toBe('TOPIC_AUTHORIZATION_FAILED');
    const line = {
      resourceType: 2,
      resourceName: 'ord',
      resourcePatternType: 4,
      principal: 'User:alice',
      host: '*',
      operation: 4,
      permissionType: 3,
    };
    const created = brokers.call(1, 'createAcls', { creations: [line] }, { client: root });
    expect(created.results.map(({ errorCode }) => errorCode)).toEqual([0]);
    expect(produce(brokers, 1, ['x'], { client: alice }).error).toBe('NONE');
    expect(make(alice, 'orders-2')).toBe(kafkaErrors.TOPIC_AUTHORIZATION_FAILED);
    const denied = brokers.call(1, 'createAcls', { creations: [line] }, { client: alice });
    expect(denied.results[0]?.errorCode).toBe(kafkaErrors.CLUSTER_AUTHORIZATION_FAILED);

    const all = { resourceTypeFilter: 1, patternTypeFilter: 1, operation: 1, permissionType: 1 };
    const nobody = { resourceNameFilter: undefined, principalFilter: undefined, hostFilter: undefined };
    const found = brokers.call(1, 'describeAcls', { ...all, ...nobody }, { client: root });
    expect(found.resources.map(({ resourceName, acls }) => [resourceName, acls.length])).toEqual([
      ['ord', 1],
    ]);
    const deleted = brokers.call(1, 'deleteAcls', { filters: [{ ...all, ...nobody }] }, { client: root });
    expect(deleted.filterResults[0]?.matchingAcls.map(({ principal }) => principal)).toEqual(['User:alice']);
    expect(produce(brokers, 1, ['x'], { client: alice }).error).toBe('TOPIC_AUTHORIZATION_FAILED');
  });
});

describe('credentials', () => {
  test('a user’s password is kept as what proves it (KIP-554)', () => {
    const brokers = brokersWithTopic(3);
    const saltedPassword = new Uint8Array(32).fill(7);
    const { results } = brokers.call(2, 'alterUserScramCredentials', {
      upsertions: [
        { name: 'alice', mechanism: 1, iterations: 4_096, salt: Uint8Array.of(1, 2), saltedPassword },
      ],
    });
    expect(results).toEqual([{ user: 'alice', errorCode: 0, errorMessage: undefined }]);
    const kept = brokers.broker(2).view.scramCredential('alice', 'SCRAM-SHA-256');
    expect(kept?.storedKey).toEqual(scramKeys('sha256', saltedPassword).storedKey);
    expect(brokers.broker(2).view.scramCredential('alice', 'SCRAM-SHA-512')).toBeUndefined();
    const described = brokers.call(2, 'describeUserScramCredentials', {
      users: [{ name: 'alice' }, { name: 'bob' }],
    });
    expect(described.results.map(({ user, errorCode }) => [user, errorCode])).toEqual([
      ['alice', 0],
      ['bob', kafkaErrors.RESOURCE_NOT_FOUND],
    ]);
  });
});
