import { checkersNamed } from '../../system-run.ts';
import { type PlasmaChecker } from '../checker.ts';
import { AnsweredAlike } from './answered-alike.ts';
import { CapacityKept } from './capacity-kept.ts';
import { CapacityReusedLate } from './capacity-reused-late.ts';
import { FetchResumed } from './fetch-resumed.ts';
import { ImagesWhole } from './images-whole.ts';
import { InventoryFirst } from './inventory-first.ts';
import { NeverTwice } from './never-twice.ts';
import { NewestTokenWrites } from './newest-token-writes.ts';
import { OneVmARequest } from './one-vm-a-request.ts';
import { OperationsOnce } from './operations-once.ts';
import { RemovedOnEvidence } from './removed-on-evidence.ts';
import { RestartsKept } from './restarts-kept.ts';
import { RulesKept } from './rules-kept.ts';
import { TermsFenced } from './terms-fenced.ts';

/** In the order of the invariants, then that of terms, those of images, that of restarts, and that of snapshots; that desired is actual in the end is the run's own second half. */
const makers: readonly (() => PlasmaChecker)[] = [
  () => new CapacityKept(),
  () => new NeverTwice(),
  () => new NewestTokenWrites(),
  () => new OneVmARequest(),
  () => new InventoryFirst(),
  () => new RulesKept(),
  () => new CapacityReusedLate(),
  () => new RemovedOnEvidence(),
  () => new AnsweredAlike(),
  () => new TermsFenced(),
  () => new ImagesWhole(),
  () => new FetchResumed(),
  () => new RestartsKept(),
  () => new OperationsOnce(),
];

export const plasmaCheckerNames: readonly string[] = makers.map((make) => make().name);

/** Fresh ones: a checker remembers a run. @throws RangeError for a name that is none */
export function createPlasmaCheckers(names: readonly string[] | 'all' = 'all'): readonly PlasmaChecker[] {
  return checkersNamed(
    makers.map((make) => make()),
    names,
  );
}
