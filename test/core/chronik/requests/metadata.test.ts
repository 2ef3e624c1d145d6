import { describe, expect, test } from 'vitest';

import { defaultBrokerSettings } from '../../../../core/chronik/settings.ts';
import { kafkaErrors } from '../../../../core/wire/kafka/error-codes.ts';
import { apis } from '../../../../core/wire/kafka/apis.ts';
import { brokersWithTopic, produce, topic } from '../test-client.ts';

describe('metadata', () => {
  test('says who is there, who leads, and who keeps what', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const answer = brokers.call(2, 'metadata', { topics: [{ name: topic }] });
    expect(answer.brokers).toEqual([
      { nodeId: 1, host: 'localhost', port: 9_092, rack: undefined },
      { nodeId: 2, host: 'localhost', port: 9_192, rack: undefined },
      { nodeId: 3, host: 'localhost', port: 9_292, rack: undefined },
    ]);
    expect(answer.clusterId).toBe('0000000000000007');
    expect([1, 2, 3]).toContain(answer.controllerId);
    const [first] = answer.topics;
    expect(first?.errorCode).toBe(0);
    expect(first?.partitions.map(({ leaderId }) => leaderId)).toEqual([leader]);
    expect([...(first?.partitions[0]?.isrNodes ?? [])].sort()).toEqual([1, 2, 3]);
  });

  test.each(Array.from({ length: apis.metadata.max + 1 }, (_, version) => version))(
    'all topics are listed in version %d',
    (version) => {
      const brokers = brokersWithTopic(1);
      const topics = version === 0 ? [] : undefined;
      const answer = brokers.call(1, 'metadata', { topics }, { version });
      expect(answer.topics.map(({ name }) => name)).toEqual([topic]);
    },
  );

  test('a topic that a client asks for is made, and answered when it is there', () => {
    const brokers = brokersWithTopic(3, { settings: { partitionsDefault: 4, replicationFactorDefault: 3 } });
    const answer = brokers.call(3, 'metadata', { topics: [{ name: 'fresh' }], allowAutoTopicCreation: true });
    const [fresh] = answer.topics;
    expect(fresh?.errorCode).toBe(0);
    expect(fresh?.partitions.map(({ errorCode, replicaNodes }) => [errorCode, replicaNodes.length])).toEqual(
      Array.from({ length: 4 }, () => [0, 3]),
    );
  });

  test('two who ask for it at once make one', () => {
    const brokers = brokersWithTopic(3);
    const asked = [1, 2, 2].map((id) => brokers.send(id, 'metadata', { topics: [{ name: 'fresh' }] }));
    brokers.runUntil(() => asked.every((requestId) => brokers.replies.has(requestId)));
    const ids = asked.map((requestId, at) => {
      const [fresh] = brokers.answer(at + 1, requestId, 'metadata').topics;
      expect(fresh?.errorCode).toBe(0);
      return fresh?.topicId;
    });
    expect(new Set(ids).size).toBe(1);
  });

  test('where the client or the settings do not want it, nothing is made', () => {
    const brokers = brokersWithTopic(1);
    const errorOf = (name: string, allowAutoTopicCreation: boolean) =>
      brokers.call(1, 'metadata', { topics: [{ name }], allowAutoTopicCreation }).topics[0]?.errorCode;
    expect(errorOf('fresh', false)).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    expect(errorOf('no good', true)).toBe(kafkaErrors.INVALID_TOPIC_EXCEPTION);
    const strict = brokersWithTopic(1, { settings: { autoCreateTopics: false } });
    const [answer] = strict.call(1, 'metadata', { topics: [{ name: 'fresh' }] }).topics;
    expect(answer?.errorCode).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test('a topic is found by its id, which another of the same name does not have (KIP-516)', () => {
    const brokers = brokersWithTopic(1);
    const [{ topicId = '' } = {}] = brokers.call(1, 'metadata', { topics: [{ name: topic }] }).topics;
    const byId = () => brokers.call(1, 'metadata', { topics: [{ topicId, name: undefined }] }).topics[0];
    expect([byId()?.name, byId()?.errorCode]).toEqual([topic, 0]);
    brokers.call(1, 'deleteTopics', { topics: [{ name: topic }] });
    brokers.call(1, 'createTopics', { topics: [{ name: topic, numPartitions: 1, replicationFactor: 1 }] });
    expect(byId()?.errorCode).toBe(kafkaErrors.UNKNOWN_TOPIC_ID);
  });

  test('a broker that has gone is offline, and is no address any more (KIP-112)', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const away = leader === 1 ? 2 : 1;
    brokers.crash(away);
    const ask = () => brokers.call(leader, 'metadata', { topics: [{ name: topic }] });
    brokers.runUntil(() => ask().brokers.length === 2, 60_000_000);
    expect(ask().topics[0]?.partitions[0]?.offlineReplicas).toEqual([away]);
    expect(produce(brokers, leader, ['x']).error).toBe('NONE');
  });

  test('a broker that has heard of no controller for a session vouches for nobody but itself', () => {
    const brokers = brokersWithTopic(3, { partitions: 3 });
    brokers.crash(2);
    brokers.crash(3);
    const [from, until] = [brokers.nowUs, brokers.nowUs + 2 * defaultBrokerSettings.brokerSessionTimeoutUs];
    const leaders = () =>
      (brokers.call(1, 'metadata', { topics: [{ name: topic }] }).topics[0]?.partitions ?? [])
        .map(({ errorCode, leaderId }) => [leaderId, errorCode])
        .sort();
    // Somebody else might be about to be the controller.
    brokers.runUntil(() => brokers.nowUs > from + defaultBrokerSettings.brokerSessionTimeoutUs / 2);
    expect(leaders()).toEqual([1, 2, 3].map((leader) => [leader, kafkaErrors.NONE]));
    brokers.runUntil(() => brokers.nowUs > until);
    const nobody = [-1, kafkaErrors.LEADER_NOT_AVAILABLE];
    expect(leaders()).toEqual([nobody, nobody, [1, kafkaErrors.NONE]]);
    brokers.restart(2);
    brokers.runUntil(() => leaders().every(([leader]) => leader === 1 || leader === 2), 60_000_000);
  });

  test('the cluster describes itself (KIP-700)', () => {
    const brokers = brokersWithTopic();
    const answer = brokers.call(1, 'describeCluster', { endpointType: 1 });
    expect(answer.brokers.map(({ brokerId, port }) => [brokerId, port])).toEqual([
      [1, 9_092],
      [2, 9_192],
      [3, 9_292],
    ]);
    const wrong = brokers.call(1, 'describeCluster', { endpointType: 2 });
    expect(wrong.errorCode).toBe(kafkaErrors.UNSUPPORTED_ENDPOINT_TYPE);
  });
});
