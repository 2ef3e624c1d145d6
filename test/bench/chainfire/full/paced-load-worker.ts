import { parentPort, workerData } from 'node:worker_threads';

import { PutRequest, PutResponse, RangeRequest, RangeResponse } from '../../../../core/chainfire/api/kv.ts';
import { Calls } from '../calls.ts';
import { keyAt, value } from '../requests.ts';
import { nowMs } from './clock.ts';
import { SampleList } from './delays.ts';
import { type PacedLoadOptions, type PacedLoadResult } from './paced-load.ts';

/** Under way at once; beyond it a call is left out and counted, so that a server that stands still is not drowned later. */
const underWayMax = 4_096;
const callTimeoutMs = 60_000;
const failuresKept = 5;

const { endpoint, keys, everyMs } = workerData as PacedLoadOptions;
const calls = new Calls(endpoint);
const puts = new SampleList();
const gets = new SampleList();
const failures: string[] = [];
let failed = 0;
let leftOut = 0;
const underWay = new Set<Promise<void>>();
let state = 88_172_645;

/** Marsaglia's xorshift: the same keys in every run. */
function below(bound: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % bound;
}

function begin(samples: SampleList, call: (key: string) => Promise<unknown>): void {
  if (underWay.size >= underWayMax) {
    leftOut += 1;
    return;
  }
  const atMs = nowMs();
  const done = call(keyAt(below(keys))).then(
    () => samples.add(atMs, nowMs() - atMs),
    (error: unknown) => {
      // As late as it was told that it came to nothing.
      samples.add(atMs, nowMs() - atMs);
      failed += 1;
      if (failures.length < failuresKept) failures.push((error as Error).message);
    },
  );
  underWay.add(done);
  void done.then(() => underWay.delete(done));
}

function put(key: string): Promise<unknown> {
  const codecs = { request: PutRequest, response: PutResponse };
  return calls.unary('etcdserverpb.KV/Put', codecs, PutRequest.create({ key, value }), callTimeoutMs);
}

function get(key: string): Promise<unknown> {
  const codecs = { request: RangeRequest, response: RangeResponse };
  return calls.unary('etcdserverpb.KV/Range', codecs, RangeRequest.create({ key }), callTimeoutMs);
}

let dueMs = nowMs();
const timer = setInterval(() => {
  // As many as the time that has passed wants, whatever becomes of the ones before: who waits for an answer before it asks
  // again does not see how many would have been delayed.
  for (const now = nowMs(); dueMs <= now; dueMs += everyMs) {
    begin(puts, put);
    begin(gets, get);
  }
}, 2);

parentPort?.once('message', () => {
  clearInterval(timer);
  void Promise.all(underWay).then(() => {
    calls.close();
    const result: PacedLoadResult = { puts: puts.take(), gets: gets.take(), failed, failures, leftOut };
    parentPort?.postMessage(result);
  });
});
