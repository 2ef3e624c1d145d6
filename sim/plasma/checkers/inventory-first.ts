import { type HypervisorAct } from '../../../core/plasma/hypervisor.ts';
import { type NodeName } from '../../../core/plasma/types.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { nodeNameOf, agentAddress } from '../addresses.ts';
import { type PlasmaStep } from '../processes.ts';
import { type PlasmaState } from '../state.ts';

/**
 * After its start an agent launches nothing before its inventory was judged, and by the end every hypervisor process on its node is
 * one that it knows (invariant 5). It counts what agents have found and kept.
 *
 * Not verified here: that what it knows belongs there (`liveness` does), and that none is started twice (`never-twice`; two
 * processes of a virtual machine on one machine end the simulated hypervisor itself).
 */
export class InventoryFirst implements PlasmaChecker {
  readonly name = 'inventory-first';
  /** Boots of agents whose inventory was judged. */
  readonly #judged = new Map<NodeName, number>();

  onStep(step: PlasmaStep, state: PlasmaState): void {
    if (step.of !== 'agent' || step.event.kind !== 'acted') return;
    const { report } = step.event;
    if (report.kind !== 'serverAnswered' || report.response.kind !== 'inventoryJudged') return;
    const name = nodeNameOf(step.process.node - agentAddress(0));
    this.#judged.set(name, step.process.boot);
    state.counts.adopted += report.response.verdicts.filter(({ verdict }) => verdict === 'adopt').length;
  }

  onAct(node: NodeName, act: HypervisorAct, state: PlasmaState): void {
    if (act.kind !== 'launch') return;
    if (this.#judged.get(node) === state.cloud.node(node).agent.boot) return;
    const detail = `${node} launches ${act.vm} before its inventory was judged`;
    throw new Violation('inventory-first', detail, 'launched before the inventory');
  }

  onEnd({ cloud }: PlasmaState): void {
    for (const { name, machine, agent } of cloud.nodes) {
      const known = agent.machine?.view.vms ?? [];
      for (const { instance } of machine.instances) {
        const { vm, fenceToken, pid } = instance;
        if (known.some((each) => each.vm === vm && each.fenceToken === fenceToken && !each.orphan)) continue;
        const detail = `the agent of ${name} does not know process ${pid} of ${vm} under token ${fenceToken}`;
        throw new Violation('inventory-first', detail, 'a process leaks');
      }
    }
  }
}
