import { expect, test } from 'vitest';
import { nodeId } from '../../../../core/base/ids.ts';
import { noLeader } from '../../../../core/chronik/types.ts';
import { Scene } from './scene.ts';

const endpoints = [{ listener: 'PLAINTEXT', host: 'b1', port: 9092, securityProtocol: 0 }];
const incarnation = 'a'.repeat(32);

test('a broker registers fenced, under the index of its entry; the same life asking again keeps its epoch', () => {
  const scene = new Scene();
  const body = { broker: nodeId(1), incarnation, endpoints, rack: 'north' };
  const { brokerEpoch } = scene.do('registerBroker', body);
  expect(brokerEpoch).toBe(1);
  expect(scene.state.broker(1)).toEqual({
    id: 1,
    epoch: 1,
    incarnation,
    endpoints,
    rack: 'north',
    fenced: true,
    inControlledShutdown: false,
  });
  scene.unfence(1);
  expect(scene.do('registerBroker', body).brokerEpoch).toBe(1);
  expect(scene.state.broker(1)?.fenced).toBe(false);
  const next = { ...body, incarnation: 'b'.repeat(32) };
  expect(scene.do('registerBroker', next).brokerEpoch).toBe(4);
  expect(scene.state.broker(1)?.fenced).toBe(true);
});

test('what is wrong with a registration is said', () => {
  const scene = new Scene({ brokersMax: 1, endpointsPerBrokerMax: 2 });
  scene.start(1);
  const body = { broker: nodeId(1), incarnation, endpoints };
  const [endpoint] = endpoints;
  const refused = (change: object): string => scene.refusal('registerBroker', { ...body, ...change });
  expect(refused({ broker: 2 })).toBe('POLICY_VIOLATION: a cluster has 1 brokers at most');
  expect(refused({ incarnation: 'x' })).toBe('INVALID_REQUEST: an incarnation is 32 hex digits');
  expect(refused({ endpoints: [] })).toBe('INVALID_REQUEST: a broker has 1 to 2 endpoints, not 0');
  expect(refused({ endpoints: [endpoint, endpoint] })).toBe(
    'INVALID_REQUEST: listener PLAINTEXT is given twice',
  );
  expect(refused({ endpoints: [{ ...endpoint, port: 0 }] })).toContain('port 0 of listener PLAINTEXT');
  expect(refused({ endpoints: [{ ...endpoint, host: '' }] })).toContain('has no host');
});

test('findings about an earlier life of a broker do nothing', () => {
  const scene = new Scene();
  scene.start(1);
  const brokerEpoch = scene.epochOf(1);
  scene.register(1);
  const life = { broker: nodeId(1), brokerEpoch };
  expect(scene.refusal('unfenceBroker', life)).toBe(
    'STALE_BROKER_EPOCH: broker 1 is registered under epoch 3; 1 was given',
  );
  expect(scene.refusal('fenceBroker', life)).toContain('STALE_BROKER_EPOCH');
  expect(scene.refusal('beginControlledShutdown', life)).toContain('STALE_BROKER_EPOCH');
  expect(scene.refusal('fenceBroker', { broker: nodeId(9), brokerEpoch })).toBe(
    'BROKER_ID_NOT_REGISTERED: broker 9 is not registered',
  );
});

test('a fenced broker leaves the in-sync set while others are in it; the last one stays, and nobody leads', () => {
  const scene = new Scene();
  scene.start(1, 2);
  scene.topic('t', [[1, 2]]);
  scene.fence(1);
  expect(scene.partition('t')).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 1, partitionEpoch: 1 });
  scene.fence(2);
  expect(scene.partition('t')).toMatchObject({ leader: noLeader, isr: [2], leaderEpoch: 2 });
  // Who was not in sync when it went cannot lead: it may lack what was acknowledged since.
  scene.unfence(1);
  expect(scene.partition('t')).toMatchObject({ leader: noLeader, isr: [2], leaderEpoch: 2 });
  scene.unfence(2);
  expect(scene.partition('t')).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 3 });
});

test('a broker that comes in a new life leaves in-sync sets where others remain, unsynced as its tail may be (KIP-966)', () => {
  const scene = new Scene();
  scene.start(1, 2);
  scene.topic('shared', [[1, 2]]);
  scene.topic('alone', [[1]]);
  scene.register(1);
  expect(scene.partition('shared')).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 1 });
  expect(scene.partition('alone')).toMatchObject({ leader: noLeader, isr: [1], leaderEpoch: 1 });
  scene.unfence(1);
  expect(scene.partition('shared')).toMatchObject({ leader: 2, isr: [2] });
  expect(scene.partition('alone')).toMatchObject({ leader: 1, isr: [1], leaderEpoch: 2 });
});

test('in a controlled shutdown others lead first; what nobody else can lead the broker goes on leading', () => {
  const scene = new Scene();
  scene.start(1, 2);
  scene.topic('shared', [[1, 2]]);
  scene.topic('alone', [[1]]);
  scene.do('beginControlledShutdown', { broker: nodeId(1), brokerEpoch: scene.epochOf(1) });
  expect(scene.partition('shared')).toMatchObject({ leader: 2, isr: [2] });
  expect(scene.partition('alone')).toMatchObject({ leader: 1, isr: [1], leaderEpoch: 0 });
  expect(scene.alterIsr('shared', [1, 2])).toBe('INELIGIBLE_REPLICA');
});

test('one that leads alone in its shutdown hands over to the first that comes into sync', () => {
  const scene = new Scene();
  scene.start(1, 2);
  scene.topic('t', [[1, 2]]);
  scene.fence(2);
  scene.do('beginControlledShutdown', { broker: nodeId(1), brokerEpoch: scene.epochOf(1) });
  scene.unfence(2);
  expect(scene.partition('t')).toMatchObject({ leader: 1, isr: [1] });
  expect(scene.alterIsr('t', [1, 2])).toBe('NEW_LEADER_ELECTED');
  expect(scene.partition('t')).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 1 });
});
