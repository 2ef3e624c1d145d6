import { expect, test } from 'vitest';

import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { usPerSecond } from '../../../core/base/units.ts';
import { atlasMember, FaultAtlas } from '../../../sim/atlas.ts';
import { Cluster, type MemberProcess } from '../../../sim/cluster.ts';
import { FaultInjector } from '../../../sim/faults/injector.ts';
import { defaultNetworkPlan, Network } from '../../../sim/network/network.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { type Fault } from '../../../sim/fault.ts';
import { Violation } from '../../../sim/types.ts';
import { World } from '../../../sim/world.ts';

const hurtUs = 10 * usPerSecond;
const one: NodeId = nodeId(1);
const latent: Fault = {
  kind: 'latentSector',
  atUs: hurtUs,
  node: one,
  latentUs: 60 * usPerSecond,
  downUs: usPerSecond,
};

/** Three members, one of which has a sector that it cannot read any more and has not come across. */
function hurt(fault: Fault = latent): {
  world: World;
  injector: FaultInjector;
  process: MemberProcess;
  noted: readonly string[];
} {
  const world = new World();
  const prng = seededPrng('disk damage');
  const network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
  const cluster = new Cluster({
    world,
    network,
    prng: prng.fork('cluster'),
    plan: { members: 3, config: {}, throughCodec: false },
    observer: {
      recovered: () => undefined,
      synced: () => undefined,
      stepped: () => undefined,
      ended: () => undefined,
      diskFailed: (process, failure, why) => {
        injector.diskFailed(process, failure, why);
      },
    },
  });
  const noted: string[] = [];
  const injector = new FaultInjector({
    world,
    network,
    cluster,
    prng: prng.fork('faults'),
    atlas: new FaultAtlas(cluster.processes.map(atlasMember)),
    noted: (what) => noted.push(what),
    damaged: () => undefined,
    rotted: () => undefined,
  });
  injector.schedule([fault]);
  for (const process of cluster.processes) process.start();
  // Something to lose: starts write to the log, and sectors fill.
  for (let at = 1; at < 9; at += 1) {
    world.runUntil(at * usPerSecond);
    const process = cluster.process(one);
    process.crash('process');
    process.start();
  }
  world.runUntil(hurtUs + usPerSecond);
  return { world, injector, process: cluster.process(one), noted };
}

/** The process reads what is damaged. */
function comeAcross(process: MemberProcess, injector: FaultInjector): void {
  process.crash('process');
  injector.diskFailed(process, 'damage');
}

test('a sector is hurt under a member that runs on', () => {
  const { process, injector, noted } = hurt();
  expect(noted).toEqual([expect.stringMatching(/^latentSector on n1: unreadable log/)]);
  expect(process.alive).toBe(true);
  expect(injector.hurt).toBe(one);
});

test('one that comes across damage when faults are over is started again, as it would be before', () => {
  for (const over of [false, true]) {
    const { world, injector, process } = hurt();
    if (over) injector.end();
    comeAcross(process, injector);
    expect(process.alive).toBe(false);
    world.runUntil(world.nowUs + 5 * usPerSecond);
    expect(process.alive).toBe(true);
    expect(injector.hurt).toBeUndefined();
  }
});

test('one that has come across it before faults are over is started by whoever heals, and by nobody else', () => {
  const { world, injector, process } = hurt();
  comeAcross(process, injector);
  injector.end();
  world.runUntil(world.nowUs + 5 * usPerSecond);
  expect(process.alive).toBe(false);
});

test('a disk that is well and was said to be damaged is a violation', () => {
  const { injector, process } = hurt({ ...latent, atUs: 100 * usPerSecond });
  expect(() => {
    comeAcross(process, injector);
  }).toThrow(Violation);
});
