import { type Fault, type Scenario } from '../../sim/types.ts';
import { type FaultRecord } from './types.ts';

/**
 * When the faults of a schedule were in force. One that waits for its moment begins when it strikes; with the safety phase
 * every fault of the network and the disks ends; a clock keeps the drift that it was given.
 *
 * @param firedUs when each fault had an effect for the first time
 */
export function faultRecords(
  scenario: Scenario,
  firedUs: ReadonlyMap<Fault, number>,
  endUs: number,
): readonly FaultRecord[] {
  return scenario.faults.map((fault, position) => {
    const struckUs = firedUs.get(fault);
    const awaited = 'moment' in fault && fault.moment !== undefined && !('forUs' in fault);
    const fromUs = Math.min(awaited ? (struckUs ?? fault.atUs) : fault.atUs, endUs);
    const lastUs = 'forUs' in fault ? Math.min(endUs, scenario.durationUs) : endUs;
    const toUs = Math.max(fromUs, Math.min(fromUs + lengthUs(fault), lastUs));
    return { position, fault, fromUs, toUs, fired: struckUs !== undefined };
  });
}

function lengthUs(fault: Fault): number {
  if ('forUs' in fault) return fault.forUs;
  return 'downUs' in fault ? fault.downUs : Infinity;
}
