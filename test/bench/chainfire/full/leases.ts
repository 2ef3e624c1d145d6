import { setTimeout as sleep } from 'node:timers/promises';

import {
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
} from '../../../../core/chainfire/api/lease.ts';
import { type RunningMember } from '../systems.ts';
import { cpuUs } from '../usage.ts';
import { Connection } from './client-streams.ts';
import { nowMs } from './clock.ts';
import { delaysIn, SampleList } from './delays.ts';
import { type Figure } from './figures.ts';
import { grantLeases } from './granted.ts';
import { type Stage } from './stage.ts';
import { delayFigures, underLightLoad } from './under-light-load.ts';

const ttlSeconds = 30;
/** As clients do: three times in a time to live. */
const renewEveryMs = 10_000;
/** Longer than a time to live: a lease that nobody has renewed would be gone. */
const keptMs = 40_000;
const streams = 10;
const sendEveryMs = 10;
const codecs = { request: LeaseKeepAliveRequest, response: LeaseKeepAliveResponse };

/** Leases that are kept alive through one leader, evenly over time, while a light load goes on. */
export async function measureLeases(stage: Stage): Promise<readonly Figure[]> {
  const { leases } = stage.settings;
  return stage.withFresh(async (system, dir) => {
    const leader = await system.leader();
    const startMs = performance.now();
    await grantLeases(leader.place.client, leases, () => ttlSeconds * 4);
    const grantSeconds = (performance.now() - startMs) / 1_000;
    stage.say(`${leases} leases granted in ${grantSeconds.toFixed(1)} s`);
    let cpuBefore = 0;
    const seen = await underLightLoad(system, { keys: 1_000, dir }, () => {
      cpuBefore = cpuUs(leader.pid);
      return keepAll(leader, leases);
    });
    const cpuShare = (cpuUs(leader.pid) - cpuBefore) / (seen.seconds * 1e6);
    const alive = await leader.calls.unary(
      'etcdserverpb.Lease/LeaseLeases',
      { request: LeaseLeasesRequest, response: LeaseLeasesResponse },
      {},
    );
    const { renewals, answers } = seen.result;
    return [
      { what: 'granted', unit: 'a second', value: leases / grantSeconds },
      { what: 'alive at the end', unit: 'leases', value: alive.leases.length, atLeast: leases },
      { what: 'renewed', unit: 'a second', value: renewals / seen.seconds },
      { what: 'p99 of renewals', unit: 'ms', value: answers.p99Ms },
      { what: 'the leader’s CPU', unit: 'cores', value: cpuShare },
      ...delayFigures(seen, { putsAtMostMs: 100 }),
    ];
  });
}

async function keepAll(
  { place }: RunningMember,
  leases: number,
): Promise<{ readonly renewals: number; readonly answers: ReturnType<typeof delaysIn> }> {
  const connections = Array.from({ length: streams }, () => new Connection(place.client));
  const samples = new SampleList();
  let failure: Error | undefined;
  let isOver = false;
  const opened = connections.map((connection) => {
    const stream = connection.open('etcdserverpb.Lease/LeaseKeepAlive', codecs);
    // Answers come in the order of the requests.
    const sentMs: number[] = [];
    let answered = 0;
    stream.on('data', ({ ttlSeconds: ttl, id }: LeaseKeepAliveResponse) => {
      const atMs = sentMs[answered] ?? 0;
      answered += 1;
      samples.add(atMs, nowMs() - atMs);
      if (ttl <= 0) failure ??= new Error(`lease ${id} has ended although it was kept alive`);
    });
    stream.on('error', (error: Error) => {
      if (!isOver) failure ??= error;
    });
    return { stream, sentMs, waits: () => sentMs.length > answered };
  });
  const fromMs = nowMs();
  let sent = 0;
  for (let nextMs = fromMs; nowMs() < fromMs + keptMs; nextMs += sendEveryMs) {
    if (failure !== undefined) throw failure;
    const due = Math.floor(((nowMs() - fromMs) * leases) / renewEveryMs);
    for (; sent < due; sent += 1) {
      const { stream, sentMs } = opened[sent % streams] as (typeof opened)[number];
      sentMs.push(nowMs());
      stream.write({ id: BigInt(1 + (sent % leases)) });
    }
    await sleep(Math.max(0, nextMs - nowMs()));
  }
  while (opened.some(({ waits }) => waits()) && failure === undefined) await sleep(5);
  isOver = true;
  for (const connection of connections) connection.close();
  if (failure !== undefined) throw failure;
  return { renewals: sent, answers: delaysIn(samples.take(), { fromMs, toMs: nowMs() }) };
}
