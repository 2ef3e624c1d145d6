import { expect, test } from 'vitest';

import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { bytesFromLatin1, noBytes } from '../../../core/base/bytes.ts';
import {
  type KeyValue,
  PutRequest,
  type RequestOp,
  RequestOp as Op,
} from '../../../core/chainfire/api/kv.ts';
import { DeleteRangeRequest, TxnRequest } from '../../../core/chainfire/api/kv.ts';
import { NamespaceLimits as Limits } from '../../../core/chainfire/api/namespace.ts';
import { type ChainfireMember } from '../../../core/chainfire/member.ts';
import {
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
} from '../../../core/chainfire/member-protocol.ts';
import { type NamespaceView } from '../../../core/chainfire/namespace/list.ts';
import { quotaExceeded } from '../../../core/chainfire/namespace/quota.ts';
import { NamespaceLimits } from '../../../sim/checkers/namespace-limits.ts';
import { NamespaceUsage } from '../../../sim/checkers/namespace-usage.ts';
import { Truth } from '../../../sim/checkers/truth.ts';
import { type Checker } from '../../../sim/types.ts';

const tick: MemberEvent = { kind: 'tick' };

/** Members over one truth, which say what they are told to. */
class Scene {
  readonly truth = new Truth();
  #index = 0;
  #version = 1;

  /** One revision: keys with their values and leases, or undefined for a deletion. */
  revision(changes: Readonly<Record<string, readonly [value: string, lease?: bigint] | undefined>>): void {
    const revision = this.truth.revision + 1;
    const rows = Object.entries(changes).map(([key, change]): KeyValue => {
      const [value = '', lease = 0n] = change ?? [];
      const version = change === undefined ? 0 : 1;
      const bytes = change === undefined ? noBytes : bytesFromLatin1(value);
      return { key, value: bytes, lease, version, modRevision: revision, createRevision: version };
    });
    this.truth.add({ revision, atUs: revision, rows });
  }

  /** Limits were set anew. */
  limited(): void {
    this.#version += 1;
  }

  member(namespaces: readonly NamespaceView[], appliedIndex?: number): ChainfireMember {
    this.#index += 1;
    const view = {
      revision: this.truth.revision,
      appliedIndex: appliedIndex ?? this.#index,
      namespaceVersion: this.#version,
      namespaces: () => namespaces,
    };
    return { view } as unknown as ChainfireMember;
  }

  step(
    checker: Checker,
    member: ChainfireMember,
    given: { node?: NodeId; event?: MemberEvent; effects?: readonly MemberEffect[] } = {},
  ): void {
    const { node = nodeId(1), event = tick, effects = [] } = given;
    checker.onStep?.({ nowUs: 1, node, event, effects, member });
  }
}

function namespace(
  usage: Partial<NamespaceView['usage']>,
  limits: Partial<Limits> = {},
  more: Partial<NamespaceView> = {},
): NamespaceView {
  return {
    name: 'a',
    prefix: 'a/',
    limits: Limits.create(limits),
    usage: { bytes: 0, keys: 0, leases: 0, watches: 0, ...usage },
    counting: false,
    refusals: 0,
    ...more,
  };
}

const put = (key: string, value: string): MemberRequest => ({
  kind: 'put',
  request: PutRequest.create({ key, value: bytesFromLatin1(value) }),
});
const asked = (request: MemberRequest): MemberEvent => ({ kind: 'requested', requestId: 7, request });
function refused(
  measure: 'bytes' | 'keys' | 'leases',
  limit: number,
  used: number,
  added: number,
): MemberEffect {
  const response = quotaExceeded('a', measure, { limit, used, added });
  return { kind: 'reply', requestId: 7, afterSyncSeq: 0, response };
}

test('a namespace has what its keys come to: values overwritten, deleted, on leases', () => {
  const scene = new Scene();
  const checker = new NamespaceUsage(scene.truth);
  scene.revision({ 'a/1': ['12345', 5n], 'b/1': ['x'], 'a/2': ['', 5n] });
  scene.step(checker, scene.member([namespace({ bytes: 11, keys: 2, leases: 1 })]));
  scene.revision({ 'a/1': ['1'], 'a/2': undefined });
  scene.step(checker, scene.member([namespace({ bytes: 4, keys: 1 })]));
  const wrong = { bytes: 4, keys: 1, leases: 1 };
  expect(() => scene.step(checker, scene.member([namespace(wrong)]))).toThrow('has 1 leases; it has 0');
  expect(() => scene.step(checker, scene.member([namespace({ ...wrong, leases: 0, bytes: 5 })]))).toThrow(
    'has 5 bytes; it has 4',
  );
});

test('while it counts, a namespace says no more than there is', () => {
  const scene = new Scene();
  const checker = new NamespaceUsage(scene.truth);
  scene.revision({ 'a/1': [''], 'a/2': [''] });
  const counting = { counting: true };
  scene.step(checker, scene.member([namespace({ bytes: 3, keys: 1 }, {}, counting)]));
  expect(() => scene.step(checker, scene.member([namespace({ keys: 3 }, {}, counting)]))).toThrow(
    'has 3 keys; it has 2',
  );
});

test('members at one index say the same of limits and sums, watches aside', () => {
  const scene = new Scene();
  const checker = new NamespaceUsage(scene.truth);
  scene.step(checker, scene.member([namespace({ watches: 3 }, { keys: 1 })], 9));
  scene.step(checker, scene.member([namespace({ watches: 0 }, { keys: 1 })], 9), { node: nodeId(2) });
  const other = scene.member([namespace({}, { keys: 2 })], 9);
  expect(() => scene.step(checker, other, { node: nodeId(3) })).toThrow(
    'at index 9 member 1 had the namespaces',
  );
});

test('a revision may not take a namespace beyond its limit; above it already, it may shrink', () => {
  const scene = new Scene();
  const checker = new NamespaceLimits(scene.truth);
  const limited = [namespace({}, { keys: 2 })];
  scene.revision({ 'a/1': [''], 'a/2': [''], 'a/3': [''] });
  checker.onRecovered(nodeId(1), scene.member(limited));
  scene.revision({ 'a/3': ['longer'] });
  scene.revision({ 'a/2': undefined });
  scene.step(checker, scene.member(limited));
  scene.revision({ 'a/2': [''] });
  expect(() => scene.step(checker, scene.member(limited))).toThrow(
    'takes namespace a from 2 to 3 keys; its limit is 2',
  );
});

test('where limits were set anew meanwhile, or keys are counted, nothing is said', () => {
  const scene = new Scene();
  const checker = new NamespaceLimits(scene.truth);
  const limited = [namespace({}, { keys: 1 })];
  checker.onRecovered(nodeId(1), scene.member(limited));
  scene.revision({ 'a/1': [''], 'a/2': [''] });
  scene.limited();
  scene.step(checker, scene.member([namespace({}, { keys: 1 }, { counting: true })]));
  scene.revision({ 'a/3': [''] });
  scene.step(checker, scene.member(limited));
});

test('a put is refused by what is there, and for what it would add', () => {
  const scene = new Scene();
  const checker = new NamespaceLimits(scene.truth);
  scene.revision({ 'a/1': ['12'], 'a/2': [''] });
  const member = scene.member([namespace({}, { keys: 2, bytes: 10 })]);
  checker.onRecovered(nodeId(1), member);
  const answer = (request: MemberRequest, effect: MemberEffect) => {
    scene.step(checker, member, { event: asked(request), effects: [effect] });
  };
  answer(put('a/3', ''), refused('keys', 2, 2, 1));
  answer(put('a/1', '12345'), refused('bytes', 10, 8, 3));
  expect(() => answer(put('a/1', ''), refused('keys', 2, 2, 1))).toThrow('which was so at no revision');
  expect(() => answer(put('a/3', ''), refused('keys', 2, 1, 1))).toThrow('which was so at no revision');
  expect(() => answer(put('a/3', ''), refused('keys', 3, 2, 1))).toThrow('which was so at no revision');
  expect(() => answer(put('a/1', '123'), refused('bytes', 10, 8, 1))).toThrow('which was so at no revision');
});

test('a transaction is refused for the difference that one of its ways would make', () => {
  const scene = new Scene();
  const checker = new NamespaceLimits(scene.truth);
  scene.revision({ 'a/1': [''], 'a/2': [''] });
  const member = scene.member([namespace({}, { keys: 2 })]);
  checker.onRecovered(nodeId(1), member);
  const putting = (key: string): RequestOp => Op.create({ requestPut: PutRequest.create({ key }) });
  const deleting = Op.create({ requestDeleteRange: DeleteRangeRequest.create({ key: 'a/1' }) });
  const nested = Op.create({ requestTxn: TxnRequest.create({ failure: [putting('a/5'), putting('a/6')] }) });
  const txn = (...success: RequestOp[]): MemberRequest => ({
    kind: 'txn',
    request: TxnRequest.create({ success }),
  });
  const answer = (request: MemberRequest, added: number) => {
    scene.step(checker, member, { event: asked(request), effects: [refused('keys', 2, 2, added)] });
  };
  answer(txn(putting('a/3'), deleting, nested), 2);
  answer(txn(putting('a/3'), putting('a/4'), deleting), 1);
  expect(() => answer(txn(putting('a/3'), deleting), 1)).toThrow('which was so at no revision');
  expect(() => answer(txn(putting('a/3'), putting('a/4'), deleting), 2)).toThrow(
    'which was so at no revision',
  );
});
