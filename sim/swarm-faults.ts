import { type NodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { bytesPerKib, usPerMs, usPerSecond } from '../core/base/units.ts';
import { driftPpmMax, wallJumpUsMax } from './clock.ts';
import { type Fault, type FaultKind, type SectorFault } from './fault.ts';

/** What a fault is drawn for. */
export interface FaultDraw {
  readonly prng: Prng;
  readonly atUs: number;
  readonly nodes: readonly NodeId[];
  readonly clients: readonly number[];
}

type Draw = (draw: FaultDraw) => Fault | undefined;

/** How the swarm draws a fault of each kind; undefined where the cluster is too small for it. */
const faultDrawers: ReadonlyMap<FaultKind, Draw> = new Map<FaultKind, Draw>([
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
  ['bitRot', (draw) => ({ kind: 'bitRot', ...drawSectorFault(draw) })],
  ['latentSector', (draw) => ({ kind: 'latentSector', ...drawSectorFault(draw) })],
  ['misdirectedWrite', (draw) => ({ kind: 'misdirectedWrite', ...drawSectorFault(draw) })],
  [
    'appendFails',
    ({ prng, atUs, nodes }) => ({
      kind: 'appendFails',
      atUs,
      node: one(prng, nodes),
      downUs: drawDownUs(prng),
    }),
  ],
  ['readFails', (draw) => ({ kind: 'readFails', ...drawOnNode(draw) })],
  ['storeFull', (draw) => ({ kind: 'storeFull', ...drawOnNode(draw) })],
  [
    'diskStall',
    ({ prng, atUs, nodes }) => ({
      kind: 'diskStall',
      atUs,
      node: one(prng, nodes),
      forUs: between(prng, 100, 6_000) * usPerMs,
    }),
  ],
  ['narrowLink', drawNarrowLink],
  ['longTail', drawLongTail],
  ['partialPartition', drawPartialPartition],
  [
    'wallJump',
    ({ prng, atUs, nodes }) => ({
      kind: 'wallJump',
      atUs,
      node: one(prng, nodes),
      byUs: drawJumpUs(prng),
      direction: prng.chance(1, 2) ? 'forward' : 'backward',
    }),
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
  ['diskFull', (draw) => ({ kind: 'diskFull', ...drawOnNode(draw) })],
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

/** Each kind is on in half of the seeds, each from its own stream: leaving one out leaves the others as they were. */
export function drawFaultsOfKinds(
  prng: Prng,
  given: Pick<FaultDraw, 'nodes' | 'clients'> & { readonly durationUs: number },
): readonly Fault[] {
  const { nodes, clients, durationUs } = given;
  const faults: Fault[] = [];
  for (const [kind, draw] of faultDrawers) {
    const own = prng.fork(kind);
    if (own.chance(1, 2)) continue;
    const meanUs = between(own, 4, 25) * usPerSecond;
    for (let atUs = own.below(meanUs); atUs < durationUs; atUs += 1 + own.below(2 * meanUs)) {
      const fault = draw({ prng: own, atUs, nodes, clients });
      if (fault !== undefined) faults.push(fault);
    }
  }
  return faults;
}

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

function drawNarrowLink({ prng, atUs, nodes }: FaultDraw): Fault | undefined {
  if (nodes.length < 2) return undefined;
  const bytesPerSecond = between(prng, 5, 500) * bytesPerKib;
  return { kind: 'narrowLink', atUs, forUs: drawForUs(prng), ...drawLinks(prng, nodes), bytesPerSecond };
}

function drawLongTail({ prng, atUs, nodes }: FaultDraw): Fault | undefined {
  if (nodes.length < 2) return undefined;
  return {
    kind: 'longTail',
    atUs,
    forUs: drawForUs(prng),
    ...drawLinks(prng, nodes),
    tailPpm: between(prng, 1_000, 200_000),
    tailUs: between(prng, 50, 4_000) * usPerMs,
  };
}

/** With three members each shape but the chain is whole, or a star, which is a chain. */
function drawPartialPartition({ prng, atUs, nodes }: FaultDraw): Fault | undefined {
  if (nodes.length < 3) return undefined;
  const shapes =
    nodes.length === 3 ? (['chain', 'star'] as const) : (['ring', 'chain', 'star', 'bridge'] as const);
  const order = [...nodes];
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = prng.below(at + 1);
    const held = order[at] as NodeId;
    order[at] = order[other] as NodeId;
    order[other] = held;
  }
  return { kind: 'partialPartition', atUs, forUs: drawForUs(prng), shape: one(prng, shapes), order };
}

/** What leaves one member, what reaches it, or one link alone. */
function drawLinks(
  prng: Prng,
  nodes: readonly NodeId[],
): { readonly from: readonly NodeId[]; readonly to: readonly NodeId[] } {
  const node = one(prng, nodes);
  const others = nodes.filter((other) => other !== node);
  if (prng.chance(1, 3)) return { from: [node], to: [one(prng, others)] };
  return prng.chance(1, 2) ? { from: [node], to: others } : { from: others, to: [node] };
}

/** Half of the time the member runs on with it, until it comes across it or loses its power. */
function drawSectorFault({ prng, atUs, nodes }: FaultDraw): SectorFault {
  const latentUs = prng.chance(1, 2) ? between(prng, 100, 8_000) * usPerMs : 0;
  return { atUs, node: one(prng, nodes), downUs: drawDownUs(prng), latentUs };
}

function drawOnNode({ prng, atUs, nodes }: FaultDraw): {
  readonly atUs: number;
  readonly forUs: number;
  readonly node: NodeId;
} {
  return { atUs, forUs: drawForUs(prng), node: one(prng, nodes) };
}

/** A leap second, a time zone, or a battery that was empty. */
function drawJumpUs(prng: Prng): number {
  if (prng.chance(1, 3)) return 1 + prng.below(2 * usPerSecond);
  return usPerSecond * (1 + prng.below(prng.chance(1, 2) ? 7_200 : wallJumpUsMax / usPerSecond));
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
