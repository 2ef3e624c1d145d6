import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { chronikGroups } from './groups.ts';
import { chronikSwarm } from './swarm.ts';

/** Scenarios of brokers: another machine, and another run, than those of Chainfire's cluster. */
export const chronikScenarios: readonly ChronikScenarioSource[] = [chronikSwarm, chronikGroups];

export const chronikScenarioNames: readonly string[] = chronikScenarios.map(({ name }) => name);

export function chronikScenarioNamed(name: string): ChronikScenarioSource | undefined {
  return chronikScenarios.find((scenario) => scenario.name === name);
}
