import { TxnRequest, TxnResponse } from '../../../core/chainfire/api/kv.ts';
import { loadRequest } from './requests.ts';
import { type RunningSystem } from './systems.ts';

/** Both systems allow so many operations in a transaction. */
const keysPerTxn = 128;
const txnsUnderWay = 8;

/** Puts keys 0 to `count` − 1 into the store, through the leader. @returns seconds */
export async function loadKeys(system: RunningSystem, count: number): Promise<number> {
  const startMs = performance.now();
  const { calls } = await system.leader();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      next += keysPerTxn;
      const codecs = { request: TxnRequest, response: TxnResponse };
      const request = loadRequest(from, Math.min(keysPerTxn, count - from));
      const { succeeded } = await calls.unary('etcdserverpb.KV/Txn', codecs, request);
      if (!succeeded) throw new Error('a transaction without conditions did not succeed');
    }
  };
  await Promise.all(Array.from({ length: txnsUnderWay }, worker));
  return (performance.now() - startMs) / 1_000;
}
