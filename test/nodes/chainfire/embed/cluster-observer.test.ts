import { expect, test } from 'vitest';

import { nodeId } from '../../../../core/base/ids.ts';
import { Member } from '../../../../core/chainfire/api/cluster.ts';
import { ClusterObserver } from '../../../../nodes/chainfire/embed/cluster-observer.ts';
import { EventDispatcher } from '../../../../nodes/chainfire/embed/event-dispatcher.ts';
import {
  type ClusterEvent,
  clusterEventNames,
  type ClusterMember,
} from '../../../../nodes/chainfire/embed/member-events.ts';

const a = Member.create({ id: 1n, name: 'a', peerUrls: ['http://h:1'], clientUrls: ['http://h:2'] });
const b = Member.create({ id: 2n, name: 'b', peerUrls: ['http://h:3'], clientUrls: ['http://h:4'] });
/** As it was added: it has not said who it is. */
const c = Member.create({ id: 3n, peerUrls: ['http://h:5'], isLearner: true });

/** An observer of member 1, and what it has told since it was asked last. */
function observer(members: readonly Member[]) {
  const told: ClusterEvent[] = [];
  const events = new EventDispatcher(() => undefined);
  events.on(clusterEventNames, (event) => void told.push(event));
  const observed = new ClusterObserver(nodeId(1), members, events);
  const take = async (): Promise<readonly unknown[]> => {
    await Promise.resolve();
    return told.splice(0).map(({ missed: _, ...event }) => event);
  };
  return { observed, take };
}

const asA = { id: 1, name: 'a' };
const asB = { id: 2, name: 'b' };

test('leadership is lost before another leads, and had after it is known who leads', async () => {
  const { observed, take } = observer([a, b]);
  observed.leaderChanged(nodeId(1), 4, [a, b]);
  expect(await take()).toEqual([
    { kind: 'leaderChanged', leader: asA, previous: undefined, term: 4 },
    { kind: 'becameLeader', term: 4 },
    { kind: 'clusterReady', leader: asA, term: 4 },
  ]);
  observed.leaderChanged(nodeId(2), 5, [a, b]);
  expect(await take()).toEqual([
    { kind: 'lostLeadership', term: 4 },
    { kind: 'leaderChanged', leader: asB, previous: asA, term: 5 },
  ]);
  observed.leaderChanged(0, 5, [a, b]);
  observed.leaderChanged(nodeId(1), 6, [a, b]);
  expect(await take()).toEqual([
    { kind: 'leaderChanged', leader: undefined, previous: asB, term: 5 },
    { kind: 'leaderChanged', leader: asA, previous: undefined, term: 6 },
    { kind: 'becameLeader', term: 6 },
  ]);
});

test('a leader that is elected anew in a later term had lost the one before', async () => {
  const { observed, take } = observer([a]);
  observed.leaderChanged(nodeId(1), 1, [a]);
  await take();
  observed.leaderChanged(nodeId(1), 3, [a]);
  expect(await take()).toEqual([
    { kind: 'lostLeadership', term: 1 },
    { kind: 'leaderChanged', leader: asA, previous: asA, term: 3 },
    { kind: 'becameLeader', term: 3 },
  ]);
});

test('a member that ends says that it leads no longer, and knows of nobody; once', async () => {
  const { observed, take } = observer([a]);
  observed.ended();
  expect(await take()).toEqual([]);
  observed.leaderChanged(nodeId(1), 2, [a]);
  await take();
  observed.ended();
  observed.ended();
  expect(await take()).toEqual([
    { kind: 'lostLeadership', term: 2 },
    { kind: 'leaderChanged', leader: undefined, previous: asA, term: 2 },
  ]);
});

test('members are added, start, vote, move and go', async () => {
  const { observed, take } = observer([a, b]);
  const nothing = { added: [], removed: [], promoted: [], started: [], updated: [] };
  const idsOf = (list: readonly ClusterMember[]): readonly number[] => list.map(({ id }) => id);
  const idsIn = async (): Promise<readonly unknown[]> =>
    (await take()).map((event) => {
      const { members, added, removed, promoted, started, updated } =
        event as ClusterEvent<'membershipChanged'>;
      return {
        ...{ members: idsOf(members), added: idsOf(added), removed: idsOf(removed) },
        ...{ promoted: idsOf(promoted), started: idsOf(started), updated: idsOf(updated) },
      };
    });
  observed.membersChanged([a, b]);
  expect(await idsIn()).toEqual([]);
  observed.membersChanged([a, b, c]);
  expect(await idsIn()).toEqual([{ ...nothing, members: [1, 2, 3], added: [3] }]);
  const started = { ...c, name: 'c', clientUrls: ['http://h:6'] };
  observed.membersChanged([a, b, started]);
  observed.membersChanged([a, b, { ...started, isLearner: false }]);
  expect(await idsIn()).toEqual([
    { ...nothing, members: [1, 2, 3], started: [3] },
    { ...nothing, members: [1, 2, 3], promoted: [3] },
  ]);
  observed.membersChanged([a, { ...b, peerUrls: ['http://h:9'] }]);
  expect(await idsIn()).toEqual([{ ...nothing, members: [1, 2], updated: [2], removed: [3] }]);
  // Its own removal, too.
  observed.membersChanged([b]);
  expect(await idsIn()).toEqual([{ ...nothing, members: [2], updated: [2], removed: [1] }]);
});

test('one that joins says nothing of the time before it was a member', async () => {
  const { observed, take } = observer([]);
  observed.membersChanged([b]);
  observed.membersChanged([b, c]);
  observed.membersChanged([a, b]);
  expect(await take()).toEqual([]);
  observed.membersChanged([a]);
  expect(await take()).toMatchObject([{ kind: 'membershipChanged', removed: [{ id: 2 }] }]);
});
