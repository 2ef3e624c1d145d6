import { describe, expect, test } from 'vitest';

import { type BrokerMessage } from '../../../core/chronik/broker-protocol.ts';
import { brokersWithTopic, everybodyKnows, fetch, produce, topic } from './test-client.ts';
import { type TestBrokers } from './three-brokers.ts';

const minute = 60_000_000;

function others(brokers: TestBrokers, id: number): readonly number[] {
  return [...brokers.nodes.keys()].filter((one) => one !== id);
}

describe('a cluster of brokers', () => {
  test('what all in-sync replicas have acknowledged is fetched from the next leader', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    expect(produce(brokers, leader, ['a', 'b'])).toEqual({ error: 'NONE', offset: 0 });
    expect(produce(brokers, leader, ['c'])).toEqual({ error: 'NONE', offset: 2 });
    expect(fetch(brokers, leader)).toEqual(['a', 'b', 'c']);

    brokers.crash(leader);
    brokers.runUntil(() => ![0, leader].includes(brokers.leaderOf(topic)), minute);
    const next = brokers.leaderOf(topic);
    expect(fetch(brokers, next)).toEqual(['a', 'b', 'c']);
    expect(produce(brokers, next, ['d'])).toEqual({ error: 'NONE', offset: 3 });
    expect(fetch(brokers, next, { offset: 2 })).toEqual(['c', 'd']);
  });

  test('everything is there after all brokers have been down', () => {
    const brokers = brokersWithTopic();
    const before = brokers.leaderOf(topic);
    for (let at = 0; at < 20; at += 1) produce(brokers, before, [`${at}`]);
    for (const id of brokers.nodes.keys()) brokers.crash(id);
    for (const id of brokers.nodes.keys()) brokers.restart(id);
    brokers.ready();
    brokers.runUntil(() => everybodyKnows(brokers, topic), minute);
    const leader = brokers.leaderOf(topic);
    expect(fetch(brokers, leader)).toEqual(Array.from({ length: 20 }, (_, at) => `${at}`));
    expect(produce(brokers, leader, ['more'])).toEqual({ error: 'NONE', offset: 20 });
  });

  test('a broker that was away catches up and is in sync again', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const away = others(brokers, leader)[0] ?? 0;
    produce(brokers, leader, ['a']);
    brokers.crash(away);
    const isr = (): readonly number[] =>
      brokers.broker(leader).view.image.topic(topic)?.partitions[0]?.isr ?? [];
    brokers.runUntil(() => !isr().includes(away), minute);
    expect(produce(brokers, leader, ['b'])).toEqual({ error: 'NONE', offset: 1 });
    brokers.restart(away);
    brokers.runUntil(() => isr().includes(away), minute);
    const mine = brokers.broker(away).view.partition({ topic, partition: 0 });
    expect(mine?.logEndOffset).toBe(2);
    expect(mine?.role).toBe('follower');
  });

  test('a record that only a cut off leader has is neither acknowledged nor kept (KIP-101)', () => {
    const brokers = brokersWithTopic();
    const old = brokers.leaderOf(topic);
    produce(brokers, old, ['a']);
    const isOf = (id: number) => (from: number, to: number, _: BrokerMessage) =>
      from === id || to === id ? 0 : 1;
    brokers.onMessage = isOf(old);
    expect(produce(brokers, old, ['lost'], { timeoutMs: 1_000 }).error).toBe('REQUEST_TIMED_OUT');
    const [witness = 0] = others(brokers, old);
    const leaderThere = (): number =>
      brokers.broker(witness).view.image.topic(topic)?.partitions[0]?.leader ?? -1;
    brokers.runUntil(() => leaderThere() !== old && leaderThere() > 0, minute);
    const leader = leaderThere();
    expect(produce(brokers, leader, ['b'])).toEqual({ error: 'NONE', offset: 1 });
    brokers.onMessage = () => 1;
    brokers.runUntil(
      () => brokers.broker(old).view.partition({ topic, partition: 0 })?.highWatermark === 2,
      minute,
    );
    expect(brokers.broker(old).view.partition({ topic, partition: 0 })?.logEndOffset).toBe(2);
    expect(fetch(brokers, leader)).toEqual(['a', 'b']);
  });

  test('files of a topic that was deleted while a broker was away are gone once it is back', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    produce(brokers, leader, ['a']);
    const away = others(brokers, leader)[0] ?? 0;
    const files = () => brokers.node(away).segments.list('partitions/');
    brokers.crash(away);
    expect(files().length).toBeGreaterThan(0);
    const answer = brokers.call(leader, 'deleteTopics', { topics: [{ name: topic }] });
    expect(answer.responses.map(({ errorCode }) => errorCode)).toEqual([0]);
    expect(brokers.node(leader).segments.list('partitions/')).toEqual([]);
    brokers.restart(away);
    brokers.runUntil(() => files().length === 0, minute);
  });

  test('a topic that is made again under its name is another one', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    produce(brokers, leader, ['old']);
    brokers.call(leader, 'deleteTopics', { topics: [{ name: topic }] });
    brokers.call(leader, 'createTopics', {
      topics: [{ name: topic, numPartitions: 1, replicationFactor: 3 }],
    });
    brokers.runUntil(() => everybodyKnows(brokers, topic));
    const next = brokers.leaderOf(topic);
    expect(produce(brokers, next, ['new'])).toEqual({ error: 'NONE', offset: 0 });
    expect(fetch(brokers, next)).toEqual(['new']);
  });

  test('a broker that is about to stop hands over what it leads, then says that it may', () => {
    const brokers = brokersWithTopic(3, { partitions: 6 });
    const [leaving = 0] = brokers.nodes.keys();
    const led = (): number =>
      [...brokers.broker(leaving).view.partitions()].filter(({ role }) => role === 'leader').length;
    expect(led()).toBeGreaterThan(0);
    const requestId = brokers.request(leaving, { kind: 'shutdown' });
    brokers.runUntil(() => brokers.replies.has(requestId));
    expect(brokers.replies.get(requestId)).toEqual({ kind: 'shutdown' });
    expect(led()).toBe(0);
  });

  test('brokers have little to say to each other while nothing happens', () => {
    const brokers = brokersWithTopic();
    let messages = 0;
    brokers.onMessage = () => {
      messages += 1;
      return 1;
    };
    brokers.run(10_000_000);
    // A heartbeat ten times a second to each of two, their answers, a fetch of each follower every 500 ms, and beats.
    expect(messages).toBeLessThan(10 * 80);
  });
});
