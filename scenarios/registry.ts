import { type ScenarioSource } from '../sim/types.ts';
import { aimedScenarios } from './aimed.ts';
import { allMembersRestart } from './all-members-restart.ts';
import { crashDuringSnapshotInstall } from './crash-during-snapshot-install.ts';
import { isolatedLeader } from './isolated-leader.ts';
import { oneWayPartition } from './one-way-partition.ts';
import { swarm } from './swarm.ts';
import { tornLogTail } from './torn-log-tail.ts';

/** Every scenario that can be asked for by name; the first is what runs when none is. */
export const scenarios: readonly ScenarioSource[] = [
  swarm,
  isolatedLeader,
  oneWayPartition,
  crashDuringSnapshotInstall,
  tornLogTail,
  allMembersRestart,
];

export const scenarioNames: readonly string[] = scenarios.map((scenario) => scenario.name);

/** The aimed scenarios are found too, though no list shows them. @throws RangeError for a name that is in neither */
export function scenarioNamed(name: string): ScenarioSource {
  const found = [...scenarios, ...aimedScenarios].find((scenario) => scenario.name === name);
  if (found === undefined)
    throw new RangeError(`no scenario is called ${name}; there are ${scenarioNames.join(', ')}`);
  return found;
}
