/**
 * What the flight recorder costs: puts of 64 clients against two clusters of three members, all of one recorded, none of the
 * other, in turns within one run. Both live all the time; the one that is not asked sends heartbeats. The figure is the median
 * over the rounds of the ratio of their calls per second; a ratio of neighbours, so that what others do on the machine hits both.
 */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadKeys } from './chainfire/keys.ts';
import { measureChecked, type Measurement } from './chainfire/measure.ts';
import { operations } from './chainfire/requests.ts';
import { BenchRefusal } from './arguments.ts';
import { requirePrograms } from './chainfire/settings.ts';
import { photon, RunningSystem, type SystemKind } from './chainfire/systems.ts';
import { busyCores, describeMachine } from './chainfire/usage.ts';
import { makeDir, removeDir } from './chainfire/work-dir.ts';
import { recorderBenchSettings, type RecorderBenchSettings } from './recorder/settings.ts';

/** What the recorder may cost: a tenth of the throughput. */
const ratioMin = 0.9;
/** Where others use more of the machine than this, the ratio says nothing. */
const busyCoresMax = 0.2;

const recordingOf = (memberDir: string): string => `${memberDir}-recording`;
const recorded: SystemKind = {
  ...photon,
  command: (place, all) => {
    const [program, ...args] = photon.command(place, all);
    return [program, ...args, '--record', recordingOf(place.dir)];
  },
};

interface Round {
  readonly plain: Measurement;
  readonly recorded: Measurement;
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
}

async function main(settings: RecorderBenchSettings): Promise<void> {
  requirePrograms(['h2load', 'etcd', 'strace', 'taskset']);
  const busyCoresBefore = await busyCores(1_000);
  if (busyCoresBefore > busyCoresMax)
    say(`others use ${busyCoresBefore.toFixed(2)} cores: figures will be of little use`);
  const dir = makeDir(settings.dir);
  const recordedDir = makeDir(settings.dir);
  try {
    const plainSystem = await RunningSystem.start(photon, dir);
    const recordedSystem = await RunningSystem.start(recorded, recordedDir);
    for (const system of [plainSystem, recordedSystem]) {
      await loadKeys(system, settings.keys);
      // Servers are measured as they are after their first minute: with their code compiled, above all.
      await measureChecked(system, operations.put, settings.clients, settings);
    }
    const bytesBefore = recordedBytes(recordedSystem);
    const rounds: Round[] = [];
    for (let round = 0; round < settings.rounds; round += 1) {
      rounds.push(await measureRound({ plainSystem, recordedSystem, settings, plainFirst: round % 2 === 0 }));
    }
    const bytes = recordedBytes(recordedSystem) - bytesBefore;
    await Promise.all([plainSystem.stopMembers(), recordedSystem.stopMembers()]);
    report(rounds, { bytes, busyCoresBefore }, settings);
  } finally {
    removeDir(dir);
    removeDir(recordedDir);
  }
}

async function measureRound(given: {
  readonly plainSystem: RunningSystem;
  readonly recordedSystem: RunningSystem;
  readonly settings: RecorderBenchSettings;
  readonly plainFirst: boolean;
}): Promise<Round> {
  const { plainSystem, recordedSystem, settings, plainFirst } = given;
  const { clients } = settings;
  const measureOn = (system: RunningSystem): Promise<Measurement> =>
    measureChecked(system, operations.put, clients, settings);
  const first = await measureOn(plainFirst ? plainSystem : recordedSystem);
  const second = await measureOn(plainFirst ? recordedSystem : plainSystem);
  const round = plainFirst ? { plain: first, recorded: second } : { plain: second, recorded: first };
  say(
    `plain ${describe(round.plain)}; recorded ${describe(round.recorded)}; ratio ${ratioOf(round).toFixed(3)}`,
  );
  return round;
}

function report(
  rounds: readonly Round[],
  measured: { readonly bytes: number; readonly busyCoresBefore: number },
  settings: RecorderBenchSettings,
): void {
  const ratio = median(rounds.map(ratioOf));
  const results = {
    machine: describeMachine(),
    busyCoresBefore: measured.busyCoresBefore,
    clients: settings.clients,
    rounds: rounds.length,
    plainPerSecond: median(rounds.map(({ plain }) => plain.callsPerSecond)),
    recordedPerSecond: median(rounds.map((round) => round.recorded.callsPerSecond)),
    ratio,
    ratioMin,
    plainCpuUs: median(rounds.map(({ plain }) => plain.leaderCpuUs)),
    recordedCpuUs: median(rounds.map((round) => round.recorded.leaderCpuUs)),
    plainAllCpuUs: median(rounds.map(({ plain }) => plain.allCpuUs)),
    recordedAllCpuUs: median(rounds.map((round) => round.recorded.allCpuUs)),
    /** Undefined: too much else was going on. */
    met: measured.busyCoresBefore > busyCoresMax ? undefined : ratio >= ratioMin,
  };
  const row = (name: string, plain: number, other: number, share = other / plain): string =>
    `| ${name.padEnd(26)} | ${column(plain, 12)} | ${column(other, 8)} |  ${share.toFixed(2)} |`;
  const lines = [
    `${results.machine}; others used ${results.busyCoresBefore.toFixed(2)} cores`,
    '',
    '|                            | not recorded | recorded | ratio |',
    '| -------------------------- | -----------: | -------: | ----: |',
    row(`puts/s, ${settings.clients} clients`, results.plainPerSecond, results.recordedPerSecond, ratio),
    row("leader's CPU, µs/put", results.plainCpuUs, results.recordedCpuUs),
    row("all members' CPU, µs/put", results.plainAllCpuUs, results.recordedAllCpuUs),
    '',
    `median of ${rounds.length} rounds; recorded: ${(measured.bytes / 2 ** 20).toFixed(0)} MiB more on three members`,
    `${results.met === undefined ? 'not judged on a busy machine' : results.met ? 'met' : 'missed'}: at least ${ratioMin} of the puts are left`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (settings.json !== undefined) writeFileSync(settings.json, `${JSON.stringify(results, undefined, 2)}\n`);
}

function ratioOf({ plain, recorded: other }: Round): number {
  return other.callsPerSecond / plain.callsPerSecond;
}

function recordedBytes(system: RunningSystem): number {
  let bytes = 0;
  for (const { dir } of system.places) {
    const recording = recordingOf(dir);
    for (const name of readdirSync(recording)) bytes += statSync(join(recording, name)).size;
  }
  return bytes;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

function describe({ callsPerSecond, leaderCpuUs }: Measurement): string {
  return `${callsPerSecond.toFixed(0)}/s, CPU ${leaderCpuUs.toFixed(0)} µs`;
}

function column(value: number, width: number): string {
  return value.toFixed(0).padStart(width);
}

try {
  await main(recorderBenchSettings(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof BenchRefusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
