import { expect, test } from 'vitest';

import { type OperationRow, type Tables } from '../../../core/plasma/control-plane/rows.ts';
import { type StorageRequest } from '../../../core/plasma/storage-protocol.ts';
import { AnsweredAlike } from '../../../sim/plasma/checkers/answered-alike.ts';
import { FetchResumed } from '../../../sim/plasma/checkers/fetch-resumed.ts';
import { ImagesWhole } from '../../../sim/plasma/checkers/images-whole.ts';
import { InventoryFirst } from '../../../sim/plasma/checkers/inventory-first.ts';
import { NewestTokenWrites } from '../../../sim/plasma/checkers/newest-token-writes.ts';
import { plasmaCheckerNames, createPlasmaCheckers } from '../../../sim/plasma/checkers/registry.ts';
import { RestartsKept } from '../../../sim/plasma/checkers/restarts-kept.ts';
import { TermsFenced } from '../../../sim/plasma/checkers/terms-fenced.ts';
import { OperationsOnce } from '../../../sim/plasma/checkers/operations-once.ts';
import { RemovedOnEvidence } from '../../../sim/plasma/checkers/removed-on-evidence.ts';
import { PlasmaHistory } from '../../../sim/plasma/history.ts';
import { PlasmaRun } from '../../../sim/plasma/run.ts';
import { type TrueCommit } from '../../../sim/plasma/truth.ts';
import { plasmaImageFetchCut } from '../../../scenarios/plasma/image-fetch-cut.ts';
import { plasmaDrain } from '../../../scenarios/plasma/drain.ts';

const vm = `vm-${'0'.repeat(32)}`;

function commit(changes: Partial<TrueCommit>): TrueCommit {
  return { atUs: 0, storeRevision: 1, revision: 1, rows: [], term: 1, ...changes };
}

/** Of a run that has not begun. */
function quietState(): PlasmaRun['state'] {
  return new PlasmaRun(plasmaDrain.plan(1), 1, { checkers: [] }).state;
}

function opening(fenceToken: number): StorageRequest {
  return { kind: 'openExport', disk: 'shop/root', vm, fenceToken, activate: true };
}

const opened = { kind: 'opened', uri: 'sim:x', sizeBytes: 512 } as const;

test('checkers have names of their own, and none is made for another', () => {
  expect(new Set(plasmaCheckerNames).size).toBe(plasmaCheckerNames.length);
  expect(createPlasmaCheckers(['never-twice']).map(({ name }) => name)).toEqual(['never-twice']);
  expect(() => createPlasmaCheckers(['typo'])).toThrow('no checker is called typo');
});

test('a commit that leaves a number out, has none, or is made while nobody leads is found', () => {
  expect(() => new TermsFenced().onCommit(commit({ revision: 2 }))).toThrow('commit 2 follows commit 0');
  expect(() => new TermsFenced().onCommit(commit({ term: undefined }))).toThrow('while nobody leads');
  const row = { table: 'vms', key: vm, before: undefined, after: undefined } as const;
  expect(() => new TermsFenced().onCommit(commit({ revision: undefined, rows: [row] }))).toThrow(
    'without a commit',
  );
  expect(() => new TermsFenced().onCommit(commit({}))).not.toThrow();
});

test('a write under a token below one that was confirmed is found, and so is an export that is opened under it', () => {
  const checker = new NewestTokenWrites();
  const write = (fenceToken: number) => ({
    ...{ disk: 'shop/root', holder: { vm, fenceToken }, tick: 1, begunAtUs: 0, doneAtUs: 1 },
  });
  checker.onStorageAnswered(opening(2), opened);
  expect(() => checker.onWritten(write(2))).not.toThrow();
  expect(() => checker.onWritten(write(1))).toThrow('where 2 was confirmed as the newest');
  expect(() => checker.onStorageAnswered(opening(1), opened)).toThrow('where 2 was the newest');
});

test('an operation whose row changes, or that is answered in two ways, is found', () => {
  const row: OperationRow = {
    ...{ project: 'shop', id: 'op-1', digest: 'a', revision: 3, vm, generation: undefined },
    ...{ state: 'running', message: '' },
  };
  const changed = {
    table: 'operations',
    key: 'shop/op-1',
    before: row,
    after: { ...row, revision: 4 },
  } as const;
  expect(() => new AnsweredAlike().onCommit(commit({ rows: [changed] }))).toThrow('says something else now');
  const done = { ...changed, after: { ...row, state: 'done' as const } };
  expect(() => new AnsweredAlike().onCommit(commit({ rows: [done] }))).not.toThrow();

  const history = new PlasmaHistory();
  const asked = history.begin(0, { kind: 'vmDelete', operationId: 'op-1', project: 'shop', vm }, 0);
  const answer = { kind: 'committed', operationId: 'op-1', revision: 3, vm } as const;
  asked.answers.push({ atUs: 1, response: answer }, { atUs: 2, response: answer });
  const state = { history } as PlasmaRun['state'];
  expect(() => new AnsweredAlike().onLook(state)).not.toThrow();
  asked.answers.push({ atUs: 3, response: { ...answer, revision: 4 } });
  expect(() => new AnsweredAlike().onLook(state)).toThrow('with revision 3, then with 4');
});

test('an agent that launches something before its inventory was judged is found', () => {
  const act = { kind: 'launch', actId: 1, vm, fenceToken: 1 } as Parameters<InventoryFirst['onAct']>[1];
  expect(() => new InventoryFirst().onAct('node-0', act, quietState())).toThrow(
    'before its inventory was judged',
  );
});

test('a snapshot that is deleted, by its row or by its node, and was not to be is found', () => {
  const state = quietState();
  const checker = new RemovedOnEvidence();
  const row = {
    ...{ id: vm, spec: { name: 'web' }, snapshots: ['s-1'], remains: [] },
  } as unknown as Tables['vms'];
  const taken = { table: 'vms', key: vm, before: undefined, after: row } as const;
  const gone = { ...taken, before: row, after: { ...row, snapshots: [] } } as const;
  const instance = { vm, fenceToken: 1, pid: 1, startTicks: 1 };
  const act = { kind: 'deleteSnapshot', actId: 1, instance, snapshot: 's-1' } as const;
  expect(() => checker.onCommit(commit({ rows: [taken] }), state)).not.toThrow();
  expect(() => checker.onCommit(commit({ rows: [gone] }), state)).toThrow('nobody has deleted the snapshot');
  expect(() => checker.onAct('node-0', act, state)).toThrow('nobody has deleted the snapshot s-1 of web');
  const asked = { operationId: 'op-1', project: 'shop', vm: 'web', snapshot: 's-1' };
  state.history.begin(0, { kind: 'vmDeleteSnapshot', ...asked }, 0);
  expect(() => checker.onCommit(commit({ rows: [gone] }), state)).not.toThrow();
  expect(() => checker.onAct('node-0', act, state)).not.toThrow();
});

test('data of a shared disk that are removed while it has a row, or without proof that somebody wanted it, are found', () => {
  const disk = { project: 'shop', name: 'root', onStorage: 'root.3', sizeBytes: 512, fenceToken: 1 };
  const proof = { ...disk, fenceToken: 2, operation: 'op-1' };
  const made = { table: 'disks', key: 'shop/root', before: undefined, after: disk } as const;
  const gone = { ...made, before: disk, after: undefined } as const;
  const proven = { table: 'deletedDisks', key: 'shop/root.3', before: undefined, after: proof } as const;
  const request = { kind: 'deleteDisk', disk: 'shop/root.3', vm: undefined, fenceToken: 2 } as const;
  const deleted = { kind: 'deleted' } as const;

  const state = quietState();
  state.truth.disks.set('shop/root', disk);
  expect(() => new RemovedOnEvidence().onStorageAnswered(request, deleted, state)).toThrow('and has a row');
  state.truth.disks.clear();
  const checker = new RemovedOnEvidence();
  expect(() => checker.onStorageAnswered(request, deleted, state)).toThrow('nobody has wanted it');
  expect(() => checker.onCommit(commit({ rows: [gone] }), state)).toThrow('gone without proof');
  expect(() => checker.onCommit(commit({ rows: [gone, proven] }), state)).toThrow(
    'nobody has deleted the disk',
  );

  const asked = { kind: 'sharedDiskDelete', operationId: 'op-1', project: 'shop', disk: 'root' } as const;
  state.history.begin(0, asked, 0);
  expect(() => checker.onCommit(commit({ rows: [gone, proven] }), state)).not.toThrow();
  expect(() => checker.onStorageAnswered(request, deleted, state)).not.toThrow();
});

test('a node that has other bytes than those of an image is found', () => {
  const { state } = new PlasmaRun(plasmaImageFetchCut.plan(1), 1, { checkers: [] });
  const [image] = state.cloud.images.images;
  if (image === undefined) throw new Error('the cloud has images');
  const { images } = state.cloud.node('node-0').machine;
  expect(() => new ImagesWhole().onEnd(state)).not.toThrow();
  images.take(image.digest);
  expect(() => new ImagesWhole().onEnd(state)).toThrow('they are others');
});

test('a fetch that asks for what is there, leaves something out, or throws away what is right is found', () => {
  const { state } = new PlasmaRun(plasmaImageFetchCut.plan(1), 1, { checkers: [] });
  const [image] = state.cloud.images.images;
  if (image === undefined) throw new Error('the cloud has images');
  const { digest, bytes } = image;
  const { images } = state.cloud.node('node-0').machine;
  images.append(digest, 0, bytes.slice(0, 100));
  const asks = (fromByte: number) => {
    const request = { digest, fromByte, bytesMax: 10 };
    const act = { kind: 'askChunk', actId: 1, server: 0, request, timeoutUs: 1 } as const;
    return () => new FetchResumed().onImageAct('node-0', digest, act, state);
  };
  const discards = (): void =>
    new FetchResumed().onImageAct('node-0', digest, { kind: 'discardPartial', actId: 1 }, state);
  expect(asks(100)).not.toThrow();
  expect(asks(0)).toThrow('has 100 bytes');
  expect(asks(110)).toThrow('asks for those from 110 on');
  expect(discards).toThrow('which are its beginning');
  images.append(digest, 100, Uint8Array.of((bytes[100] as number) ^ 1));
  expect(discards).not.toThrow();
});

test('a guest that has shut down and is started against its policy is found, and one that is started at once', () => {
  const { state } = new PlasmaRun(plasmaDrain.plan(1), 1, { checkers: [] });
  state.cloud.start();
  const instance = { vm, fenceToken: 1, pid: 300, startTicks: 1 };
  const ended = { node: 'node-0', instance, cause: 'guest-shutdown', deed: 'shutdown' } as const;
  const starts =
    (restartPolicy: string, killed = false) =>
    () => {
      const checker = new RestartsKept();
      checker.onProcessEnded(ended, state);
      type Act = Parameters<RestartsKept['onAct']>[1];
      if (killed) checker.onAct('node-0', { kind: 'kill', actId: 1, instance }, state);
      const act = { kind: 'launch', actId: 2, vm, fenceToken: 1, spec: { restartPolicy } } as Act;
      checker.onAct('node-0', act, state);
    };
  expect(starts('on-failure')).toThrow('whose policy is on-failure');
  expect(starts('never')).toThrow('whose policy is never');
  expect(starts('always')).toThrow('starts vm-00000000000000000000000000000000 again 0 µs after');
  expect(starts('never', true)).not.toThrow();
});

test('a snapshot that is gone back to more often than anybody has asked for is found', () => {
  const checker = new OperationsOnce();
  const state = quietState();
  const ask = { operationId: 'op-1', project: 'shop', kind: 'vmRestore', vm, snapshot: 'before' } as const;
  state.history.begin(0, ask, 0);
  const row = { ...{ project: 'shop', id: 'op-1', digest: 'a', revision: 3, vm }, generation: undefined };
  state.truth.operations.set('shop/op-1', { ...row, state: 'running', message: '' });
  const instance = { vm, fenceToken: 1, pid: 300, startTicks: 1 };
  const act = { kind: 'restore', actId: 1, instance, snapshot: 'before' } as const;
  expect(() => checker.onAct('node-0', act, state)).not.toThrow();
  expect(() => checker.onAct('node-0', { ...act, actId: 2 }, state)).toThrow('for the 2. time');
  expect(() => new OperationsOnce().onAct('node-0', { ...act, snapshot: 'other' }, state)).toThrow(
    'asked for 0 times',
  );
});
