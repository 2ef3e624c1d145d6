import { type Prng } from '../../base/prng.ts';
import { type Machine } from '../../base/machine.ts';
import { type AgentConfig, type AgentEffect, type AgentEvent, type AgentPorts } from './protocol.ts';
import { type AgentView } from './view.ts';

/**
 * The agent of a compute node: brings what runs there to what the control plane wants, through the node's hypervisor, and lets
 * no virtual machine that must stop run without a lease of its node.
 *
 * Its start: the hypervisor's inventory, registration (a new epoch, and a lease that is counted from when it was asked for), the
 * inventory to the server and its verdicts, then what is wanted. Nothing is started before the verdicts.
 */
export class Agent implements Machine<AgentEvent, AgentEffect> {
  /** The same for the first start and every other one: the journal says what was intended, the hypervisor what is. */
  static recover(ports: AgentPorts, config: AgentConfig, prng: Prng, nowUs: number): Agent {
    return new Agent(ports, config, prng, nowUs);
  }

  private constructor(_ports: AgentPorts, _config: AgentConfig, _prng: Prng, _nowUs: number) {
    throw new Error('not there yet');
  }

  get deadlineUs(): number {
    throw new Error('not there yet');
  }

  get view(): AgentView {
    throw new Error('not there yet');
  }

  step(_event: AgentEvent, _nowUs: number): readonly AgentEffect[] {
    throw new Error('not there yet');
  }
}
