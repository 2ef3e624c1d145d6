import { afterAll, beforeAll, expect, test } from 'vitest';

import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import {
  CompactionRequest,
  DeleteRangeRequest,
  type KeyValue,
  PutRequest,
  RangeRequest,
  type RangeResponse,
  RequestOp,
  sortOrders,
  sortTargets,
  TxnRequest,
} from '../../core/chainfire/api/kv.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type CallEnding, RawClient } from './raw-client.ts';
import { Twins } from './twins.ts';

const keyCount = 40;
const writes = 300;
const compactedTo = 60;
const seeds = ['ranges 1', 'ranges 2', 'ranges 3'];
const readsPerSeed = 250;

let twins: Twins;
let ours: RawClient;
let theirs: RawClient;
let newest = 0;
beforeAll(async () => {
  twins = await Twins.start();
  ours = new RawClient(twins.cluster.place('a').client);
  theirs = new RawClient(twins.etcd.endpoint);
  const prng = seededPrng('what is written');
  for (let at = 0; at < writes; at += 1) await write(prng);
  const compaction = CompactionRequest.create({ revision: compactedTo });
  for (const side of [ours, theirs]) {
    newest = (await side.call(memberMethods.compact, compaction)).header?.revision ?? 0;
  }
  expect(newest).toBeGreaterThan(200);
});
afterAll(async () => {
  ours?.close();
  theirs?.close();
  await twins?.stop();
});

/** Prefixes of one another, and a zero byte, among them. */
const keyOf = (prng: Prng): string => {
  const number = prng.below(keyCount);
  return number % 10 === 0 ? `k${number}\0x` : `k${number}`;
};

/** Values repeat, so that some sort as equal. */
const valueOf = (prng: Prng): Uint8Array => new Uint8Array(prng.below(4)).fill(97 + prng.below(3));

/** One write, the same on both sides: a put, a deletion, or several puts at one revision. */
async function write(prng: Prng): Promise<void> {
  const kind = prng.below(10);
  if (kind < 2) {
    const request = DeleteRangeRequest.create({ key: keyOf(prng) });
    for (const side of [ours, theirs]) await side.call(memberMethods.deleteRange, request);
    return;
  }
  const keys = new Set(Array.from({ length: kind === 2 ? 4 : 1 }, () => keyOf(prng)));
  const success = [...keys].map((key) =>
    RequestOp.create({ requestPut: PutRequest.create({ key, value: valueOf(prng) }) }),
  );
  for (const side of [ours, theirs]) await side.call(memberMethods.txn, TxnRequest.create({ success }));
}

/** The present, the past, and now and then what is compacted or yet to come. */
function revisionOf(prng: Prng): number {
  if (prng.chance(1, 2)) return 0;
  if (prng.chance(1, 6))
    return prng.chance(1, 2) ? between(prng, 1, compactedTo) : newest + between(prng, 0, 2);
  return between(prng, compactedTo, newest);
}

/** Any request that both take; what ours refuses by name, and etcd takes for something else, is another test's. */
function draw(prng: Prng): RangeRequest {
  const [one, other] = [keyOf(prng), keyOf(prng)].sort();
  const key = prng.chance(1, 2) ? '\0' : (one ?? '');
  const end = prng.chance(1, 3) ? (other ?? '') : '\0';
  const rangeEnd = prng.chance(1, 8) || end === key ? '' : end;
  const sometimes = (most: number): number => (prng.chance(1, 4) ? 1 + prng.below(most) : 0);
  return RangeRequest.create({
    key: key === '\0' && rangeEnd === '' ? 'k1' : key,
    rangeEnd,
    limit: prng.chance(1, 2) ? prng.below(12) : 0,
    revision: revisionOf(prng),
    sortOrder: prng.below(3),
    sortTarget: prng.chance(1, 3) ? sortTargets.key : prng.below(5),
    serializable: prng.chance(1, 3),
    keysOnly: prng.chance(1, 4),
    countOnly: prng.chance(1, 8),
    minModRevision: sometimes(newest),
    maxModRevision: sometimes(newest),
    minCreateRevision: sometimes(newest),
    maxCreateRevision: sometimes(newest),
  });
}

const targets: Readonly<Record<number, (kv: KeyValue) => unknown>> = {
  [sortTargets.version]: (kv) => kv.version,
  [sortTargets.create]: (kv) => kv.createRevision,
  [sortTargets.mod]: (kv) => kv.modRevision,
  [sortTargets.value]: (kv) => Buffer.from(kv.value).toString('latin1'),
};

const compareText = (left: KeyValue, right: KeyValue): number => (left.key < right.key ? -1 : 1);

/**
 * An answer without what differs between any two clusters. etcd's sort leaves equal ones in any order: of those that are
 * sorted by something else than their key, what they are sorted by is compared in order, and which they are where the limit
 * has not cut between equals.
 */
function comparable(request: RangeRequest, answer: RangeResponse | CallEnding): unknown {
  if (!('kvs' in answer)) return answer;
  const { kvs, more, count, header } = answer;
  const said = { more, count, revision: header?.revision };
  const target = targets[request.sortTarget];
  if (target === undefined) return { ...said, kvs };
  const order = request.keysOnly && request.sortTarget === sortTargets.value ? [] : kvs.map(target);
  return { ...said, found: kvs.length, order, kvs: more ? undefined : [...kvs].sort(compareText) };
}

test.each(seeds)('whatever a range asks for, it is answered as by etcd (%s)', async (seed) => {
  twins.cluster.showLogsOnFailure();
  const prng = seededPrng(seed);
  const met = { more: 0, refused: 0, sorted: 0, filtered: 0 };
  for (let at = 0; at < readsPerSeed; at += 1) {
    const request = draw(prng);
    const [own, other] = await Promise.all([
      ours.unary(memberMethods.range, request),
      theirs.unary(memberMethods.range, request),
    ]);
    expect({ request, answer: comparable(request, own) }).toEqual({
      request,
      answer: comparable(request, other),
    });
    if (!('kvs' in own)) met.refused += 1;
    else if (own.more) met.more += 1;
    else if (own.count > own.kvs.length && request.limit === 0) met.filtered += 1;
    if (request.sortOrder !== sortOrders.none && request.sortTarget !== sortTargets.key) met.sorted += 1;
  }
  // What is compared must have happened.
  for (const times of Object.values(met)) expect(times).toBeGreaterThan(5);
});
