/**
 * Three of our members against three of Debian's etcd, one system after the other on the same disk in one run, and an echo on
 * the server library that ours uses. What each figure is, is said where it is measured (`chainfire/`).
 */
import { writeFileSync } from 'node:fs';

import { withEcho } from './chainfire/echo-server.ts';
import { measureFanOut } from './chainfire/fan-out.ts';
import { runFull } from './chainfire/full/full.ts';
import { loadKeys } from './chainfire/keys.ts';
import { measureManyKeys } from './chainfire/many-keys.ts';
import { measure, measureChecked, type Measurement } from './chainfire/measure.ts';
import { type Operation, operations } from './chainfire/requests.ts';
import { type Results, type SystemResults } from './chainfire/results.ts';
import { BenchRefusal } from './arguments.ts';
import { benchSettings, type BenchSettings, requirePrograms } from './chainfire/settings.ts';
import { countSyncs } from './chainfire/syncs.ts';
import { etcd, photon, pin, RunningSystem, type SystemKind } from './chainfire/systems.ts';
import { tables } from './chainfire/tables.ts';
import { busyCores, describeMachine, memoryOf } from './chainfire/usage.ts';
import { makeDir, removeDir } from './chainfire/work-dir.ts';

const kinds: Readonly<Record<SystemKind['name'], SystemKind>> = { photon, etcd };
/** Reads first: the load is over, and the members were started anew (etcd 3.4 slows its reads after writes). */
const order: readonly Operation[] = [
  operations.get,
  operations.serializableGet,
  operations.put,
  operations.cas,
];
const measuredCore = 0;
const otherCore = 1;
/** Where a core of the leader's own is the limit; one client waits for the disk and the others' answers. */
const pinnedClientsMin = 16;

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
}

async function main(settings: BenchSettings): Promise<void> {
  if (settings.full !== undefined) return runFull(settings.full, say);
  const versions = requirePrograms(['h2load', 'etcd', 'strace', 'taskset']);
  const startedAt = new Date().toISOString().slice(0, 16);
  const busyCoresBefore = await busyCores(1_000);
  if (busyCoresBefore > 0.2) say(`others use ${busyCoresBefore.toFixed(2)} cores: figures will be of no use`);
  const systems: SystemResults[] = [];
  for (const name of settings.systems) systems.push(await measureSystem(kinds[name], settings));
  const results: Results = {
    machine: describeMachine(),
    versions,
    startedAt,
    busyCoresBefore,
    seconds: settings.seconds,
    keys: settings.keys,
    systems,
    echo: await measureEcho(settings),
  };
  process.stdout.write(tables(results));
  if (settings.json !== undefined) writeFileSync(settings.json, `${JSON.stringify(results, undefined, 2)}\n`);
}

async function measureSystem(kind: SystemKind, settings: BenchSettings): Promise<SystemResults> {
  const dir = makeDir(settings.dir);
  try {
    say(`${kind.name}: loading ${settings.keys} keys`);
    const system = await RunningSystem.start(kind, dir);
    const loadSeconds = await loadKeys(system, settings.keys);
    await system.stopMembers();
    await system.startMembers();
    await warmUp(system, settings, dir);
    const shared = await measureAll(system, settings, { dir });
    const pinned = await measurePinned(system, settings, dir);
    say(`${kind.name}: watchers`);
    const fanOut = await measureFanOut(system, { ...settings, dir });
    const syncs = [];
    for (const clients of [1, 64]) {
      syncs.push(await countSyncs(system, { clients, writes: settings.quick ? 200 : 2_000, dir }));
    }
    const memory = memoryOf((await system.leader()).pid);
    await system.stopMembers();
    say(`${kind.name}: ${settings.manyKeys} keys`);
    const { manyKeys: keys, seconds } = settings;
    const manyKeys = await measureManyKeys(kind, { keys, seconds, dir: settings.dir });
    return { name: kind.name, loadSeconds, shared, pinned, memory, fanOut, syncs, manyKeys };
  } finally {
    removeDir(dir);
  }
}

/** Servers are measured as they are after their first minute: with their code compiled, above all. */
async function warmUp(system: RunningSystem, settings: BenchSettings, dir: string): Promise<void> {
  for (const operation of order) {
    await measureChecked(system, operation, 64, { seconds: settings.seconds, dir });
  }
}

async function measureAll(
  system: RunningSystem,
  settings: BenchSettings,
  effort: { readonly dir: string; readonly core?: number; readonly clientsMin?: number },
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const operation of order) {
    for (const clients of settings.clients) {
      if (clients < (effort.clientsMin ?? 0)) continue;
      const measured = await measureChecked(system, operation, clients, {
        ...effort,
        seconds: settings.seconds,
      });
      measurements.push(measured);
      say(`${system.kind.name}: ${describe(measured)}`);
    }
  }
  return measurements;
}

async function measurePinned(
  system: RunningSystem,
  settings: BenchSettings,
  dir: string,
): Promise<readonly Measurement[]> {
  const leader = await system.leader();
  for (const { pid } of system.members) pin(pid, pid === leader.pid ? measuredCore : otherCore);
  const measurements = await measureAll(system, settings, {
    dir,
    core: otherCore,
    clientsMin: pinnedClientsMin,
  });
  for (const { pid } of system.members) pin(pid, undefined);
  return measurements;
}

async function measureEcho(settings: BenchSettings): Promise<Results['echo']> {
  const dir = makeDir(settings.dir);
  try {
    return await withEcho(async (target) => {
      const of = async (core: number | undefined): Promise<readonly Measurement[]> => {
        const measurements: Measurement[] = [];
        for (const operation of [operations.get, operations.put, operations.cas]) {
          for (const clients of settings.clients) {
            if (core !== undefined && clients < pinnedClientsMin) continue;
            const effort = { seconds: settings.seconds, dir, core };
            const { measurement } = await measure(target, operation, clients, effort);
            measurements.push(measurement);
            say(`echo: ${describe(measurement)}`);
          }
        }
        return measurements;
      };
      await measure(target, operations.put, 64, { seconds: settings.seconds, dir });
      const shared = await of(undefined);
      pin(target.pid, measuredCore);
      return { shared, pinned: await of(otherCore) };
    });
  } finally {
    removeDir(dir);
  }
}

function describe({ operation, clients, callsPerSecond, p50Us, p99Us, leaderCpuUs }: Measurement): string {
  return `${operation}, ${clients} clients: ${callsPerSecond.toFixed(0)}/s, p50 ${p50Us} µs, p99 ${p99Us} µs, CPU ${leaderCpuUs.toFixed(0)} µs`;
}

try {
  await main(benchSettings(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof BenchRefusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
