import { type PlacementPolicy } from '../../../core/plasma/placement/policy.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { cpuSeconds } from '../sim/yardstick.ts';
import { BenchCluster, benchNodes } from './cluster.ts';
import { NaiveLoop } from './naive-loop.ts';

const placementsPerSecondMin = 5_000;
const p99MsMax = 5;

export interface SchedulingSettings {
  readonly nodes: number;
  readonly placements: number;
  readonly policies: readonly PlacementPolicy[];
}

export interface Scheduling {
  readonly settings: SchedulingSettings;
  readonly yardstick: Speed;
  readonly speeds: readonly Speed[];
}

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

/** The scheduler alone, one core, and beside it a plain loop over objects. */
export function measureScheduling(settings: SchedulingSettings): Scheduling {
  const { nodes, placements, policies } = settings;
  const yardstick = measureLoop(nodes, Math.min(placements, 2_000));
  const speeds = policies.flatMap((policy) =>
    (policy === 'pack' ? [10, 60, 95] : [60]).map((full) => measure(policy, nodes, full, placements)),
  );
  return { settings, yardstick, speeds };
}

export function schedulingTable({ settings, yardstick, speeds }: Scheduling): readonly string[] {
  const missed = speeds.filter(
    ({ what, placementsPerSecond, p99Ms }) =>
      what === 'pack' && (placementsPerSecond < placementsPerSecondMin || p99Ms >= p99MsMax),
  );
  return [
    `${settings.nodes} nodes, ${settings.placements} placements each; placements/s are of one core's CPU time, latencies of the wall clock`,
    '',
    '| policy | full | VMs | placements/s | × loop | p50 ms | p99 ms | max ms | no node |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...[yardstick, ...speeds].map((speed) => rowOf(speed, yardstick)),
    '',
    `${missed.length === 0 ? 'met' : 'missed'}: at least ${placementsPerSecondMin} placements/s with p99 below ${p99MsMax} ms by the default policy`,
  ];
}
