import { expect, test } from 'vitest';

import { present } from '../../core/base/assert.ts';
import { defaultMemberConfig } from '../../core/chainfire/member.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { atlasMember, FaultAtlas } from '../../sim/atlas.ts';
import { Cluster, type MemberProcess } from '../../sim/cluster.ts';
import { FaultInjector } from '../../sim/faults/injector.ts';
import { History } from '../../sim/history.ts';
import { type FinishingClient, LivenessPhase } from '../../sim/liveness.ts';
import { clientAddress, cut } from '../../sim/network/conditions.ts';
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
      synced: () => undefined,
      stepped: () => undefined,
      ended: () => undefined,
      diskFailed: () => undefined,
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
    rotted: () => undefined,
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

test('a watch of everything that never comes to the end is a violation, which says how far it has come', () => {
  const deaf: FinishingClient = {
    idle: true,
    stop: () => undefined,
    behind: (revision) => `a watch of everything has come to revision 1, not ${revision}`,
  };
  const { phase } = stage({ clients: [deaf] });
  expect(() => {
    phase.run();
  }).toThrow(/liveness: client 0: a watch of everything has come to revision 1, not [2-9]/);
});

/** Grants a lease by way of every member until one has taken it; then keeps it alive `keeps` times, every half second. */
function keptLease({ world, cluster }: Stage, ttlSeconds: number, keeps: number): void {
  const ask = (request: MemberRequest): void => {
    for (const node of cluster.nodes) {
      cluster.calls.attempt({ client: 9, node, request, timeoutUs: 1_000_000, ended: () => undefined });
    }
  };
  ask({ kind: 'leaseGrant', request: { id: 7n, ttlSeconds } });
  for (let keep = 1; keep <= keeps; keep += 1) {
    world.after(500_000 * keep, () => {
      ask({ kind: 'leaseKeepAlive', request: { id: 7n } });
    });
  }
  world.runUntil(world.nowUs + 1_000_000);
}

test('a lease that nobody keeps is gone within its time to live and the stated bound', () => {
  const place = stage();
  keptLease(place, 8, 4);
  const leasesOf = (): number[] =>
    place.cluster.processes.map(({ machine }) => machine?.view.leaseCount ?? -1);
  expect(leasesOf()).toEqual([1, 1, 1]);
  const beganUs = place.world.nowUs;
  place.phase.run();
  expect(place.world.nowUs - beganUs).toBeGreaterThan(5_000_000);
  for (const { view } of place.phase.members.values()) expect(view.leaseCount).toBe(0);
});

test('a lease that does not end is a violation', () => {
  const place = stage();
  keptLease(place, 4, 400);
  expect(() => {
    place.phase.run();
  }).toThrow(/liveness: n\d still has lease 7 of 4 s, which nobody keeps/);
});

interface WholeCore extends Stage {
  readonly leader: MemberProcess;
  readonly follower: MemberProcess;
  /** The phase, to its end. */
  readonly goOn: () => void;
}

/** What comes about when the core already serves, and still waits for a lease to end. */
const lateUs = 5_000_000;

/** A phase whose core is all of four members, as while a removal may still come about; a lease keeps it at work for long. */
function wholeCore(): WholeCore {
  for (let tries = 0; ; tries += 1) {
    const place = stage({ seed: `whole ${tries}`, members: 4 });
    keptLease(place, 8, 0);
    const { world, cluster, phase } = place;
    const isLeader = ({ machine }: MemberProcess): boolean => machine?.view.raft.role === 'leader';
    const leader = present(cluster.processes.find(isLeader), 'a leader');
    const follower = present(
      cluster.processes.find((process) => !isLeader(process)),
      'a follower',
    );
    const waits = phase.waits();
    const first = waits.next();
    if (phase.members.size < cluster.processes.length || first.done === true) continue;
    const goOn = (): void => {
      world.runUntil(first.value);
      for (const untilUs of waits) world.runUntil(untilUs);
    };
    return { ...place, leader, follower, goOn };
  }
}

/** By way of every member, so that the one who leads hears it, as a request that was long on its way. */
function removeLater({ world, cluster }: Stage, { member }: MemberProcess, afterUs: number): void {
  cluster.leaves(member);
  const request: MemberRequest = { kind: 'memberRemove', request: { id: BigInt(member) } };
  world.after(afterUs, () => {
    for (const node of cluster.nodes) {
      cluster.calls.attempt({ client: 9, node, request, timeoutUs: 1_000_000, ended: () => undefined });
    }
  });
}

test('a member whose removal comes about late is no part of the core any more', () => {
  const place = wholeCore();
  removeLater(place, place.follower, lateUs);
  place.goOn();
  expect(place.follower.stopped).toBe(true);
  expect(place.phase.members.size).toBe(3);
  for (const { view } of place.phase.members.values()) expect(view.leaseCount).toBe(0);
});

test('a leader whose removal comes about late leaves a core that elects another', () => {
  const place = wholeCore();
  removeLater(place, place.leader, lateUs);
  place.goOn();
  expect(place.leader.stopped).toBe(true);
  const roles = [...place.phase.members.values()].map(({ view }) => view.raft.role);
  expect(roles.sort((left, right) => left.localeCompare(right))).toEqual(['follower', 'follower', 'leader']);
});

test('nobody waits for the answers of a member whose removal comes about late', () => {
  const place = wholeCore();
  const { network, cluster, follower } = place;
  // Probes stand for clients of their own, one for each member in the order of their addresses.
  const probe = clientAddress(cluster.processes.indexOf(follower));
  network.begin(cut([follower.node], [probe]));
  removeLater(place, follower, 10_000_000);
  place.goOn();
  expect(place.phase.members.size).toBe(3);
});

test('a member that has stopped and was not removed is waited for', () => {
  const { world, follower, goOn } = wholeCore();
  world.after(lateUs, () => {
    follower.retire();
  });
  expect(goOn).toThrow(`liveness: n${follower.node} is down`);
});

test('a member that was removed late and goes on is a violation', () => {
  const place = wholeCore();
  const { network, cluster, follower } = place;
  const others = cluster.nodes.filter((node) => node !== follower.node);
  // That nobody tells it stands for a bug that keeps it from hearing of its removal.
  place.world.after(lateUs, () => {
    network.begin(cut(others, [follower.node]));
  });
  removeLater(place, follower, lateUs);
  expect(place.goOn).toThrow(`liveness: member ${follower.member} was removed and goes on`);
});
