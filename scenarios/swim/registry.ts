import { type SwimScenarioSource } from '../../sim/swim/plan.ts';
import { swimCrashOfOne } from './crash-of-one.ts';
import { swimFlapping } from './flapping.ts';
import { swimJoinOfMany } from './join-of-many.ts';
import { swimLossyWithASlowMember } from './lossy-with-a-slow-member.ts';
import { swimPartitionAndHeal } from './partition-and-heal.ts';

/** Scenarios of gossip alone: another machine, and another run, than those of the cluster. */
export const swimScenarios: readonly SwimScenarioSource[] = [
  swimCrashOfOne,
  swimPartitionAndHeal,
  swimLossyWithASlowMember,
  swimJoinOfMany,
  swimFlapping,
];

export const swimScenarioNames: readonly string[] = swimScenarios.map(({ name }) => name);

export function swimScenarioNamed(name: string): SwimScenarioSource | undefined {
  return swimScenarios.find((scenario) => scenario.name === name);
}
