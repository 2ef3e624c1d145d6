import { type VmRow } from '../../../core/plasma/control-plane/rows.ts';
import { type Resources } from '../../../core/plasma/types.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type PlasmaState } from '../state.ts';
import { type TrueCommit } from '../truth.ts';

const resources = ['cpuMilli', 'memoryBytes', 'diskBytes'] as const satisfies readonly (keyof Resources)[];

/**
 * After every commit no node has more allocated than it has (invariant 1): a virtual machine counts where it is placed, where it is
 * on its way to, and where it may still have a process. Runs overcommit nothing.
 *
 * Not verified: that what does not count any more is really gone (`capacity-reused-late`).
 */
export class CapacityKept implements PlasmaChecker {
  readonly name = 'capacity-kept';

  onCommit(commit: TrueCommit, { truth }: PlasmaState): void {
    if (!commit.rows.some(({ table }) => table === 'vms')) return;
    const allocated = new Map<string, Record<keyof Resources, number>>();
    for (const row of truth.vms.values()) {
      for (const node of nodesOf(row)) {
        const sum = allocated.get(node) ?? { cpuMilli: 0, memoryBytes: 0, diskBytes: 0 };
        const takes = demandOf(row);
        for (const resource of resources) sum[resource] += takes[resource];
        allocated.set(node, sum);
      }
    }
    for (const [node, sum] of allocated) {
      const capacity = truth.nodes.get(node)?.capacity;
      if (capacity === undefined) throw new Violation('capacity-kept', `${node} is used, and not known`);
      for (const resource of resources) {
        if (sum[resource] <= capacity[resource]) continue;
        const detail = `${node} has ${sum[resource]} ${resource} allocated, of ${capacity[resource]}`;
        throw new Violation('capacity-kept', detail, `too much ${resource}`);
      }
    }
  }
}

/** Two places on one node are two. */
function nodesOf({ placement, migration, remains }: VmRow): readonly string[] {
  const places = [...remains.filter(({ alive }) => alive)];
  const nodes = places.map(({ node }) => node);
  if (placement !== undefined) nodes.push(placement.node);
  if (migration !== undefined && migration.phase !== 'handing-over') nodes.push(migration.to.node);
  return nodes;
}

function demandOf({ spec, counts }: VmRow): Resources {
  let diskBytes = 0;
  for (const disk of spec.disks) if (disk.kind === 'local') diskBytes += disk.sizeBytes;
  if (counts === 'disk') return { cpuMilli: 0, memoryBytes: 0, diskBytes };
  return { cpuMilli: spec.cpus * 1_000, memoryBytes: spec.memoryBytes, diskBytes };
}
