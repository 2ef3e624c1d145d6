import { type NodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { driftPpmMax } from './clock.ts';
import { type Fault, type FaultKind } from './types.ts';

/** What a fault is drawn for. */
export interface FaultDraw {
  readonly prng: Prng;
  readonly atUs: number;
  readonly nodes: readonly NodeId[];
  readonly clients: readonly number[];
}

type Draw = (draw: FaultDraw) => Fault | undefined;

/** How the swarm draws a fault of each kind; undefined where the cluster is too small for it. */
export const faultDrawers: ReadonlyMap<FaultKind, Draw> = new Map<FaultKind, Draw>([
  ['crash', drawCrash],
  ['crashAll', drawCrashAll],
  [
    'pause',
    ({ prng, atUs, nodes }) => ({ kind: 'pause', atUs, node: one(prng, nodes), forUs: drawPauseUs(prng) }),
  ],
  ['partition', drawPartition],
  ['oneWay', drawOneWay],
  ['clientCut', drawClientCut],
  ['lossy', drawLossy],
  ['clog', drawClog],
  [
    'slowNetwork',
    ({ prng, atUs }) => ({
      kind: 'slowNetwork',
      atUs,
      forUs: drawForUs(prng),
      factor: between(prng, 2, 100),
    }),
  ],
  [
    'slowDisk',
    ({ prng, atUs, nodes }) => ({
      kind: 'slowDisk',
      atUs,
      forUs: drawForUs(prng),
      node: one(prng, nodes),
      factor: between(prng, 5, 500),
    }),
  ],
  [
    'syncFails',
    ({ prng, atUs, nodes }) => ({
      kind: 'syncFails',
      atUs,
      node: one(prng, nodes),
      downUs: drawDownUs(prng),
    }),
  ],
  [
    'bitRot',
    ({ prng, atUs, nodes }) => ({ kind: 'bitRot', atUs, node: one(prng, nodes), downUs: drawDownUs(prng) }),
  ],
  ['flap', drawFlap],
  [
    'lostSync',
    ({ prng, atUs, nodes }) => ({
      kind: 'lostSync',
      atUs,
      forUs: between(prng, 20, 4_000) * usPerMs,
      node: one(prng, nodes),
      downUs: drawDownUs(prng),
    }),
  ],
  [
    'diskFull',
    ({ prng, atUs, nodes }) => ({
      kind: 'diskFull',
      atUs,
      forUs: drawForUs(prng),
      node: one(prng, nodes),
    }),
  ],
  [
    'clockDrift',
    ({ prng, atUs, nodes }) => ({
      kind: 'clockDrift',
      atUs,
      node: one(prng, nodes),
      driftPpm: between(prng, 0, 2 * driftPpmMax) - driftPpmMax,
    }),
  ],
]);

function drawCrash({ prng, atUs, nodes }: FaultDraw): Fault {
  const node = one(prng, nodes);
  const downUs = drawDownUs(prng);
  const scope = prng.chance(2, 3) ? 'machine' : 'process';
  const moment = prng.below(4);
  if (moment < 2) return { kind: 'crash', atUs, node, downUs, scope };
  return { kind: 'crash', atUs, node, downUs, scope, moment: moment === 2 ? 'syncing' : 'installing' };
}

function drawCrashAll({ prng, atUs }: FaultDraw): Fault {
  return {
    kind: 'crashAll',
    atUs,
    downUs: drawDownUs(prng),
    scope: prng.chance(2, 3) ? 'machine' : 'process',
  };
}

/** Two sides; in a share of cases some members are on neither, so that they see both. */
function drawPartition({ prng, atUs, nodes }: FaultDraw): Fault | undefined {
  if (nodes.length < 2) return undefined;
  const [side, otherSide] = drawSides(prng, nodes);
  return { kind: 'partition', atUs, forUs: drawForUs(prng), side, otherSide };
}

function drawOneWay({ prng, atUs, nodes }: FaultDraw): Fault | undefined {
  if (nodes.length < 2) return undefined;
  const [from, to] = drawSides(prng, nodes);
  return { kind: 'oneWay', atUs, forUs: drawForUs(prng), from, to };
}

function drawClientCut({ prng, atUs, nodes, clients }: FaultDraw): Fault {
  const directions = ['requests', 'answers', 'both'] as const;
  return {
    kind: 'clientCut',
    atUs,
    forUs: drawForUs(prng),
    clients: some(prng, clients),
    nodes: some(prng, nodes),
    direction: one(prng, directions),
  };
}

function drawLossy({ prng, atUs }: FaultDraw): Fault {
  const ppm = (): number => (prng.chance(1, 3) ? 0 : prng.below(prng.chance(1, 4) ? 400_000 : 50_000));
  return {
    kind: 'lossy',
    atUs,
    forUs: drawForUs(prng),
    lossPpm: ppm(),
    duplicatePpm: ppm(),
    reorderPpm: ppm(),
  };
}

function drawClog({ prng, atUs, nodes }: FaultDraw): Fault | undefined {
  const from = one(prng, nodes);
  const others = nodes.filter((node) => node !== from);
  if (others.length === 0) return undefined;
  return { kind: 'clog', atUs, forUs: drawForUs(prng), from, to: one(prng, others) };
}

function drawFlap({ prng, atUs, nodes }: FaultDraw): Fault | undefined {
  const left = one(prng, nodes);
  const others = nodes.filter((node) => node !== left);
  if (others.length === 0) return undefined;
  return {
    kind: 'flap',
    atUs,
    forUs: drawForUs(prng),
    between: [left, one(prng, others)],
    downUs: between(prng, 10, 1_500) * usPerMs,
    upUs: between(prng, 10, 1_500) * usPerMs,
  };
}

/** Often about an election time-out long, where most of what can go wrong does. */
function drawForUs(prng: Prng): number {
  return prng.chance(1, 2) ? between(prng, 100, 3_000) * usPerMs : between(prng, 3, 15) * usPerSecond;
}

function drawDownUs(prng: Prng): number {
  return prng.chance(1, 2) ? between(prng, 1, 500) * usPerMs : between(prng, 500, 12_000) * usPerMs;
}

function drawPauseUs(prng: Prng): number {
  return prng.chance(1, 2) ? between(prng, 20, 1_000) * usPerMs : between(prng, 1_000, 8_000) * usPerMs;
}

/** Two sides that are not empty. */
function drawSides(prng: Prng, nodes: readonly NodeId[]): readonly [readonly NodeId[], readonly NodeId[]] {
  const withNeither = prng.chance(1, 4);
  const sides: [NodeId[], NodeId[]] = [[], []];
  for (const node of nodes) {
    const side = prng.below(withNeither ? 3 : 2);
    sides[side]?.push(node);
  }
  if (sides[0].length > 0 && sides[1].length > 0) return sides;
  const alone = one(prng, nodes);
  return [[alone], nodes.filter((node) => node !== alone)];
}

/** At least one. */
function some<T>(prng: Prng, items: readonly T[]): readonly T[] {
  const chosen = items.filter(() => prng.chance(1, 2));
  return chosen.length > 0 ? chosen : [one(prng, items)];
}

function one<T>(prng: Prng, items: readonly T[]): T {
  return items[prng.below(items.length)] as T;
}
