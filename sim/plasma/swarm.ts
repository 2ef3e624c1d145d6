import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { seededPrng } from '../prng.ts';
import { agentAddress, machineAddress, serverAddress, storageAddress, watchdogAddress } from './addresses.ts';
import {
  type PlasmaAct,
  type PlasmaCloudPlan,
  type PlasmaFault,
  type PlasmaScenario,
  type UserPlan,
} from './plan.ts';

const durationUs = 90 * usPerSecond;
const bytesPerMemoryUnit = 1_048_576;
const bytesPerImageUnit = 1_024;
/** What servers count on. */
const driftPpmMax = 1_000;

/** The cloud that a seed alone describes: its own nodes, its own users, its own misfortunes. */
export function drawPlasma(seed: number): PlasmaScenario {
  const prng = seededPrng(`plasma swarm ${seed}`);
  const cloud = drawCloud(prng.fork('cloud'));
  const users = Array.from({ length: 1 + prng.below(3) }, (_, user) => drawUser(prng.fork(`user ${user}`)));
  return {
    name: 'plasma',
    about: 'Whatever befalls a cloud, no virtual machine runs twice, and a healed one runs what is wanted.',
    cloud,
    workload: { users },
    faults: drawFaults(prng.fork('faults'), cloud),
    acts: drawActs(prng.fork('acts'), cloud),
    checks: 'all',
    durationUs,
    floors: { committed: 1 },
  };
}

/** Margins are shares of the lease, as they are by default. */
export function leaseSettings(ttlUs: number): Pick<PlasmaCloudPlan, 'agent' | 'controlPlane'> {
  return {
    controlPlane: { nodeLeaseTtlUs: ttlUs },
    agent: {
      leaseMarginUs: Math.floor((ttlUs * 3) / 10),
      watchdogMarginUs: Math.floor((ttlUs * 3) / 20),
      renewIntervalUs: Math.floor(ttlUs / 5),
      callTimeoutUs: Math.floor(ttlUs / 5),
    },
  };
}

function drawCloud(prng: Prng): PlasmaCloudPlan {
  const { agent, controlPlane } = leaseSettings(between(prng, 4, 10) * usPerSecond);
  return {
    members: 3,
    chainfire: {},
    servers: between(prng, 1, 3),
    controlPlane: { ...controlPlane, migrationTimeoutUs: between(prng, 5, 30) * usPerSecond },
    agent: {
      ...agent,
      restartUsMin: between(prng, 100, 1_000) * usPerMs,
      restartUsMax: between(prng, 1, 10) * usPerSecond,
      powerDownUs: between(prng, 1, 10) * usPerSecond,
      arrivalUs: between(prng, 1, 10) * usPerSecond,
      watchWaitUs: between(prng, 2, 10) * usPerSecond,
      journalBytesMax: prng.chance(1, 2) ? between(prng, 2_000, 20_000) : 1_048_576,
    },
    nodes: Array.from({ length: between(prng, 2, 5) }, () => ({
      capacity: {
        cpuMilli: between(prng, 2, 8) * 1_000,
        memoryBytes: between(prng, 8, 32) * bytesPerMemoryUnit,
        diskBytes: 1_000_000_000,
      },
      labels: {},
      driftPpm: between(prng, 0, 2 * driftPpmMax) - driftPpmMax,
    })),
    guestTickUs: between(prng, 50, 400) * usPerMs,
    ...drawImages(prng.fork('images')),
  };
}

/** In half of the seeds: fetched in anything from a few pieces to a hundred. */
function drawImages(prng: Prng): Pick<PlasmaCloudPlan, 'images' | 'imageChunkBytes'> {
  const images = Array.from({ length: prng.chance(1, 2) ? between(prng, 1, 6) : 0 }, () => ({
    fileBytes: between(prng, 4, 60) * bytesPerImageUnit,
  }));
  return { images, imageChunkBytes: between(prng, 512, 8_192) };
}

/** Copies of images that are gone for a while, or come to harm; the last server's stay as they are. */
function drawActs(prng: Prng, cloud: PlasmaCloudPlan): readonly PlasmaAct[] {
  return [...drawImageActs(prng.fork('images'), cloud), ...drawEnds(prng.fork('guests'))];
}

/** Guests that end by themselves, in half of the seeds. */
function drawEnds(prng: Prng): readonly PlasmaAct[] {
  const acts: PlasmaAct[] = [];
  if (prng.chance(1, 2)) return acts;
  const meanUs = between(prng, 1, 15) * usPerSecond;
  for (let atUs = prng.below(meanUs); atUs < durationUs; atUs += 1 + prng.below(2 * meanUs))
    acts.push({ kind: 'guestEnds', atUs, pick: prng.below(64), by: ownEnds[prng.below(3)] ?? 'die' });
  return acts;
}

const ownEnds = ['shutdown', 'panic', 'die'] as const;

function drawImageActs(prng: Prng, { images = [], servers }: PlasmaCloudPlan): readonly PlasmaAct[] {
  const acts: PlasmaAct[] = [];
  if (images.length === 0 || servers === 1 || prng.chance(1, 2)) return acts;
  const meanUs = between(prng, 1, 8) * usPerSecond;
  for (let atUs = prng.below(meanUs); atUs < durationUs; atUs += 1 + prng.below(2 * meanUs)) {
    acts.push({
      kind: prng.chance(1, 2) ? 'loseImage' : 'spoilImage',
      atUs,
      server: prng.below(servers - 1),
      image: prng.below(images.length),
      forUs: drawForUs(prng),
    });
  }
  return acts;
}

function drawUser(prng: Prng): UserPlan {
  const weight = (most: number): number => (prng.chance(1, 4) ? 0 : 1 + prng.below(most));
  const vmsMax = between(prng, 2, 6);
  const thinkUsMin = between(prng, 50, 500) * usPerMs;
  const quota = {
    vmsMax,
    cpusMax: undefined,
    memoryBytesMax: undefined,
    diskBytesMax: undefined,
    imageBytesMax: undefined,
  };
  return {
    quota: prng.chance(1, 3) ? quota : undefined,
    sharedDisks: prng.below(4),
    vmsMax,
    thinkUsMin,
    thinkUsMax: thinkUsMin + between(prng, 200, 4_000) * usPerMs,
    requestTimeoutUs: between(prng, 1_000, 5_000) * usPerMs,
    repeatOneIn: prng.chance(1, 2) ? between(prng, 3, 10) : 0,
    mix: {
      create: 4 + prng.below(6),
      delete: weight(3),
      start: 1 + prng.below(4),
      stop: weight(3),
      pause: weight(2),
      migrate: weight(5),
      evict: weight(2),
      drain: weight(1),
      uncordon: 1 + prng.below(3),
      quota: weight(1),
      ...drawDisks(prng.fork('disks')),
      image: prng.fork('image').below(2),
      ...drawOperations(prng.fork('operations')),
    },
    spreadOfTen: prng.below(8),
    keepRunningOfTen: prng.below(5),
    imageOfTen: prng.fork('images').below(6),
    neverAgainOfTen: prng.fork('policies').below(4),
  };
}

/** By a stream of its own: what else is drawn stays as it is. */
function drawDisks(prng: Prng): UserPlan['mix'] {
  return {
    ...(prng.chance(1, 3) ? { diskDelete: 1 + prng.below(4) } : {}),
    ...(prng.chance(1, 3) ? { snapshot: 2, restore: 1, snapshotDelete: 1 + prng.below(3) } : {}),
  };
}

/** Disks of what runs, in half of the seeds. */
function drawOperations(prng: Prng): UserPlan['mix'] {
  return prng.chance(1, 2) ? {} : { attach: prng.below(2), resize: prng.below(4) };
}

/** Whom faults may strike. Watchdogs only in some seeds: without one, nothing but fences is left of the promises. */
function drawFaults(prng: Prng, cloud: PlasmaCloudPlan): readonly PlasmaFault[] {
  const members = Array.from({ length: cloud.members }, (_, at) => nodeId(at + 1));
  const servers = Array.from({ length: cloud.servers }, (_, at) => serverAddress(at));
  const agents = cloud.nodes.map((_, at) => agentAddress(at));
  const machines = cloud.nodes.map((_, at) => machineAddress(at));
  const watchdogs = prng.chance(1, 4) ? cloud.nodes.map((_, at) => watchdogAddress(at)) : [];
  const mortal = [...members, ...servers, storageAddress, ...agents, ...agents, ...machines, ...watchdogs];
  const connected = [...members, ...servers, storageAddress, ...agents];
  const faults: PlasmaFault[] = [];
  for (const [kind, draw] of drawers) {
    const own = prng.fork(kind);
    if (own.chance(1, 2)) continue;
    const meanUs = between(own, 4, 30) * usPerSecond;
    for (let atUs = own.below(meanUs); atUs < durationUs; atUs += 1 + own.below(2 * meanUs))
      faults.push(draw({ prng: own, atUs, mortal, connected, machines }));
  }
  return faults.sort((left, right) => left.atUs - right.atUs);
}

interface Draw {
  readonly prng: Prng;
  readonly atUs: number;
  readonly mortal: readonly NodeId[];
  readonly connected: readonly NodeId[];
  readonly machines: readonly NodeId[];
}

const drawers: readonly (readonly [string, (draw: Draw) => PlasmaFault])[] = [
  [
    'crash',
    ({ prng, atUs, mortal }) => ({
      ...{ kind: 'crash', atUs, node: one(prng, mortal), downUs: drawForUs(prng) },
      scope: prng.chance(1, 2) ? 'process' : 'machine',
    }),
  ],
  [
    'pause',
    ({ prng, atUs, mortal }) => ({ kind: 'pause', atUs, node: one(prng, mortal), forUs: drawForUs(prng) }),
  ],
  ['partition', drawPartition],
  [
    'oneWay',
    (draw) => {
      const { side, otherSide, ...fault } = drawPartition(draw);
      return { ...fault, kind: 'oneWay', from: side, to: otherSide };
    },
  ],
  [
    'lossy',
    ({ prng, atUs }) => ({
      ...{ kind: 'lossy', atUs, forUs: drawForUs(prng) },
      lossPpm: prng.below(200_000),
      duplicatePpm: prng.below(100_000),
      reorderPpm: prng.below(100_000),
    }),
  ],
  [
    'slowNetwork',
    ({ prng, atUs }) => ({ kind: 'slowNetwork', atUs, forUs: drawForUs(prng), factor: between(prng, 2, 50) }),
  ],
  [
    'clog',
    ({ prng, atUs, connected }) => ({
      ...{ kind: 'clog', atUs, forUs: drawForUs(prng) },
      from: one(prng, connected),
      to: one(prng, connected),
    }),
  ],
  [
    'clockDrift',
    ({ prng, atUs, machines }) => ({
      ...{ kind: 'clockDrift', atUs, node: one(prng, machines) },
      driftPpm: between(prng, 0, 2 * driftPpmMax) - driftPpmMax,
    }),
  ],
];

function drawPartition({ prng, atUs, connected }: Draw): Extract<PlasmaFault, { kind: 'partition' }> {
  const few = prng.chance(1, 2);
  const side = connected.filter(() => prng.chance(1, few ? 6 : 2));
  const otherSide = connected.filter((node) => !side.includes(node) && (few || prng.chance(3, 4)));
  return { kind: 'partition', atUs, forUs: drawForUs(prng), side, otherSide };
}

function drawForUs(prng: Prng): number {
  return prng.chance(1, 3) ? between(prng, 8, 25) * usPerSecond : between(prng, 50, 6_000) * usPerMs;
}

function one(prng: Prng, nodes: readonly NodeId[]): NodeId {
  return nodes[prng.below(nodes.length)] ?? storageAddress;
}
