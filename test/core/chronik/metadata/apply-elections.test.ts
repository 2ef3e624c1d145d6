import { expect, test } from 'vitest';
import { noLeader } from '../../../../core/chronik/types.ts';
import { Scene } from './scene.ts';

const preferred = 0;
const unclean = 1;

function elect(scene: Scene, electionType: number, topic = 't', partition = 0): string {
  const { partitions } = scene.do('electLeaders', { electionType, partitions: [{ topic, partition }] });
  return partitions[0]?.refusal?.code ?? 'done';
}

test('the preferred leader leads again once it is in sync (KIP-460)', () => {
  const scene = new Scene();
  scene.start(1, 2);
  scene.topic('t', [[1, 2]]);
  expect(elect(scene, preferred)).toBe('ELECTION_NOT_NEEDED');
  scene.fence(1);
  expect(elect(scene, preferred)).toBe('PREFERRED_LEADER_NOT_AVAILABLE');
  scene.unfence(1);
  expect(elect(scene, preferred)).toBe('PREFERRED_LEADER_NOT_AVAILABLE');
  expect(scene.alterIsr('t', [1, 2])).toBe('done');
  expect(elect(scene, preferred)).toBe('done');
  expect(scene.partition('t')).toMatchObject({ leader: 1, isr: [1, 2], leaderEpoch: 2 });
  expect(elect(scene, preferred, 'u')).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  expect(elect(scene, preferred, 't', 1)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  expect(elect(scene, preferred, 't', -1)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  expect(scene.refusal('electLeaders', { electionType: 2, all: true })).toContain('INVALID_REQUEST');
});

test('of all partitions those that need no election are not spoken of', () => {
  const scene = new Scene();
  scene.start(1, 2);
  scene.topic('t', [
    [1, 2],
    [2, 1],
  ]);
  scene.fence(1);
  scene.unfence(1);
  scene.alterIsr('t', [1, 2], 0);
  const { partitions } = scene.do('electLeaders', { electionType: preferred, all: true });
  expect(partitions).toEqual([{ topic: 't', partition: 0, refusal: undefined }]);
});

test('an unclean election happens only when it is asked for, and the partition remembers it', () => {
  const scene = new Scene();
  scene.start(1, 2);
  scene.topic('t', [[1, 2]]);
  expect(elect(scene, unclean)).toBe('ELECTION_NOT_NEEDED');
  scene.fence(2);
  scene.fence(1);
  expect(elect(scene, unclean)).toBe('ELIGIBLE_LEADERS_NOT_AVAILABLE');
  scene.unfence(2);
  expect(scene.partition('t')).toMatchObject({ leader: noLeader, isr: [1], uncleanElections: 0 });
  expect(elect(scene, unclean)).toBe('done');
  expect(scene.partition('t')).toMatchObject({ leader: 2, isr: [2], uncleanElections: 1, leaderEpoch: 2 });
});

test('where the topic allows it, whoever is active leads at once', () => {
  const scene = new Scene();
  scene.start(1, 2);
  scene.topic('t', [[1, 2]], { 'unclean.leader.election.enable': 'true' });
  expect(scene.alterIsr('t', [1])).toBe('done');
  scene.fence(1);
  expect(scene.partition('t')).toMatchObject({ leader: 2, isr: [2], uncleanElections: 1 });
});

test('a setting that allows it later elects at once, of the topic as of all brokers', () => {
  for (const resource of [
    { resourceType: 2, resourceName: 't' },
    { resourceType: 4, resourceName: '' },
  ]) {
    const scene = new Scene();
    scene.start(1, 2);
    scene.topic('t', [[1, 2]]);
    scene.alterIsr('t', [1]);
    scene.fence(1);
    expect(scene.partition('t').leader).toBe(noLeader);
    const configs = [{ name: 'unclean.leader.election.enable', value: 'true' }];
    scene.do('alterConfigs', { ...resource, configs });
    expect(scene.partition('t')).toMatchObject({ leader: 2, uncleanElections: 1 });
  }
});
