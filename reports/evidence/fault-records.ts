import { type Fault } from '../../sim/fault.ts';
import { type Scenario } from '../../sim/types.ts';
import { type FaultRecord } from './types.ts';

/**
 * When the faults of a schedule were in force. One that waits for its moment begins with it; with the safety phase the faults
 * of the network and the disks end; a drift lasts; a change of members lasts until it has taken effect.
 *
 * @param firedUs when each fault had an effect for the first time; a condition of the network has it at its end
 */
export function faultRecords(
  scenario: Scenario,
  firedUs: ReadonlyMap<Fault, number>,
  endUs: number,
): readonly FaultRecord[] {
  return scenario.faults.map((fault, position) => {
    const struckUs = firedUs.get(fault);
    const fromUs = Math.min(beginUs(fault, struckUs), endUs);
    // Nobody is healed or started again by its fault once the liveness phase has begun, but by that phase.
    const lastUs = fault.kind === 'clockDrift' ? endUs : Math.min(endUs, scenario.durationUs);
    const toUs = Math.max(fromUs, Math.min(fromUs + lengthUs(fault, struckUs), lastUs));
    return { position, fault, fromUs, toUs, fired: struckUs !== undefined };
  });
}

function beginUs(fault: Fault, struckUs: number | undefined): number {
  if (struckUs === undefined || !('moment' in fault) || fault.moment === undefined) return fault.atUs;
  return fault.kind === 'oneWay' ? Math.max(fault.atUs, struckUs - fault.forUs) : struckUs;
}

function lengthUs(fault: Fault, struckUs: number | undefined): number {
  switch (fault.kind) {
    case 'clockDrift':
      return Infinity;
    case 'flap':
      return fault.forUs;
    case 'replace':
    case 'wipe':
    case 'grow':
    case 'shrink':
    case 'promote':
    case 'moveLeader':
    case 'wallJump':
      return (struckUs ?? fault.atUs) - fault.atUs;
    default: {
      const onUs = 'forUs' in fault ? fault.forUs : 0;
      const latentUs = 'latentUs' in fault ? fault.latentUs : 0;
      return onUs + latentUs + ('downUs' in fault ? fault.downUs : 0);
    }
  }
}
