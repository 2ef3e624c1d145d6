import { expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { groupId, nodeId } from '../../core/base/ids.ts';
import {
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  TxnResponse,
} from '../../core/chainfire/api/kv.ts';
import { Event, eventTypes } from '../../core/chainfire/api/watch.ts';
import { type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { encodePut } from '../../core/chainfire/mvcc/record.ts';
import { etcdRefusal } from '../../core/chainfire/refusals.ts';
import { RecordMeter } from '../../sim/record-exercise.ts';
import { type Operation, type RunEnd, type WatchLog } from '../../sim/types.ts';
import { member, step } from './checkers/observations.ts';

const second = 1_000_000;
const nothing: RunEnd = { nowUs: 0, history: [], members: new Map(), watches: [], holds: [] };
const operation = (fields: Pick<Operation, 'request' | 'outcome'>): Operation => ({
  ...{ client: 1, callId: 1, startUs: 0, endUs: 1 },
  ...fields,
});

function ended(end: Partial<RunEnd>): RecordMeter {
  const meter = new RecordMeter();
  meter.onEnd({ ...nothing, ...end });
  return meter;
}

test('entries are applied again when a restart finds the store behind what the process had applied', () => {
  const meter = new RecordMeter();
  meter.onStep(step({ node: 1, log: [1, 1, 1], applied: 3 }));
  meter.onRecovered(nodeId(1), member({ node: 1, log: [1, 1, 1], applied: 3 }));
  expect(meter.appliedAgain).toBe(0);
  meter.onRecovered(nodeId(1), member({ node: 1, log: [1, 1, 1], applied: 2 }));
  expect(meter.appliedAgain).toBe(1);
});

test('a restart is in the middle of freeing when a key has two records below the compacted revision', () => {
  const meter = new RecordMeter();
  const record = (key: string): Uint8Array =>
    encodePut({ key, createRevision: 2, modRevision: 2, version: 1, value: bytesFromLatin1('v'), lease: 0n });
  const history = [
    { revision: 2, record: record('a') },
    { revision: 3, record: record('b') },
    { revision: 4, record: record('a') },
  ];
  meter.onRecovered(nodeId(1), member({ node: 1, history, compactRevision: 4 }));
  expect(meter.freedInPart).toBe(0);
  meter.onRecovered(nodeId(1), member({ node: 1, history, compactRevision: 5 }));
  expect(meter.freedInPart).toBe(1);
});

test('snapshots come in a row when one is installed within five seconds of the last, on the same member', () => {
  const meter = new RecordMeter();
  const installed = (node: number, index: number, nowUs: number): void => {
    const header = {
      ...{ group: groupId(1), leaderTerm: 1, index, term: 1 },
      configuration: { voters: [], outgoing: [], learners: [] },
    };
    const event = { kind: 'snapshotReceived', from: nodeId(9), stageId: 1, header } as unknown as MemberEvent;
    meter.onStep({ ...step({ node, applied: index, log: [] }, event), nowUs });
  };
  installed(1, 5, 0);
  installed(2, 9, second);
  installed(1, 9, 6 * second);
  expect(meter.snapshotsInARow).toBe(0);
  installed(1, 12, 10 * second);
  expect(meter.snapshotsInARow).toBe(1);
});

test('a watch is starved when it falls behind without having asked for the past', () => {
  const meter = new RecordMeter();
  const asked = { kind: 'streamReceived', streamId: 1, request: {} } as unknown as MemberEvent;
  meter.onStep(step({ node: 1, behind: 1 }, asked));
  meter.onStep(step({ node: 1, behind: 1 }));
  meter.onStep(step({ node: 1, behind: 0 }));
  expect(meter.watchesStarved).toBe(0);
  meter.onStep(step({ node: 1, behind: 1 }));
  expect(meter.watchesStarved).toBe(1);
});

test('deletions and overwrites are counted by what they were told, txns that read the past by what became of them', () => {
  const range = RangeRequest.create({ key: 'a', revision: 3 });
  const op = {
    requestRange: range,
    requestPut: undefined,
    requestDeleteRange: undefined,
    requestTxn: undefined,
  };
  const txn = { kind: 'txn', request: { compare: [], success: [op], failure: [] } } as const;
  const deletes = { kind: 'deleteRange', request: DeleteRangeRequest.create({ key: 'a' }) } as const;
  const puts = { kind: 'put', request: PutRequest.create({ key: 'a', prevKv: true }) } as const;
  const deleted = (count: number) =>
    ({ kind: 'deleteRange', response: DeleteRangeResponse.create({ deleted: count }) }) as const;
  const put = (prevKv: KeyValue | undefined) =>
    ({ kind: 'put', response: PutResponse.create({ prevKv }) }) as const;
  const meter = ended({
    history: [
      operation({ request: deletes, outcome: { kind: 'answered', response: deleted(0) } }),
      operation({ request: deletes, outcome: { kind: 'answered', response: deleted(2) } }),
      operation({ request: puts, outcome: { kind: 'answered', response: put(undefined) } }),
      operation({
        request: puts,
        outcome: { kind: 'answered', response: put(KeyValue.create({ key: 'a' })) },
      }),
      operation({
        request: txn,
        outcome: { kind: 'answered', response: { kind: 'txn', response: TxnResponse.create({}) } },
      }),
      operation({ request: txn, outcome: { kind: 'refused', refusal: etcdRefusal('COMPACTED') } }),
    ],
  });
  expect(meter).toMatchObject({ deletions: 1, overwrites: 1, historicTxns: 1, compactedTxns: 1 });
});

test('watches from the future, from a compacted deletion, and reports of progress are told by what was delivered', () => {
  const target = { key: 'a', rangeEnd: '', prevKv: false, filters: [], progressNotify: true };
  const watch = (startRevision: number, batches: WatchLog['deliveries'][number]['batch'][]): WatchLog => ({
    ...{ client: 1, watchId: 1, openedUs: 0, end: undefined, closed: false },
    target: { ...target, startRevision },
    deliveries: batches.map((batch) => ({ atUs: 0, batch })),
  });
  const event = (modRevision: number, type: Event['type']): Event =>
    Event.create({ type, kv: KeyValue.create({ key: 'a', modRevision }) });
  const compact = { kind: 'compact', request: { revision: 7, physical: false } } as const;
  const meter = ended({
    history: [
      operation({
        request: compact,
        outcome: { kind: 'answered', response: { kind: 'compact', response: { header: undefined } } },
      }),
    ],
    watches: [
      watch(20, [
        { revision: 10, events: [] },
        { revision: 15, events: [] },
      ]),
      watch(20, [{ revision: 19, events: [] }]),
      watch(7, [
        { revision: 6, events: [] },
        { revision: 7, events: [event(7, eventTypes.delete)] },
      ]),
      watch(7, [{ revision: 7, events: [event(7, eventTypes.put)] }]),
      watch(8, [{ revision: 8, events: [event(8, eventTypes.delete)] }]),
    ],
  });
  expect(meter).toMatchObject({ watchesFromTheFuture: 1, watchesFromADeletion: 1, progressTold: 1 });
});
