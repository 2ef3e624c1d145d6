import { RangeRequest, RangeResponse } from '../../../../core/chainfire/api/kv.ts';
import { keyAt } from '../requests.ts';
import { type RunningMember, type RunningSystem } from '../systems.ts';
import { type Figure } from './figures.ts';
import { type Stage } from './stage.ts';

const restartAtMostS = 3;
const codecs = { request: RangeRequest, response: RangeResponse };

/** From the start of a process to its first answer to a linearizable read. */
export async function measureRestart(stage: Stage): Promise<readonly Figure[]> {
  const { system } = await stage.loaded();
  const { place } = await system.leader();
  const afterStop = await restartOne(system, place.name, 'SIGTERM');
  const afterKill = await restartOne(system, (await system.leader()).place.name, 'SIGKILL');
  await system.stopMembers('SIGKILL');
  const startMs = performance.now();
  await system.startMembers();
  await readFrom(await system.leader());
  const allSeconds = (performance.now() - startMs) / 1_000;
  return [
    { what: 'a member after a stop', unit: 's', value: afterStop, atMost: restartAtMostS },
    { what: 'a leader after a kill', unit: 's', value: afterKill, atMost: restartAtMostS },
    { what: 'all three at once after a kill', unit: 's', value: allSeconds },
  ];
}

async function restartOne(system: RunningSystem, name: string, signal: NodeJS.Signals): Promise<number> {
  const fromMs = performance.now();
  const { stopMs } = await system.restart(name, signal);
  const member = system.members.find(({ place }) => place.name === name);
  if (member === undefined) throw new Error(`${name} does not run`);
  await readFrom(member);
  return (performance.now() - fromMs - stopMs) / 1_000;
}

async function readFrom(member: RunningMember): Promise<void> {
  const request = RangeRequest.create({ key: keyAt(0) });
  const { kvs } = await member.calls.unary('etcdserverpb.KV/Range', codecs, request);
  if (kvs.length !== 1) throw new Error(`${member.place.name} has lost a key`);
}
