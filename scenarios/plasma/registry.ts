import { type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { plasmaAgentCrash } from './agent-crash.ts';
import { plasmaAgentPartitioned } from './agent-partitioned.ts';
import { plasmaClockDrift } from './clock-drift.ts';
import { plasmaCreateRetried } from './create-retried.ts';
import { plasmaDiskDeleted } from './disk-deleted.ts';
import { plasmaDrain } from './drain.ts';
import { plasmaFrozenNode } from './frozen-node.ts';
import { plasmaGuestsEnd } from './guests-end.ts';
import { plasmaImageFetchCut } from './image-fetch-cut.ts';
import { plasmaLateOpening } from './late-opening.ts';
import { plasmaLeaderDeposed } from './leader-deposed.ts';
import { plasmaLeaderLeaves } from './leader-leaves.ts';
import { plasmaMigrationCut } from './migration-cut.ts';
import { plasmaSlowAnswers } from './slow-answers.ts';
import { plasmaSnapshots } from './snapshots.ts';
import { plasmaStalledAgent } from './stalled-agent.ts';
import { plasmaSwarm } from './swarm.ts';
import { plasmaTightRules } from './tight-rules.ts';

/** Scenarios of the VM platform: several systems at once, and another run than those of Chainfire's cluster. */
export const plasmaScenarios: readonly PlasmaScenarioSource[] = [
  plasmaSwarm,
  plasmaAgentPartitioned,
  plasmaLeaderDeposed,
  plasmaLeaderLeaves,
  plasmaAgentCrash,
  plasmaStalledAgent,
  plasmaFrozenNode,
  plasmaClockDrift,
  plasmaSlowAnswers,
  plasmaLateOpening,
  plasmaMigrationCut,
  plasmaCreateRetried,
  plasmaDiskDeleted,
  plasmaDrain,
  plasmaTightRules,
  plasmaImageFetchCut,
  plasmaGuestsEnd,
  plasmaSnapshots,
];

export const plasmaScenarioNames: readonly string[] = plasmaScenarios.map(({ name }) => name);

export function plasmaScenarioNamed(name: string): PlasmaScenarioSource | undefined {
  return plasmaScenarios.find((scenario) => scenario.name === name);
}
