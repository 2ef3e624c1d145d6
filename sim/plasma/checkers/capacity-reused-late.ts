import { type Placement } from '../../../core/plasma/types.ts';
import { type VmRow } from '../../../core/plasma/control-plane/rows.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type PlasmaState } from '../state.ts';
import { type TrueCommit } from '../truth.ts';

/** A machine that stood still as a whole and goes on is given so long for its watchdog to have its turn. */
const wakingUsMax = 250_000;

/**
 * What a virtual machine takes of a node is given away only when it does not execute there any more, by the true clock at the time
 * of the commit: stopped, or its lease over and its process killed (invariant 8).
 *
 * Assumes that the watchdog runs, as `never-twice` does. Not verified: processes that are there and do not execute.
 */
export class CapacityReusedLate implements PlasmaChecker {
  readonly name = 'capacity-reused-late';

  onCommit({ rows }: TrueCommit, state: PlasmaState): void {
    for (const { table, before, after } of rows) {
      if (table !== 'vms' || before === undefined) continue;
      const now = after === undefined ? [] : countedPlacesOf(after as VmRow);
      for (const place of countedPlacesOf(before as VmRow)) {
        const counts = now.some(
          ({ node, fenceToken }) => node === place.node && fenceToken === place.fenceToken,
        );
        if (!counts) judge((before as VmRow).id, place, state);
      }
    }
  }
}

function judge(vm: string, { node, fenceToken }: Placement, state: PlasmaState): void {
  const there = state.cloud
    .node(node)
    .machine.instances.find(({ instance }) => instance.vm === vm && instance.fenceToken === fenceToken);
  if (there?.executing !== true || state.nowUs - state.thawedUs(node) <= wakingUsMax) return;
  const execution = state.cloud.hypervisors
    .executing()
    .find(({ instance }) => instance.vm === vm && instance.fenceToken === fenceToken);
  if (execution !== undefined && state.unwatchedUs(node) >= execution.fromUs) return;
  const detail = `${vm} executes on ${node} under token ${fenceToken}, where it counts no more`;
  throw new Violation('capacity-reused-late', detail, 'given away too early');
}

function countedPlacesOf({ placement, migration, remains, counts }: VmRow): readonly Placement[] {
  const places: Placement[] = [...remains.filter(({ alive }) => alive)];
  if (placement !== undefined && counts === 'all') places.push(placement);
  if (migration !== undefined && migration.phase !== 'handing-over') places.push(migration.to);
  return places;
}
