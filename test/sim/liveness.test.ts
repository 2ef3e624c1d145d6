import { expect, test } from 'vitest';

import { defaultMemberConfig } from '../../core/chainfire/member.ts';
import { FaultAtlas } from '../../sim/atlas.ts';
import { Cluster } from '../../sim/cluster.ts';
import { atlasMember, cut, FaultInjector } from '../../sim/faults.ts';
import { History } from '../../sim/history.ts';
import { type FinishingClient, LivenessPhase } from '../../sim/liveness.ts';
import { defaultNetworkPlan, Network } from '../../sim/network/network.ts';
import { seededPrng } from '../../sim/prng.ts';
import { Violation } from '../../sim/types.ts';
import { World } from '../../sim/world.ts';

const { electionTimeoutUs } = defaultMemberConfig.raft;

interface Stage {
  readonly world: World;
  readonly network: Network;
  readonly cluster: Cluster;
  readonly history: History;
  readonly phase: LivenessPhase;
}

/** A cluster that has run for five seconds in peace, before its last phase. */
function stage(
  options: { seed?: string; members?: number; clients?: readonly FinishingClient[] } = {},
): Stage {
  const { seed = 'liveness', members = 3, clients = [] } = options;
  const world = new World();
  const prng = seededPrng(seed);
  const network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
  const cluster = new Cluster({
    world,
    network,
    prng: prng.fork('cluster'),
    plan: { members, config: {}, throughCodec: false },
    observer: {
      recovered: () => undefined,
      stepped: () => undefined,
      ended: () => undefined,
      diskFull: () => undefined,
      syncFailed: () => undefined,
    },
  });
  const injector = new FaultInjector({
    world,
    network,
    cluster,
    prng: prng.fork('faults'),
    atlas: new FaultAtlas(cluster.processes.map(atlasMember)),
    noted: () => undefined,
    damaged: () => undefined,
  });
  const history = new History();
  const phase = new LivenessPhase({
    world,
    network,
    cluster,
    injector,
    clients,
    history,
    prng: prng.fork('phase'),
    electionTimeoutUs,
    callTimeoutUs: 2_000_000,
    clockDriftPpmMax: 1_000,
  });
  for (const process of cluster.processes) process.start();
  world.runUntil(5_000_000);
  return { world, network, cluster, history, phase };
}

test('a core of every possible choice converges and serves, whatever befalls the rest', () => {
  const sizes = new Set<number>();
  for (let seed = 0; seed < 12; seed += 1) {
    const { phase, history } = stage({ seed: `choice ${seed}`, members: 5 });
    phase.run();
    sizes.add(phase.members.size);
    const answered = history.operations.filter(({ outcome }) => outcome.kind === 'answered');
    // Each member of the core answered a write and a read, asked for nothing else by nobody else.
    expect(answered).toHaveLength(2 * phase.members.size);
    const applied = [...phase.members.values()].map(({ view }) => `${view.appliedIndex} ${view.appliedHash}`);
    expect(new Set(applied).size).toBe(1);
  }
  expect([...sizes].every((size) => size >= 3)).toBe(true);
  expect(sizes.size).toBeGreaterThan(1);
});

test('members that are down or paused are brought back when the core needs them', () => {
  const { phase, cluster } = stage();
  cluster.processes[0]?.crash('machine');
  cluster.processes[1]?.pause();
  cluster.processes[2]?.crash('process');
  phase.run();
  expect(phase.members.size).toBeGreaterThanOrEqual(2);
});

test('a call that does not end is a violation', () => {
  const stuck: FinishingClient = { idle: false, stop: () => undefined, behind: () => undefined };
  const { phase } = stage({ clients: [stuck] });
  expect(() => {
    phase.run();
  }).toThrow('liveness: a call of client 0 has not ended');
});

test('a core that cannot elect anyone is a violation, in the time that it was given', () => {
  const { phase, network, world } = stage();
  const everyone = [1, 2, 3];
  // A cut that nobody heals stands for a bug that keeps members from hearing each other.
  network.begin(cut(everyone, everyone));
  const beganUs = world.nowUs;
  let caught: unknown;
  try {
    phase.run();
  } catch (thrown) {
    caught = thrown;
  }
  expect(caught).toBeInstanceOf(Violation);
  expect(String(caught)).toContain('liveness');
  expect(world.nowUs - beganUs).toBe(phase.boundUs);
});

test('clients are told to finish, once', () => {
  let stops = 0;
  const client: FinishingClient = {
    idle: true,
    behind: () => undefined,
    stop: () => {
      stops += 1;
    },
  };
  stage({ clients: [client] }).phase.run();
  expect(stops).toBe(1);
});
