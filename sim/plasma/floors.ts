import { type FaultKind } from '../fault.ts';
import { firstMissed } from '../system-run.ts';
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
  return firstMissed(counted, counts) ?? firstMissed(firedFloors, fired);
}
