import { expect, test } from 'vitest';

import {
  DeleteRangeRequest,
  KeyValue,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
} from '../../../core/chainfire/api/kv.ts';
import {
  type MemberEffect,
  type MemberRequest,
  type MemberResponse,
} from '../../../core/chainfire/member-protocol.ts';
import { encodePut, encodeTombstone } from '../../../core/chainfire/mvcc/record.ts';
import { LeaseAgreement } from '../../../sim/checkers/lease-agreement.ts';
import { endedLease } from '../../../sim/checkers/lease-ends.ts';
import { type LeaseLife, LeaseLives } from '../../../sim/checkers/lease-lives.ts';
import { LeaseNotEarly } from '../../../sim/checkers/lease-not-early.ts';
import { LockExclusion } from '../../../sim/checkers/lock-exclusion.ts';
import { MemberAnswers } from '../../../sim/checkers/member-answers.ts';
import { Revisions } from '../../../sim/checkers/revisions.ts';
import { Truth } from '../../../sim/checkers/truth.ts';
import { TruthRecorder } from '../../../sim/checkers/truth-recorder.ts';
import { type LockHold, type Operation, type RunEnd } from '../../../sim/types.ts';
import { endOf, member, members, step, tick, watch } from './observations.ts';

const second = 1_000_000;
const ending = (history: readonly Operation[], holds: readonly LockHold[] = []): RunEnd => ({
  nowUs: 100 * second,
  history,
  members: new Map(),
  watches: [],
  holds,
});
let callId = 0;
const operation = (
  startUs: number,
  endUs: number | undefined,
  request: MemberRequest,
  response?: Exclude<MemberResponse, { kind: 'refused' }>,
): Operation => ({
  client: 0,
  callId: (callId += 1),
  request,
  startUs,
  endUs,
  outcome: response === undefined ? { kind: 'unknown', reason: 'lost' } : { kind: 'answered', response },
});
const header = (revision: number): ResponseHeader => ResponseHeader.create({ revision });
const granted = (startUs: number, endUs: number, id = 7n, ttlSeconds = 5, revision = 1): Operation =>
  operation(
    startUs,
    endUs,
    { kind: 'leaseGrant', request: { id, ttlSeconds } },
    { kind: 'leaseGrant', response: { header: header(revision), id, ttlSeconds } },
  );
const kept = (startUs: number, endUs: number, ttlSeconds = 5, revision = 1): Operation =>
  operation(
    startUs,
    endUs,
    { kind: 'leaseKeepAlive', request: { id: 7n } },
    { kind: 'leaseKeepAlive', response: { header: header(revision), id: 7n, ttlSeconds } },
  );
const revoked = (startUs: number): Operation =>
  operation(startUs, undefined, { kind: 'leaseRevoke', request: { id: 7n } });
const life = (bornUs: number, goneUs: number | undefined, id = 7n): LeaseLife => ({
  id,
  ttlSeconds: 5,
  bornUs,
  goneUs,
});
const leased = (key: string, modRevision: number, lease: bigint): KeyValue =>
  KeyValue.create({ key, createRevision: modRevision, modRevision, version: 1, lease });
const gone = (key: string, modRevision: number): KeyValue => KeyValue.create({ key, modRevision });

const early = (
  lives: readonly LeaseLife[],
  history: readonly Operation[],
  truth = new Truth(),
): string | undefined =>
  endOf(new LeaseNotEarly({ truth, leases: { lives } as LeaseLives }), ending(history));

test('lease-not-early fires on a lease that went before its time had passed since the last acknowledged request was sent', () => {
  expect(early([life(1, 5 * second)], [granted(0, 2)])).toBeUndefined();
  expect(early([life(1, 5 * second - 1)], [granted(0, 2)])).toBe('lease-not-early');
  const renewed = [granted(0, 2), kept(3 * second, 4 * second)];
  expect(early([life(1, 8 * second - 1)], renewed)).toBe('lease-not-early');
  expect(early([life(1, 8 * second)], renewed)).toBeUndefined();
  // Sent before the end, answered behind it: it was renewed before.
  expect(early([life(1, 6 * second)], [granted(0, 2), kept(3 * second, 7 * second)])).toBe('lease-not-early');
});

test('lease-not-early lets go what was revoked, what was not acknowledged, and what says that it is gone', () => {
  expect(early([life(1, 3 * second)], [granted(0, 2), revoked(2 * second)])).toBeUndefined();
  expect(early([life(1, 3 * second)], [granted(0, 2), revoked(4 * second)])).toBe('lease-not-early');
  const unheard = operation(4 * second, undefined, { kind: 'leaseKeepAlive', request: { id: 7n } });
  expect(early([life(1, 5 * second)], [granted(0, 2), unheard])).toBeUndefined();
  expect(early([life(1, 5 * second)], [granted(0, 2), kept(4 * second, 6 * second, 0)])).toBeUndefined();
  expect(early([life(1, undefined)], [granted(0, 2)])).toBeUndefined();
  expect(early([life(1, 2 * second)], [granted(0, 2, 8n)])).toBeUndefined();
});

test('lease-not-early fires on keys that went though the lease did not, unless somebody may have deleted them', () => {
  const truth = new Truth();
  truth.add({ revision: 2, atUs: 1, rows: [leased('lease/a', 2, 7n)] });
  truth.add({ revision: 3, atUs: 2 * second, rows: [gone('lease/a', 3)] });
  expect(early([life(1, undefined)], [granted(0, 2)], truth)).toBe('lease-not-early');
  const remove = operation(1, undefined, {
    kind: 'deleteRange',
    request: DeleteRangeRequest.create({ key: 'lease/a' }),
  });
  expect(early([life(1, undefined)], [granted(0, 2), remove], truth)).toBeUndefined();
});

test('lease-not-early tells the life whose keys went from one that was granted behind it in the same turn', () => {
  const ofKeys = (goneUs: number, ...later: readonly Operation[]): string | undefined => {
    const truth = new Truth();
    truth.add({ revision: 2, atUs: 1, rows: [leased('lease/a', 2, 7n)] });
    truth.add({ revision: 3, atUs: goneUs, rows: [gone('lease/a', 3)] });
    return early([life(1, undefined)], [granted(0, 2), ...later], truth);
  };
  const sentBefore = [4 * second, 7 * second] as const;
  const again = granted(...sentBefore, 7n, 5, 3);
  expect(ofKeys(6 * second, again)).toBeUndefined();
  expect(ofKeys(6 * second, again, kept(...sentBefore, 5, 3))).toBeUndefined();
  const unheard = operation(4 * second, undefined, {
    kind: 'leaseGrant',
    request: { id: 7n, ttlSeconds: 5 },
  });
  expect(ofKeys(6 * second, unheard, kept(...sentBefore, 5, 3))).toBeUndefined();

  // What was said of the life that ended counts, though there is another by now.
  expect(ofKeys(5 * second - 1, again)).toBe('lease-not-early');
  expect(ofKeys(6 * second, again, kept(...sentBefore, 5, 2))).toBe('lease-not-early');
  expect(ofKeys(6 * second, granted(...sentBefore, 7n, 5, 2))).toBe('lease-not-early');
  // There is no other: nobody granted it, or too late for this keepalive, or it is another id.
  expect(ofKeys(6 * second, kept(...sentBefore, 5, 3))).toBe('lease-not-early');
  const tooLate = granted(8 * second, 9 * second, 7n, 5, 3);
  expect(ofKeys(6 * second, tooLate, kept(...sentBefore, 5, 3))).toBe('lease-not-early');
  const other = granted(...sentBefore, 8n, 5, 3);
  expect(ofKeys(6 * second, other, kept(...sentBefore, 5, 3))).toBe('lease-not-early');
});

test('the end of a lease takes all of its keys and no others', () => {
  const truth = new Truth();
  truth.add({ revision: 2, atUs: 0, rows: [leased('a', 2, 7n)] });
  truth.add({ revision: 3, atUs: 0, rows: [leased('b', 3, 7n)] });
  truth.add({ revision: 4, atUs: 0, rows: [leased('c', 4, 8n)] });
  const ends = (...keys: string[]): bigint | undefined =>
    endedLease({ revision: 5, atUs: 0, rows: keys.map((key) => gone(key, 5)) }, truth);
  expect(ends('a', 'b')).toBe(7n);
  expect(ends('c')).toBe(8n);
  expect(ends('a')).toBeUndefined();
  expect(ends('a', 'b', 'c')).toBeUndefined();
  expect(ends('a', 'b', 'unknown')).toBeUndefined();
  expect(endedLease({ revision: 5, atUs: 0, rows: [leased('a', 5, 7n)] }, truth)).toBeUndefined();
});

test('revisions lets the end of a lease take a revision, and nothing else that nobody asked for', () => {
  const read = operation(
    5,
    6,
    { kind: 'range', request: RangeRequest.create({ key: 'a' }) },
    { kind: 'range', response: RangeResponse.create({ header: header(3) }) },
  );
  const put = operation(
    0,
    1,
    {
      kind: 'put',
      request: {
        key: 'a',
        value: new Uint8Array(0),
        lease: 7n,
        prevKv: false,
        ignoreValue: false,
        ignoreLease: false,
      },
    },
    { kind: 'put', response: { header: header(2), prevKv: undefined } },
  );
  const of = (lease: bigint): string | undefined => {
    const truth = new Truth();
    truth.add({ revision: 2, atUs: 0, rows: [leased('a', 2, lease)] });
    truth.add({ revision: 3, atUs: 0, rows: [gone('a', 3)] });
    return endOf(new Revisions(truth), ending([put, read]));
  };
  expect(of(7n)).toBeUndefined();
  expect(of(0n)).toBe('revisions');
  expect(endOf(new Revisions(), ending([put, read]))).toBe('revisions');
});

test('lives of leases are those of the member that has applied most, from the first that shows a lease to the first that does not', () => {
  const lives = new LeaseLives();
  const at = (nowUs: number, node: number, applied: number, leases: readonly bigint[]): void => {
    lives.onStep({ ...step({ node, applied, leases }), nowUs });
  };
  at(1, 1, 1, [7n]);
  at(2, 2, 1, []);
  at(3, 2, 2, [7n, 8n]);
  at(4, 1, 3, [8n]);
  at(5, 2, 3, [7n, 8n]);
  at(6, 2, 4, [7n, 8n]);
  expect(lives.lives.map(({ id, bornUs, goneUs }) => [id, bornUs, goneUs])).toEqual([
    [7n, 1, 4],
    [8n, 3, undefined],
    [7n, 6, undefined],
  ]);
});

test('lease-agreement fires when two members have other leases at one index, at the end and after a restart too', () => {
  const shown = (node: number, applied: number, ...leases: bigint[]) => ({ node, applied, leases });
  expect(watch(new LeaseAgreement(), [step(shown(1, 3, 7n)), step(shown(2, 3, 7n))])).toBeUndefined();
  expect(watch(new LeaseAgreement(), [step(shown(1, 3, 7n)), step(shown(2, 3))])).toBe('lease-agreement');
  expect(watch(new LeaseAgreement(), [step(shown(1, 3, 7n)), step(shown(2, 2)), step(shown(2, 3, 8n))])).toBe(
    'lease-agreement',
  );
  expect(watch(new LeaseAgreement(), [step(shown(1, 3, 7n)), { recovered: shown(1, 3) }])).toBe(
    'lease-agreement',
  );
  const end = { ...ending([]), members: members(shown(1, 3, 7n), shown(2, 3)) };
  expect(endOf(new LeaseAgreement(), end)).toBe('lease-agreement');
});

const hold = (fromUs: number, toUs: number | undefined, fencingToken: number, name = 'lock/0'): LockHold => ({
  client: fencingToken,
  name,
  leaseId: 7n,
  fencingToken,
  fromUs,
  toUs,
});
const locks = (...holds: LockHold[]): string | undefined => endOf(new LockExclusion(), ending([], holds));

test('lock-exclusion fires on two holders at once, and on tokens that do not rise', () => {
  expect(locks(hold(0, 5, 2), hold(5, 9, 3), hold(1, 8, 1, 'lock/1'))).toBeUndefined();
  expect(locks(hold(0, 5, 2), hold(4, 9, 3))).toBe('lock-exclusion');
  expect(locks(hold(4, 9, 3), hold(0, 5, 2))).toBe('lock-exclusion');
  expect(locks(hold(0, undefined, 2), hold(50, 60, 3))).toBe('lock-exclusion');
  expect(locks(hold(0, 5, 3), hold(6, 9, 2))).toBe('lock-exclusion');
  expect(locks(hold(0, 5, 3), hold(6, 9, 3))).toBe('lock-exclusion');
});

const answers = (revision: number, kind: 'range' | 'put' = 'range'): MemberEffect => ({
  kind: 'reply',
  requestId: 1,
  afterSyncSeq: 0,
  response:
    kind === 'range'
      ? { kind, response: RangeResponse.create({ header: header(revision) }) }
      : { kind, response: { header: header(revision), prevKv: undefined } },
});

test('member-answers fires on a revision above what the member has come to, and on reads that go back in one life', () => {
  const at = (revision: number, ...effects: MemberEffect[]) => step({ node: 1, revision }, tick, effects);
  expect(
    watch(new MemberAnswers(), [at(5, answers(5), answers(4, 'put')), at(6, answers(6))]),
  ).toBeUndefined();
  expect(watch(new MemberAnswers(), [at(5, answers(6))])).toBe('member-answers');
  expect(watch(new MemberAnswers(), [at(5, answers(6, 'put'))])).toBe('member-answers');
  expect(watch(new MemberAnswers(), [at(5, answers(5)), at(6, answers(4))])).toBe('member-answers');
  expect(
    watch(new MemberAnswers(), [at(5, answers(5)), { recovered: { node: 1 } }, at(4, answers(4))]),
  ).toBeUndefined();
});

test('the truth is what the first member has applied, whole revisions in order; one that is missing is a violation', () => {
  const record = (key: string, modRevision: number): Uint8Array => encodePut(leased(key, modRevision, 0n));
  const history = [
    { revision: 2, record: record('a', 2) },
    { revision: 2, record: record('b', 2) },
    { revision: 3, record: encodeTombstone('a', 3) },
    { revision: 4, record: record('a', 4) },
  ];
  const showing = (node: number, revision: number, rows = history, compactRevision = 0) => {
    const shown = member({ node, revision, compactRevision });
    const view = {
      ...shown.view,
      history: (from: number, to: number) => rows.filter((row) => row.revision >= from && row.revision <= to),
    };
    return { ...step({ node }), nowUs: revision, member: { view } as unknown as typeof shown };
  };
  const truth = new Truth();
  expect(watch(new TruthRecorder(truth), [showing(1, 3), showing(2, 2), showing(2, 4)])).toBeUndefined();
  expect(
    truth.changes.map(({ revision, atUs, rows }) => [revision, atUs, rows.map(({ key }) => key).join('')]),
  ).toEqual([
    [2, 3, 'ab'],
    [3, 3, 'a'],
    [4, 4, 'a'],
  ]);
  expect([2, 3, 4].map((revision) => truth.rowAt('a', revision)?.modRevision)).toEqual([2, undefined, 4]);
  for (const missing of [2, 3, 4]) {
    const rows = history.filter(({ revision }) => revision !== missing);
    expect(watch(new TruthRecorder(new Truth()), [showing(1, 4, rows)])).toBe('truth');
  }
  const late = new Truth();
  expect(watch(new TruthRecorder(late), [showing(1, 4, history, 4)])).toBeUndefined();
  expect(late.isComplete).toBe(false);
  expect([truth.compactRevisionAt(9), late.compactRevisionAt(3), late.compactRevisionAt(4)]).toEqual([
    0, 0, 4,
  ]);
});
