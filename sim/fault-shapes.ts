import { type Fault, type FaultKind } from './fault.ts';

/** What may stand in a field of a fault, and so also how it can become simpler. */
export type FieldShape = { readonly optional?: true } &
  /** When it begins, µs since the run's start. */
  (
    | { readonly kind: 'time' }
    /** How long something lasts, µs. */
    | { readonly kind: 'length'; readonly leastUs?: number }
    | { readonly kind: 'node' }
    /** At least one. */
    | { readonly kind: 'nodes' }
    | { readonly kind: 'twoNodes' }
    /** Numbers of clients, from 0; at least one. */
    | { readonly kind: 'clients' }
    /** Millionths; what drifts may also fall behind. */
    | { readonly kind: 'ppm'; readonly least: number }
    | { readonly kind: 'count'; readonly least: number }
    | { readonly kind: 'word'; readonly words: readonly string[] }
  );

type FaultOf<Kind extends FaultKind> = Extract<Fault, { readonly kind: Kind }>;
export type FaultShape<Kind extends FaultKind> = {
  readonly [Field in Exclude<keyof FaultOf<Kind>, 'kind'>]-?: FieldShape;
};

const time: FieldShape = { kind: 'time' };
const length: FieldShape = { kind: 'length' };
/** Of what comes again and again: with none at all it would never end. */
const period: FieldShape = { kind: 'length', leastUs: 1_000 };
const node: FieldShape = { kind: 'node' };
const nodes: FieldShape = { kind: 'nodes' };
const ppm: FieldShape = { kind: 'ppm', least: 0 };
const factor: FieldShape = { kind: 'count', least: 1 };
const atlas: FieldShape = { kind: 'word', words: ['ignored'], optional: true };
const sectorFault: FaultShape<'bitRot'> = {
  atUs: time,
  node,
  downUs: length,
  latentUs: { ...length, optional: true },
  atlas,
};
const scope: FieldShape = { kind: 'word', words: ['process', 'machine'], optional: true };

/**
 * Every kind of fault with its fields. The compiler holds it to the type: whoever adds a kind or a field says here what it
 * is, and files of it can be read, and schedules of it shrink.
 */
export const faultShapes: { readonly [Kind in FaultKind]: FaultShape<Kind> } = {
  crash: {
    atUs: time,
    node,
    downUs: length,
    scope,
    moment: { kind: 'word', words: ['syncing', 'installing'], optional: true },
  },
  crashAll: { atUs: time, downUs: length, scope },
  pause: { atUs: time, node, forUs: length },
  partition: { atUs: time, forUs: length, side: nodes, otherSide: nodes },
  oneWay: {
    atUs: time,
    forUs: length,
    from: nodes,
    to: nodes,
    moment: { kind: 'word', words: ['elected'], optional: true },
  },
  clientCut: {
    atUs: time,
    forUs: length,
    clients: { kind: 'clients' },
    nodes,
    direction: { kind: 'word', words: ['requests', 'answers', 'both'] },
  },
  lossy: { atUs: time, forUs: length, lossPpm: ppm, duplicatePpm: ppm, reorderPpm: ppm },
  clog: { atUs: time, forUs: length, from: node, to: node },
  slowNetwork: { atUs: time, forUs: length, factor },
  slowDisk: { atUs: time, forUs: length, node, factor },
  syncFails: { atUs: time, node, downUs: length },
  bitRot: sectorFault,
  latentSector: sectorFault,
  misdirectedWrite: sectorFault,
  readFails: { atUs: time, forUs: length, node },
  appendFails: { atUs: time, node, downUs: length },
  storeFull: { atUs: time, forUs: length, node },
  storeRot: { atUs: time, node },
  diskStall: { atUs: time, forUs: length, node },
  narrowLink: {
    atUs: time,
    forUs: length,
    from: nodes,
    to: nodes,
    bytesPerSecond: { kind: 'count', least: 1 },
  },
  longTail: { atUs: time, forUs: length, from: nodes, to: nodes, tailPpm: ppm, tailUs: length },
  partialPartition: {
    atUs: time,
    forUs: length,
    shape: { kind: 'word', words: ['ring', 'chain', 'star', 'bridge'] },
    order: nodes,
  },
  wallJump: { atUs: time, node, byUs: length, direction: { kind: 'word', words: ['forward', 'backward'] } },
  clockDrift: { atUs: time, node, driftPpm: { kind: 'ppm', least: -1_000_000 } },
  flap: { atUs: time, forUs: length, between: { kind: 'twoNodes' }, downUs: period, upUs: period },
  lostSync: { atUs: time, forUs: length, node, downUs: length, atlas },
  diskFull: { atUs: time, forUs: length, node },
  replace: { atUs: time, node },
  wipe: { atUs: time, node },
  grow: { atUs: time, as: { kind: 'word', words: ['voter', 'learner'] } },
  shrink: { atUs: time, node },
  promote: { atUs: time },
  moveLeader: { atUs: time, node },
};

export const faultKinds = Object.keys(faultShapes) as readonly FaultKind[];

/**
 * What the swarm draws of them. A row that changed behind its member's back stays as it is: members can find it, none can mend it,
 * and it would drown whatever else a run has to show.
 */
export const swarmFaultKinds = faultKinds.filter((kind) => kind !== 'storeRot');

/** The fields of this fault in the order of the table. */
export function fieldsOf(kind: FaultKind): readonly (readonly [field: string, shape: FieldShape])[] {
  return Object.entries<FieldShape>(faultShapes[kind]);
}
