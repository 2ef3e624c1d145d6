import { expect, test } from 'vitest';

import { permissionTypes } from '../../../core/chainfire/api/auth.ts';
import {
  PutRequest,
  RangeRequest,
  RangeResponse,
  RequestOp,
  TxnRequest,
  TxnResponse,
} from '../../../core/chainfire/api/kv.ts';
import { Event, WatchResponse } from '../../../core/chainfire/api/watch.ts';
import { AuthState } from '../../../core/chainfire/auth/auth-state.ts';
import { Credential, credentialKinds } from '../../../core/chainfire/auth/protocol.ts';
import { nodeId } from '../../../core/base/ids.ts';
import { type ChainfireMember, memberTables } from '../../../core/chainfire/member.ts';
import {
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
} from '../../../core/chainfire/member-protocol.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { AllowedAnswers } from '../../../sim/checkers/allowed-answers.ts';
import { type Operation } from '../../../sim/types.ts';

const ann = Credential.create({ kind: credentialKinds.user, name: 'ann' });
const tick: MemberEvent = { kind: 'tick' };

/** A checker that watches one member, whose users are set by hand. */
class Watched {
  readonly checker = new AllowedAnswers();
  readonly auth = new AuthState(new MemoryBackend(memberTables), () => undefined);
  nowUs = 0;

  constructor() {
    this.auth.setUser({ name: 'ann', passwordHash: '', noPassword: true, roles: ['reader'] });
    this.auth.setEnabled(true);
    this.step();
  }

  /** Whether ann may read what begins with a. */
  allow(may: boolean): void {
    const permission = { type: permissionTypes.read, key: 'a', rangeEnd: 'b' };
    this.auth.setRole({ name: 'reader', permissions: may ? [permission] : [] });
    this.step();
  }

  step(event: MemberEvent = tick, effects: readonly MemberEffect[] = []): void {
    this.nowUs += 10;
    const member = { view: { auth: this.auth } } as unknown as ChainfireMember;
    this.checker.onStep({ nowUs: this.nowUs, node: nodeId(1), event, effects, member });
  }

  /** A call of ann's that is answered now. */
  answered(startUs: number, request: MemberRequest): void {
    const response =
      request.kind === 'txn'
        ? { kind: 'txn' as const, response: TxnResponse.create() }
        : { kind: 'range' as const, response: RangeResponse.create() };
    const operation: Operation = {
      client: 1,
      callId: 1,
      request: { ...request, by: ann },
      startUs,
      endUs: this.nowUs,
      outcome: { kind: 'answered', response },
    };
    this.checker.onEnd({
      nowUs: this.nowUs,
      history: [operation],
      members: new Map(),
      watches: [],
      holds: [],
    });
  }
}

const read = (key: string, rangeEnd = '', serializable = false): MemberRequest => ({
  kind: 'range',
  request: RangeRequest.create({ key, rangeEnd, serializable }),
});

test('an answer is right where some state between call and answer allowed it, and wrong otherwise', () => {
  const watched = new Watched();
  const firstUs = watched.nowUs + 5;
  watched.step();
  expect(() => watched.answered(firstUs, read('a'))).toThrow('allowed-answers');
  watched.allow(true);
  const allowedUs = watched.nowUs + 5;
  watched.answered(allowedUs, read('a', 'b'));
  expect(() => watched.answered(allowedUs, read('a', 'b\0'))).toThrow('a range of ann');
  expect(() => watched.answered(allowedUs, read('a', '\0'))).toThrow('a range of ann');
  watched.allow(false);
  watched.answered(allowedUs, read('a'));
  const behindUs = watched.nowUs + 5;
  watched.step();
  expect(() => watched.answered(behindUs, read('a'))).toThrow('no auth revision');
  // A member that lags may answer it still.
  watched.answered(behindUs, read('a', '', true));
});

test('a transaction needs what the branch does that it did not take', () => {
  const watched = new Watched();
  watched.allow(true);
  const startUs = watched.nowUs + 5;
  watched.step();
  const success = [RequestOp.create({ requestRange: RangeRequest.create({ key: 'a' }) })];
  const failure = [RequestOp.create({ requestPut: PutRequest.create({ key: 'a' }) })];
  watched.answered(startUs, { kind: 'txn', request: TxnRequest.create({ success }) });
  const both: MemberRequest = { kind: 'txn', request: TxnRequest.create({ success, failure }) };
  expect(() => watched.answered(startUs, both)).toThrow('a txn of ann');
});

test('an event is told only to whom the member itself allows to read its key', () => {
  const watched = new Watched();
  watched.allow(true);
  watched.step({
    kind: 'streamOpened',
    streamId: 7,
    stream: { kind: 'watch', requireLeader: false, by: ann },
  });
  const kv = { key: 'a', createRevision: 2, modRevision: 2, version: 1, value: new Uint8Array(), lease: 0n };
  const item = WatchResponse.create({ events: [Event.encode(Event.create({ kv }))] });
  const told: MemberEffect = { kind: 'notify', streamId: 7, item, bytes: 10 };
  watched.step(tick, [told]);
  watched.allow(false);
  expect(() => watched.step(tick, [told])).toThrow('tells ann of "a"');
});
