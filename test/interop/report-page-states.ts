import { parentPort, workerData } from 'node:worker_threads';

import { installMutants } from '../../nodes/sim/mutant-hook.ts';
import type { NodeState } from '../../reports/evidence/types.ts';
import type { Scenario } from '../../sim/types.ts';

/** What the test asks this thread, which runs the system with a planted bug as the page does. */
export interface StatesWanted {
  readonly mutant: string;
  readonly scenario: Scenario;
  readonly seed: number;
  readonly steps: readonly number[];
}

const wanted = workerData as StatesWanted;
const notPlanted = installMutants([wanted.mutant]);
const { Inspector } = await import('../../reports/evidence/inspector.ts');
if (notPlanted().length > 0) throw new Error(`${wanted.mutant} was not planted`);
const inspector = new Inspector(wanted.scenario, wanted.seed);
const states: readonly (readonly NodeState[])[] = wanted.steps.map((step) => inspector.at(step));
parentPort?.postMessage(states);
