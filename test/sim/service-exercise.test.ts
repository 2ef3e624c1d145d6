import { expect, test } from 'vitest';

import { nodeId } from '../../core/base/ids.ts';
import { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../../core/chainfire/api/kv.ts';
import { LeaseKeepAliveResponse } from '../../core/chainfire/api/lease.ts';
import { type WatchRequest } from '../../core/chainfire/api/watch.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { missedFloor, ExerciseMeter } from '../../sim/exercise.ts';
import { ServiceMeter } from '../../sim/service-exercise.ts';
import { type LockHold, type Operation, type RunEnd, type WatchLog } from '../../sim/types.ts';
import { member, step } from './checkers/observations.ts';

const nothing: RunEnd = { nowUs: 0, history: [], members: new Map(), watches: [], holds: [] };

function ended(end: Partial<RunEnd>, meter = new ServiceMeter([])): ServiceMeter {
  meter.onEnd({ ...nothing, ...end });
  return meter;
}

const operation = (fields: Pick<Operation, 'request' | 'outcome'> & { endUs?: number }): Operation => ({
  client: 1,
  callId: 1,
  startUs: 0,
  endUs: 1,
  ...fields,
});

test('an election counts with leases when it has leases, and another member leads than before', () => {
  const meter = new ServiceMeter([]);
  const leads = (node: number, term: number, leases: readonly bigint[]): void => {
    meter.onStep(step({ node, role: 'leader', term, leases }));
  };
  leads(1, 1, [7n]);
  leads(1, 2, [7n]);
  leads(2, 3, []);
  expect(meter.electionsWithLeases).toBe(0);
  leads(1, 4, [7n]);
  leads(1, 4, [7n]);
  leads(2, 3, [7n]);
  expect(meter.electionsWithLeases).toBe(1);
});

test('a leader was replaced while paused when its pause was in force as another was elected', () => {
  const meter = new ServiceMeter([
    { kind: 'pause', atUs: 10, node: nodeId(1), forUs: 10 },
    { kind: 'pause', atUs: 30, node: nodeId(1), forUs: 10 },
  ]);
  const leads = (node: number, term: number, nowUs: number): void => {
    meter.onStep({ ...step({ node, role: 'leader', term }), nowUs });
  };
  leads(1, 1, 5);
  leads(2, 2, 20);
  leads(1, 3, 25);
  expect(meter.pausedLeaders).toBe(0);
  leads(3, 4, 35);
  leads(2, 5, 36);
  expect(meter.pausedLeaders).toBe(1);
});

test('a leader that went on stepping in its pause was not paused, whoever was elected meanwhile', () => {
  const meter = new ServiceMeter([{ kind: 'pause', atUs: 10, node: nodeId(1), forUs: 10 }]);
  meter.onStep({ ...step({ node: 1, role: 'leader', term: 1 }), nowUs: 5 });
  meter.onStep({ ...step({ node: 1, role: 'leader', term: 1 }), nowUs: 12 });
  meter.onStep({ ...step({ node: 2, role: 'leader', term: 2 }), nowUs: 15 });
  expect(meter.pausedLeaders).toBe(0);
});

test('a lease that is gone has expired unless somebody asked for its end; one that a restart lacks is no matter', () => {
  const meter = new ServiceMeter([]);
  meter.onStep(step({ node: 1, leases: [1n, 2n, 3n] }));
  meter.onStep(step({ node: 1, leases: [3n] }));
  meter.onRecovered(nodeId(1), member({ node: 1, leases: [] }));
  const revoke: Operation = operation({
    request: { kind: 'leaseRevoke', request: { id: 2n } },
    outcome: { kind: 'unknown', reason: 'lost' },
  });
  expect(ended({ history: [revoke] }, meter).leasesExpired).toBe(1);
});

test('keepalives count when a lease was there to be kept', () => {
  const kept = (ttlSeconds: number): Operation =>
    operation({
      request: { kind: 'leaseKeepAlive', request: { id: 1n } },
      outcome: {
        kind: 'answered',
        response: { kind: 'leaseKeepAlive', response: LeaseKeepAliveResponse.create({ id: 1n, ttlSeconds }) },
      },
    });
  expect(ended({ history: [kept(5), kept(0), kept(1)] }).keepAlives).toBe(2);
});

test('a read on a lease is answered by the leader of several in the step in which it came', () => {
  const meter = new ServiceMeter([]);
  const asked = (request: Partial<Parameters<typeof RangeRequest.create>[0]> = {}): MemberEvent => ({
    kind: 'requested',
    requestId: 5,
    request: { kind: 'range', request: RangeRequest.create({ key: 'a', ...request }) },
  });
  const reply = (requestId: number): MemberEffect => ({
    kind: 'reply',
    requestId,
    response: { kind: 'range', response: RangeResponse.create() },
    afterSyncSeq: 0,
  });
  meter.onStep(step({ node: 1, role: 'follower' }, asked(), [reply(5)]));
  meter.onStep(step({ node: 1, role: 'leader', voters: [1] }, asked(), [reply(5)]));
  meter.onStep(step({ node: 1, role: 'leader' }, asked({ serializable: true }), [reply(5)]));
  meter.onStep(step({ node: 1, role: 'leader' }, asked(), [reply(4)]));
  meter.onStep(step({ node: 1, role: 'leader' }, asked(), []));
  expect(meter.leaseReads).toBe(0);
  meter.onStep(step({ node: 1, role: 'leader' }, asked(), [reply(5)]));
  expect(meter.leaseReads).toBe(1);
});

test('watches: events, ends by compaction, and creations beyond the first', () => {
  const meter = new ServiceMeter([]);
  const create = { create: {}, cancel: undefined, progress: undefined } as unknown as WatchRequest;
  const cancel = { create: undefined, cancel: {}, progress: undefined } as unknown as WatchRequest;
  for (const request of [create, cancel, create, create])
    meter.onStep(step({ node: 1 }, { kind: 'streamReceived', streamId: 1, request }));
  const log = (events: number, end: WatchLog['end']): WatchLog =>
    ({
      deliveries: [{ atUs: 1, batch: { revision: 1, events: new Array(events).fill({}) } }],
      end,
    }) as unknown as WatchLog;
  ended({ watches: [log(2, undefined), log(3, { kind: 'compacted', compactRevision: 3 })] }, meter);
  expect([meter.watchEvents, meter.watchesCompacted, meter.watchesResumed]).toEqual([5, 1, 1]);
});

test('a lock was waited for when its key was there while another held it', () => {
  const took = (revision: number, endUs: number): Operation =>
    operation({
      request: { kind: 'txn', request: TxnRequest.create() },
      endUs,
      outcome: {
        kind: 'answered',
        response: {
          kind: 'txn',
          response: TxnResponse.create({
            header: { clusterId: 0n, memberId: 0n, revision, raftTerm: 1n } as never,
          }),
        },
      },
    });
  const hold = (fencingToken: number, fromUs: number, toUs: number | undefined, name = 'a'): LockHold => ({
    client: 1,
    name,
    leaseId: 1n,
    fencingToken,
    fromUs,
    toUs,
  });
  const history = [took(10, 5), took(11, 15), took(12, 35)];
  // 11 stood in line while 10 held it; 12 came when it was free; another lock is another matter.
  const holds = [hold(10, 6, 20), hold(11, 22, 30), hold(12, 36, undefined), hold(11, 36, undefined, 'b')];
  const meter = ended({ history, holds });
  expect([meter.locksHeld, meter.locksContended]).toEqual([4, 1]);
});

test('each figure has its floor', () => {
  const meter = new ExerciseMeter([]);
  const result = { operations: {}, faultsFired: {} } as never;
  for (const floor of [
    'leaseReads',
    'pausedLeaders',
    'leasesExpired',
    'keepAlives',
    'electionsWithLeases',
    'watchEvents',
    'watchesResumed',
    'watchesCompacted',
    'locksHeld',
    'locksContended',
  ] as const) {
    expect(missedFloor({ [floor]: 0 }, result, meter)).toBeUndefined();
    expect(missedFloor({ [floor]: 1 }, result, meter)).toMatch(/: 0, where 1 is the least$/);
  }
});
