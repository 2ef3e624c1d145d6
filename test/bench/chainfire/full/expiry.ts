import { setTimeout as sleep } from 'node:timers/promises';

import {
  PutRequest,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../../../../core/chainfire/api/kv.ts';
import { noOperation, value } from '../requests.ts';
import { type RunningMember } from '../systems.ts';
import { type Figure } from './figures.ts';
import { grantLeases } from './granted.ts';
import { type Stage } from './stage.ts';
import { delayFigures, underLightLoad } from './under-light-load.ts';

/** From the first grant to the end of all of them: each is granted for what is left of it. */
const livesSeconds = 45;
const keysPerTxn = 128;
const pollEveryMs = 200;
const goneWithinMs = 240_000;

/** Leases that end in one second, each with a key, while a light load of writes of other keys goes on. */
export async function measureExpiry(stage: Stage): Promise<readonly Figure[]> {
  const { leases } = stage.settings;
  return stage.withFresh(async (system, dir) => {
    const leader = await system.leader();
    const endMs = performance.now() + livesSeconds * 1_000;
    await grantLeases(leader.place.client, leases, () =>
      Math.max(10, Math.round((endMs - performance.now()) / 1_000)),
    );
    await attachKeys(leader, leases);
    const spareSeconds = (endMs - performance.now()) / 1_000;
    if (spareSeconds < 8)
      throw new Error(`leases were granted ${-spareSeconds.toFixed(0)} s too slowly to end together`);
    stage.say(`${leases} leases end in ${spareSeconds.toFixed(0)} s`);
    await sleep((spareSeconds - 7.5) * 1_000);
    const follower = system.members.find((member) => member !== leader) ?? leader;
    const seen = await underLightLoad(system, { keys: 1_000, dir }, () => allGone(follower, leases));
    return [
      { what: 'from the first to the last', unit: 's', value: seen.result },
      {
        what: 'p99 of puts meanwhile',
        unit: 'ms',
        value: seen.meanwhile.puts.p99Ms,
        atMost: 100,
        noise: seen.noise,
      },
      ...delayFigures(seen, {}).filter(({ what }) => what !== 'p99 of puts'),
    ];
  });
}

async function attachKeys({ calls }: RunningMember, leases: number): Promise<void> {
  const codecs = { request: TxnRequest, response: TxnResponse };
  for (let from = 1; from <= leases; from += keysPerTxn) {
    const count = Math.min(keysPerTxn, leases + 1 - from);
    const success = Array.from({ length: count }, (_, at) => ({
      ...noOperation,
      requestPut: PutRequest.create({ key: `lease/${from + at}`, value, lease: BigInt(from + at) }),
    }));
    await calls.unary('etcdserverpb.KV/Txn', codecs, TxnRequest.create({ success }));
  }
}

/** @returns seconds from the first key that is gone to the last */
async function allGone({ calls }: RunningMember, leases: number): Promise<number> {
  const codecs = { request: RangeRequest, response: RangeResponse };
  const request = RangeRequest.create({
    key: 'lease/',
    rangeEnd: 'lease0',
    countOnly: true,
    serializable: true,
  });
  const endMs = performance.now() + goneWithinMs;
  let firstMs: number | undefined;
  for (;;) {
    const { count } = await calls.unary('etcdserverpb.KV/Range', codecs, request);
    const now = performance.now();
    if (count < leases) firstMs ??= now - pollEveryMs;
    if (count === 0) return (now - (firstMs ?? now)) / 1_000;
    if (now > endMs) throw new Error(`${count} keys of ${leases} are there still, ${goneWithinMs} ms later`);
    await sleep(pollEveryMs);
  }
}
