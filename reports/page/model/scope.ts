import { type NodeId } from '../../../core/base/ids.ts';
import {
  type Endpoint,
  type Packet,
  type RunEvidence,
  type StepNumber,
  type StepRecord,
} from '../../evidence/types.ts';

/** What of a run is looked at. Empty sets hide nothing. */
export interface Filters {
  /** Steps that the violation follows from, or all. */
  readonly scope: 'causal' | 'all';
  readonly hiddenNodes: ReadonlySet<NodeId>;
  readonly clientsShown: boolean;
  /** Kinds of packets that are not drawn, and steps that took in nothing else are left out. */
  readonly hiddenKinds: ReadonlySet<string>;
  /** Steps whose texts have this in them; empty: all. Small letters find capitals too. */
  readonly search: string;
}

export const everything: Filters = {
  scope: 'all',
  hiddenNodes: new Set(),
  clientsShown: true,
  hiddenKinds: new Set(),
  search: '',
};

/** What is left of a run behind the filters, in the order of time. */
export interface Scoped {
  readonly steps: readonly StepNumber[];
  readonly packets: readonly Packet[];
  /** Steps in scope, for membership. */
  readonly stepSet: ReadonlySet<StepNumber>;
}

/** @param past what the violation follows from; only asked for in that scope */
export function scoped(
  evidence: RunEvidence,
  filters: Filters,
  past: ReadonlySet<StepNumber> | undefined,
): Scoped {
  const needle = filters.search.trim().toLowerCase();
  const inPast = (step: StepNumber): boolean =>
    filters.scope === 'all' || past === undefined || past.has(step);
  const steps: StepNumber[] = [];
  for (const [position, record] of evidence.steps.entries()) {
    const step = evidence.firstStep + position;
    if (!inPast(step) || filters.hiddenNodes.has(record.node)) continue;
    if (needle !== '' && !mentions(record, needle)) continue;
    steps.push(step);
  }
  const stepSet = new Set(steps);
  const packets = evidence.packets.filter(
    (packet) =>
      !filters.hiddenKinds.has(packetKind(packet)) &&
      isShown(packet.from, filters) &&
      isShown(packet.to, filters) &&
      touches(packet, stepSet, filters.scope, inPast) &&
      (needle === '' ||
        ends(packet).some((step) => stepSet.has(step)) ||
        packet.what.toLowerCase().includes(needle)),
  );
  return { steps, packets, stepSet };
}

/** The first word of what it carries: packets are filtered and coloured by it. */
export function packetKind(packet: Packet): string {
  const [first = packet.what] = packet.what.split(/[\s,+]/u, 1);
  return first;
}

/** Kinds of packets in a run with how many there are, the most frequent first. */
export function packetKinds(packets: readonly Packet[]): readonly (readonly [kind: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const packet of packets) {
    const kind = packetKind(packet);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].toSorted((left, right) => right[1] - left[1] || (left[0] < right[0] ? -1 : 1));
}

export function stepOf(evidence: RunEvidence, step: StepNumber): StepRecord | undefined {
  return evidence.steps[step - evidence.firstStep];
}

/** A lost packet belongs to the past when what sent it does: that it did not arrive may be the reason for all that came. */
function touches(
  packet: Packet,
  stepSet: ReadonlySet<StepNumber>,
  scope: Filters['scope'],
  inPast: (step: StepNumber) => boolean,
): boolean {
  if (scope === 'all') return true;
  if (packet.takenBy !== undefined) return stepSet.has(packet.takenBy) || inPast(packet.takenBy);
  return packet.sentBy !== undefined && inPast(packet.sentBy);
}

function ends(packet: Packet): readonly StepNumber[] {
  return [packet.sentBy, packet.takenBy].filter((step) => step !== undefined);
}

function isShown(endpoint: Endpoint, filters: Filters): boolean {
  return endpoint.kind === 'node' ? !filters.hiddenNodes.has(endpoint.node) : filters.clientsShown;
}

function mentions(record: StepRecord, needle: string): boolean {
  return (
    record.event.toLowerCase().includes(needle) ||
    record.effects.some((effect) => effect.toLowerCase().includes(needle))
  );
}
