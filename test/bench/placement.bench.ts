/**
 * How fast virtual machines are placed among many nodes, with affinity rules on: the scheduler's part of the control plane
 * alone, one core, nothing of the network or the store. Beside it a plain loop over objects.
 *
 * `npm run bench -- placement [--nodes N] [--placements N] [--policy POLICY] [--quick] [--json FILE]`
 */
import { writeFileSync } from 'node:fs';

import { type PlacementPolicy, placementPolicies } from '../../core/plasma/placement/policy.ts';
import { seededPrng } from '../../sim/prng.ts';
import { benchArguments, BenchRefusal } from './arguments.ts';
import { busyCores, describeMachine } from './chainfire/usage.ts';
import { BenchCluster, benchNodes } from './placement/cluster.ts';
import { NaiveLoop } from './placement/naive-loop.ts';
import { cpuSeconds } from './sim/yardstick.ts';

const usage =
  'npm run bench -- placement [--nodes N] [--placements N] [--policy POLICY] [--quick] [--json FILE]';
const placementsPerSecondMin = 5_000;
const p99MsMax = 5;

interface Speed {
  readonly what: string;
  readonly fullPercent: number;
  readonly vms: number;
  /** Of CPU time: others on the machine take none of it. */
  readonly placementsPerSecond: number;
  /** As a clock on the wall has it. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly refused: number;
}

function quantile(sorted: Float64Array, perMille: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * perMille) / 1_000))] ?? 0;
}

function timed(
  count: number,
  prepare: (at: number) => () => void,
): Omit<Speed, 'what' | 'fullPercent' | 'vms' | 'refused'> {
  const ms = new Float64Array(count);
  let seconds = 0;
  // In batches: asking for CPU time costs as much as a placement.
  for (let at = 0; at < count;) {
    const batch = Array.from({ length: Math.min(500, count - at) }, (_, each) => prepare(at + each));
    const cpu = cpuSeconds();
    for (const run of batch) {
      const before = performance.now();
      run();
      ms[at] = performance.now() - before;
      at += 1;
    }
    seconds += cpuSeconds() - cpu;
  }
  ms.sort();
  return {
    placementsPerSecond: count / seconds,
    p50Ms: quantile(ms, 500),
    p99Ms: quantile(ms, 990),
    maxMs: quantile(ms, 1_000),
  };
}

function measure(policy: PlacementPolicy, nodeCount: number, fullPercent: number, count: number): Speed {
  const cluster = new BenchCluster(policy, benchNodes(nodeCount), seededPrng(`placement ${fullPercent}`));
  while (cluster.fullPercent < fullPercent) cluster.place(cluster.next());
  // Compiled code is measured, not its compilation.
  for (let at = 0; at < Math.min(2_000, count); at += 1) {
    cluster.releaseOne();
    cluster.place(cluster.next());
  }
  cluster.refused = 0;
  const speed = timed(count, () => {
    if (cluster.fullPercent >= fullPercent) cluster.releaseOne();
    const vm = cluster.next();
    return () => {
      cluster.place(vm);
    };
  });
  return { what: policy, fullPercent, vms: cluster.vms, ...speed, refused: cluster.refused };
}

function measureLoop(nodeCount: number, count: number): Speed {
  const loop = new NaiveLoop(benchNodes(nodeCount));
  const prng = seededPrng('placement loop');
  const source = new BenchCluster('pack', [], prng);
  const speed = timed(count, () => {
    const vm = source.next();
    return () => {
      loop.place(vm);
    };
  });
  return { what: 'plain loop', fullPercent: 0, vms: count, ...speed, refused: 0 };
}

function rowOf(speed: Speed, yardstick: Speed): string {
  const cells = [
    speed.what,
    speed.what === yardstick.what ? '' : `${speed.fullPercent} %`,
    speed.vms,
    speed.placementsPerSecond.toFixed(0),
    (speed.placementsPerSecond / yardstick.placementsPerSecond).toFixed(1),
    speed.p50Ms.toFixed(3),
    speed.p99Ms.toFixed(3),
    speed.maxMs.toFixed(1),
    speed.refused,
  ];
  return `| ${cells.join(' | ')} |`;
}

function wholeNumber(name: string, text: string, max: number): number {
  const number = Number(text);
  if (!/^\d{1,9}$/.test(text) || number < 1 || number > max)
    throw new BenchRefusal(`--${name} is ${text}: a whole number of 1 to ${max}\n\n${usage}`);
  return number;
}

async function main(): Promise<void> {
  const values = benchArguments(
    process.argv.slice(2),
    {
      nodes: { type: 'string', default: '10000' },
      placements: { type: 'string' },
      policy: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
    usage,
  );
  const nodeCount = wholeNumber('nodes', values.nodes, 1_000_000);
  const count = wholeNumber('placements', values.placements ?? (values.quick ? '5000' : '50000'), 10_000_000);
  const policies = placementPolicies.filter((each) => values.policy === undefined || values.policy === each);
  if (policies.length === 0)
    throw new BenchRefusal(
      `--policy is ${values.policy ?? ''}: one of ${placementPolicies.join(', ')}\n\n${usage}`,
    );
  const machine = `${describeMachine()}; others used ${(await busyCores(1_000)).toFixed(2)} cores`;
  const yardstick = measureLoop(nodeCount, Math.min(count, 2_000));
  const speeds = policies.flatMap((policy) =>
    (policy === 'pack' ? [10, 60, 95] : [60]).map((full) => measure(policy, nodeCount, full, count)),
  );
  const missed = speeds.filter(
    ({ what, placementsPerSecond, p99Ms }) =>
      what === 'pack' && (placementsPerSecond < placementsPerSecondMin || p99Ms >= p99MsMax),
  );
  process.stdout.write(
    [
      `${machine}`,
      '',
      `${nodeCount} nodes, ${count} placements each; placements/s are of one core's CPU time, latencies of the wall clock`,
      '',
      '| policy | full | VMs | placements/s | × loop | p50 ms | p99 ms | max ms | no node |',
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
      ...[yardstick, ...speeds].map((speed) => rowOf(speed, yardstick)),
      '',
      `${missed.length === 0 ? 'met' : 'missed'}: at least ${placementsPerSecondMin} placements/s with p99 below ${p99MsMax} ms by the default policy`,
      '',
    ].join('\n'),
  );
  if (values.json !== undefined)
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine, nodeCount, yardstick, speeds }, undefined, 2)}\n`,
    );
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BenchRefusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
