import { setTimeout as sleep } from 'node:timers/promises';

import { PutRequest, PutResponse } from '../../../../core/chainfire/api/kv.ts';
import { keyAt, value } from '../requests.ts';
import { type RunningMember } from '../systems.ts';
import { nowMs } from './clock.ts';
import { type Figure } from './figures.ts';
import { type Stage } from './stage.ts';

const askEveryMs = 20;
const giveUpMs = 30_000;
const codecs = { request: PutRequest, response: PutResponse };

/** Kills the leader, time and again, and asks those that are left for a put every 20 ms until one has done it. */
export async function measureFailover(stage: Stage): Promise<readonly Figure[]> {
  return stage.withFresh(async (system) => {
    const seconds: number[] = [];
    for (let kill = 0; kill < stage.settings.kills; kill += 1) {
      await sleep(1_000);
      const leader = await system.leader();
      const others = system.members.filter((member) => member !== leader);
      const fromMs = nowMs();
      process.kill(leader.pid, 'SIGKILL');
      seconds.push(((await firstPut(others)) - fromMs) / 1_000);
      stage.say(`the next put after ${seconds.at(-1)?.toFixed(2)} s`);
      await system.restart(leader.place.name, 'SIGKILL');
    }
    seconds.sort((left, right) => left - right);
    return [
      {
        what: `from a kill to the next put, median of ${seconds.length}`,
        unit: 's',
        value: seconds[Math.floor(seconds.length / 2)] ?? 0,
        atMost: 1.5,
      },
      { what: 'the longest', unit: 's', value: seconds.at(-1) ?? 0 },
    ];
  });
}

/** @returns when the first put was answered */
async function firstPut(members: readonly RunningMember[]): Promise<number> {
  const endMs = nowMs() + giveUpMs;
  let doneMs: number | undefined;
  for (let at = 0; doneMs === undefined && nowMs() < endMs; at += 1) {
    const member = members[at % members.length];
    const request = PutRequest.create({ key: keyAt(at), value });
    // None waits for another: one that was taken by nobody may never be answered.
    member?.calls.unary('etcdserverpb.KV/Put', codecs, request, giveUpMs).then(
      () => (doneMs ??= nowMs()),
      () => undefined,
    );
    await sleep(askEveryMs);
  }
  if (doneMs === undefined) throw new Error(`no put was done within ${giveUpMs} ms`);
  return doneMs;
}
