import { type NodeId } from '../../../core/base/ids.ts';
import { type Packet, type RunEvidence, type StepNumber } from '../../evidence/types.ts';
import { packetKind, type Scoped, stepOf } from './scope.ts';
import { firstWhere } from './time-axis.ts';

/** What is in scope by time, so that a frame looks at what it draws and passes over the rest, however long the run. */
export interface SceneIndex {
  readonly steps: readonly StepsOfNode[];
  readonly packets: readonly PacketsOfKind[];
}

export interface StepsOfNode {
  readonly node: NodeId;
  /** In the order of time. */
  readonly steps: readonly StepNumber[];
  readonly timesUs: readonly number[];
}

/** Of one kind, those that arrived or those that were lost. */
export interface PacketsOfKind {
  readonly kind: string;
  readonly lost: boolean;
  /** In the order in which they were sent. */
  readonly packets: readonly Packet[];
  /** By blocks of them, when the last of each block arrived. */
  readonly blocksUntilUs: readonly number[];
}

const blockSize = 64;

export function indexScene(evidence: RunEvidence, { steps, packets }: Scoped): SceneIndex {
  const nodes = new Map<NodeId, { steps: StepNumber[]; timesUs: number[] }>();
  for (const step of steps) {
    const record = stepOf(evidence, step);
    if (record === undefined) continue;
    let own = nodes.get(record.node);
    if (own === undefined) nodes.set(record.node, (own = { steps: [], timesUs: [] }));
    own.steps.push(step);
    own.timesUs.push(record.atUs);
  }
  const kinds = new Map<string, Packet[]>();
  for (const packet of packets) {
    const key = `${packet.arrivedUs === undefined ? 'lost' : 'arrived'} ${packetKind(packet)}`;
    const own = kinds.get(key);
    if (own === undefined) kinds.set(key, [packet]);
    else own.push(packet);
  }
  return {
    steps: [...nodes].map(([node, own]) => ({ node, ...own })),
    packets: [...kinds.values()].map(packetsOfKind),
  };
}

function packetsOfKind(packets: Packet[]): PacketsOfKind {
  // A packet that the network has doubled stands where its twin arrived.
  packets.sort((left, right) => left.sentUs - right.sentUs);
  const blocksUntilUs: number[] = [];
  for (const [position, { sentUs, arrivedUs }] of packets.entries()) {
    const block = Math.floor(position / blockSize);
    blocksUntilUs[block] = Math.max(blocksUntilUs[block] ?? 0, arrivedUs ?? sentUs);
  }
  const [first] = packets;
  return {
    kind: first === undefined ? '' : packetKind(first),
    lost: first?.arrivedUs === undefined,
    packets,
    blocksUntilUs,
  };
}

/** Positions of the packets that a frame may show. */
export interface InView {
  /** Sent before and arriving in it or behind it. */
  readonly under: readonly number[];
  /** Sent in it: all of `from` to `to` − 1. */
  readonly from: number;
  readonly to: number;
}

/** @param underMax of those that were sent before, at most so many: the newest */
export function inView(
  { packets, blocksUntilUs }: PacketsOfKind,
  span: { readonly fromUs: number; readonly toUs: number },
  underMax: number,
): InView {
  const from = firstWhere(packets.length, (at) => (packets[at]?.sentUs ?? 0) >= span.fromUs);
  const to = firstWhere(packets.length, (at) => (packets[at]?.sentUs ?? 0) > span.toUs);
  const under: number[] = [];
  for (let block = Math.ceil(from / blockSize) - 1; block >= 0 && under.length < underMax; block -= 1) {
    if ((blocksUntilUs[block] ?? 0) < span.fromUs) continue;
    const end = Math.min(from, (block + 1) * blockSize);
    for (let at = end - 1; at >= block * blockSize && under.length < underMax; at -= 1)
      if ((packets[at]?.arrivedUs ?? 0) >= span.fromUs) under.push(at);
  }
  return { under, from, to };
}

/**
 * Shares a number of places out: who wants less than an even share gets all of it, and leaves the rest to the others. So what
 * is rare stays, and only what is frequent is thinned.
 */
export function fairShares(wanted: readonly number[], places: number): readonly number[] {
  const shares = wanted.map(() => 0);
  let left = places;
  const order = [...wanted.keys()].toSorted((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  for (const [served, position] of order.entries()) {
    const share = Math.min(wanted[position] ?? 0, Math.floor(left / (order.length - served)));
    shares[position] = share;
    left -= share;
  }
  return shares;
}

/** Of how many one is shown, where there are places for so many: a power of two, so that what is shown far off stays as one comes nearer. */
export function strideFor(count: number, places: number): number {
  let stride = 1;
  while (count / stride > places) stride *= 2;
  return stride;
}
