import { expect, test } from 'vitest';

import { type DurableStore } from '../../../adapters/runner/ports.ts';
import { type RunnerEffect, type RunnerEvent } from '../../../adapters/runner/protocol.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import { type Machine } from '../../../core/base/machine.ts';
import {
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
  type MemberResponse,
} from '../../../core/chainfire/member-protocol.ts';
import { type GroupMessage, type SnapshotHeader } from '../../../core/raft/types.ts';
import { type MemberStreams } from '../../../nodes/chainfire/live-member.ts';
import { type StoreView } from '../../../core/storage/backend.ts';
import { rig, turns } from './scripted.ts';

const two = 2 as NodeId;
const three = 3 as NodeId;

test('what became durable is stepped by its highest number, once', async () => {
  const store = fakeStore();
  const { runner, machine } = rig(undefined, { store });
  store.onStored(3);
  store.onStored(5);
  await turns();
  store.onStored(6);
  await turns();
  expect(machine.events.slice(1)).toEqual([
    { kind: 'stored', storeSeq: 5 },
    { kind: 'stored', storeSeq: 6 },
  ]);
  await runner.stop();
});

test('a store that fails stops everything', async () => {
  const store = fakeStore();
  const { runner, failures } = rig(undefined, { store });
  const cause = new Error('MDB_MAP_FULL');
  store.onFailed(cause);
  store.onFailed(new Error('and again'));
  expect(failures).toEqual([{ kind: 'storeFailed', reason: 'MDB_MAP_FULL', cause }]);
  await runner.stop();
});

test('a snapshot is streamed from its view, which is closed before the machine hears how it ended', async () => {
  const store = fakeStore();
  const heard: string[] = [];
  const { runner, transport } = rig(
    (event) => {
      if (event.kind === 'received') {
        return [{ kind: 'sendSnapshot', to: two, viewId: Number(event.messages[0]), header: 'at 9' }];
      }
      if (event.kind !== 'tick') heard.push(`${event.kind}, closed: ${store.closed.join(' ')}`);
      return [];
    },
    { store },
  );
  runner.received(three, ['1']);
  runner.received(three, ['2']);
  await turns();
  expect(transport.streams.map(({ to, header }) => ({ to, header }))).toEqual([
    { to: two, header: 'at 9' },
    { to: two, header: 'at 9' },
  ]);
  expect(store.closed).toEqual([]);
  transport.streams[1]?.end(new Error('the peer is gone'));
  await turns();
  expect(store.closed).toEqual([2]);
  transport.streams[0]?.end();
  await turns();
  expect(store.closed).toEqual([2, 1]);
  expect(heard).toEqual(['snapshotFailed, closed: 2', 'snapshotSent, closed: 2 1']);
  expect(runner.counters).toMatchObject({ snapshotsSent: 1, snapshotsFailed: 1 });
});

test('views that are being streamed are closed when the runner stops, once', async () => {
  const store = fakeStore();
  const { runner, transport } = rig(
    (event) => (event.kind === 'received' ? [{ kind: 'sendSnapshot', to: two, viewId: 4, header: 'h' }] : []),
    { store },
  );
  runner.received(three, ['m']);
  await turns();
  await runner.stop();
  expect(store.closed).toEqual([4]);
  transport.streams[0]?.end();
  await turns();
  expect(store.closed).toEqual([4]);
});

test('a Chainfire member fits: the compiler says so here', () => {
  type Drivable = Machine<
    RunnerEvent<MemberRequest, GroupMessage, SnapshotHeader, MemberStreams>,
    RunnerEffect<MemberResponse, GroupMessage, SnapshotHeader, MemberStreams>
  >;
  const drive = (member: Machine<MemberEvent, MemberEffect>): Drivable => member;
  expect(drive({ step: () => [], deadlineUs: Infinity }).deadlineUs).toBe(Infinity);
});

/** As much of a store as the runner touches. */
function fakeStore(): DurableStore & { readonly closed: number[] } {
  const closed: number[] = [];
  const store: Pick<DurableStore, 'tables' | 'view' | 'onStored' | 'onFailed'> & {
    readonly closed: number[];
  } = {
    tables: ['t'],
    closed,
    onStored: () => undefined,
    onFailed: () => undefined,
    view: (viewId: number): StoreView => ({
      get: () => undefined,
      range: () => [],
      close: () => void closed.push(viewId),
    }),
  };
  return store as DurableStore & { readonly closed: number[] };
}
