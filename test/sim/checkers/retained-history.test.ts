import { expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import { encodePut } from '../../../core/chainfire/mvcc/record.ts';
import { CompactionRequest } from '../../../core/chainfire/api/kv.ts';
import { type MemberEvent } from '../../../core/chainfire/member-protocol.ts';
import { RetainedHistory } from '../../../sim/checkers/retained-history.ts';
import { Truth } from '../../../sim/checkers/truth.ts';
import { TruthRecorder } from '../../../sim/checkers/truth-recorder.ts';
import { type Shown, step, tick, together, watch } from './observations.ts';

const second = 1_000_000;

/** Revision r is written at r seconds. */
function recordOf(revision: number): { readonly revision: number; readonly record: Uint8Array } {
  const value = bytesFromLatin1('v');
  const record = encodePut({
    key: 'k',
    createRevision: 2,
    modRevision: revision,
    version: 1,
    value,
    lease: 0n,
  });
  return { revision, record };
}

/** Ten writes, a second apart, and what a member then shows at 20 s. */
function seen(shown: Partial<Shown>, event: MemberEvent = tick): string | undefined {
  const truth = new Truth();
  const history = Array.from({ length: 10 }, (_, at) => recordOf(at + 2));
  const base: Shown = { node: 1, history, ...shown };
  return watch(together(new TruthRecorder(truth), new RetainedHistory(truth)), [
    ...history.map(({ revision }) => ({
      ...step({ ...base, revision, compactRevision: 0 }),
      nowUs: revision * second,
    })),
    { ...step({ ...base, revision: 11 }, event), nowUs: 20 * second },
  ]);
}

test('retained-history fires when a retention by time is not kept', () => {
  const autoCompaction = { retentionUs: 15 * second };
  expect(seen({ autoCompaction, compactRevision: 5 })).toBeUndefined();
  // A clock that is a tenth fast is nobody's fault.
  expect(seen({ autoCompaction, compactRevision: 6 })).toBeUndefined();
  expect(seen({ autoCompaction, compactRevision: 7 })).toBe('retained-history');
});

test('retained-history fires when a retention by revisions is one too short', () => {
  const autoCompaction = { revisions: 4, intervalUs: second };
  expect(seen({ autoCompaction, compactRevision: 7 })).toBeUndefined();
  expect(seen({ autoCompaction, compactRevision: 8 })).toBe('retained-history');
});

test('what a client asks for is no fault, nor compaction where none goes by itself', () => {
  const request = CompactionRequest.create({ revision: 11 });
  const asked: MemberEvent = { kind: 'requested', requestId: 1, request: { kind: 'compact', request } };
  expect(seen({ autoCompaction: { retentionUs: 15 * second }, compactRevision: 11 }, asked)).toBeUndefined();
  expect(seen({ compactRevision: 11 })).toBeUndefined();
});
