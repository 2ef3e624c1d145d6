import { present } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { ScheduledFaults } from '../faults/scheduled-faults.ts';
import { type FaultedProcess, type FaultStageOptions } from '../faults/stage.ts';
import { type PlasmaFault } from './plan.ts';

/** Faults of a cloud, which has nothing that others cannot suffer, too. */
export class PlasmaFaults extends ScheduledFaults<FaultedProcess, PlasmaFault> {
  constructor(
    options: Omit<FaultStageOptions<FaultedProcess>, 'cluster'> & {
      readonly targets: readonly FaultedProcess[];
      readonly prng: Prng;
    },
  ) {
    const { targets, ...rest } = options;
    const byNode = new Map<NodeId, FaultedProcess>(targets.map((target) => [target.node, target]));
    const cluster = {
      // Machines come last in the list of targets, and are the first to be started.
      processes: [...targets].reverse(),
      process: (node: NodeId) => present(byNode.get(node), `something of the cloud, not ${node}`),
    };
    super({ ...rest, cluster });
  }

  protected override begin(fault: PlasmaFault, prng: Prng): void {
    this.beginCommon(fault, prng);
  }
}
