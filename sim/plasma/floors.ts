import { type FaultKind } from '../fault.ts';
import { type PlasmaFloors } from './plan.ts';
import { type PlasmaState } from './state.ts';

/** Which floor a run has not come up to, in words; undefined when it has come up to all. */
export function missedFloor(
  floors: PlasmaFloors,
  state: PlasmaState,
  fired: Readonly<Partial<Record<FaultKind, number>>>,
): string | undefined {
  const { fired: firedFloors = {}, ...counted } = floors;
  const counts: Readonly<Record<keyof typeof counted, number>> = {
    ...state.counts,
    committed: state.history.committed,
    terms: state.truth.terms,
    repeated: state.history.repeated,
  };
  for (const [name, floor] of Object.entries(counted) as [keyof typeof counted, number][]) {
    if (counts[name] < floor) return missed(name, counts[name], floor);
  }
  for (const [kind, floor] of Object.entries(firedFloors) as [FaultKind, number][]) {
    if ((fired[kind] ?? 0) < floor) return missed(kind, fired[kind] ?? 0, floor);
  }
  return undefined;
}

function missed(what: string, count: number, floor: number): string {
  return `${what}: ${count}, where ${floor} is the least`;
}
