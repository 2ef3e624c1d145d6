import { expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../../../core/base/bytes.ts';
import { bumpRevision, restoredLog } from '../../../../core/chainfire/backup/restored-state.ts';
import { readApplied } from '../../../../core/chainfire/mvcc/meta.ts';
import { memberGroup } from '../../../../core/chainfire/recover-raft.ts';
import { GroupLog } from '../../../../core/raft/group-log.ts';
import { MemorySegments } from '../../../../core/storage/memory-segments.ts';
import { Machine } from '../machine.ts';

function machineWithPuts(count: number): Machine {
  const machine = new Machine();
  for (let at = 0; at < count; at += 1) {
    const value = bytesFromLatin1(`${at}`);
    const request = { key: 'k', value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
    machine.do({ kind: 'put', request });
  }
  return machine;
}

test('a bump raises the revision alone; the next write goes on above it', () => {
  const machine = machineWithPuts(3);
  const before = readApplied(machine.store);
  bumpRevision(machine.store, { bump: 1_000, markCompacted: false });
  expect(readApplied(machine.store)).toEqual({ ...before, revision: before.revision + 1_000 });
});

test('with mark-compacted everything below the new revision counts as compacted', () => {
  const machine = machineWithPuts(3);
  const { revision } = readApplied(machine.store);
  bumpRevision(machine.store, { bump: 1_000, markCompacted: true });
  expect(readApplied(machine.store).compactRevision).toBe(revision + 1_000);
  machine.restart();
  expect(machine.mvcc.compactRevision).toBe(revision + 1_000);
  expect(machine.mvcc.get('k')?.version).toBe(3);
});

test('without a bump nothing is written', () => {
  const machine = machineWithPuts(1);
  const before = readApplied(machine.store);
  bumpRevision(machine.store, { bump: 0, markCompacted: false });
  expect(readApplied(machine.store)).toEqual(before);
});

test('the log begins behind the applied entry, in its term, and nobody has a vote', () => {
  const machine = machineWithPuts(2);
  const { index, term } = readApplied(machine.store);
  const segments = new MemorySegments();
  for (const { file, bytes } of restoredLog(segments, machine.store, 65_536)) segments.append(file, bytes);
  const found = GroupLog.recover(segments, {
    prefix: 'log/',
    segmentBytesMax: 65_536,
    groups: [memberGroup],
    applied: new Map(),
  }).journal(memberGroup);
  expect(found.base).toEqual({ index, term });
  expect(found.foundLast).toEqual({ index, term });
  expect(found.hardState).toEqual({ term, vote: 0, boot: 1 });
});
