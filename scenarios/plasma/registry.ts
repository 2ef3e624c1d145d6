import { type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { plasmaSwarm } from './swarm.ts';

/** Scenarios of the VM platform: several systems at once, and another run than those of Chainfire's cluster. */
export const plasmaScenarios: readonly PlasmaScenarioSource[] = [plasmaSwarm];

export const plasmaScenarioNames: readonly string[] = plasmaScenarios.map(({ name }) => name);

export function plasmaScenarioNamed(name: string): PlasmaScenarioSource | undefined {
  return plasmaScenarios.find((scenario) => scenario.name === name);
}
