import {
  type AgentResponse,
  type DesiredVm,
  type FoundVm,
  type VmReport,
} from '../../../../core/plasma/agent-protocol.ts';
import {
  type NodeEpoch,
  type Resources,
  type Revision,
  type VmState,
} from '../../../../core/plasma/types.ts';
import { gibibyte, type ModelCloud } from './model-cloud.ts';

/** An agent as the control plane sees it: does what a test says, when it says it. */
export class ModelNode {
  readonly name: string;
  readonly #cloud: ModelCloud;
  readonly #capacity: Resources;
  epoch: NodeEpoch = 0;
  revision: Revision = 0;
  desired: readonly DesiredVm[] = [];
  #sequence = 0;
  #renewals = 0;

  constructor(cloud: ModelCloud, name: string, cpus = 8) {
    this.#cloud = cloud;
    this.name = name;
    this.#capacity = { cpuMilli: cpus * 1_000, memoryBytes: 64 * gibibyte, diskBytes: 1_000 * gibibyte };
  }

  register(): AgentResponse {
    const response = this.#cloud.agent({
      kind: 'register',
      node: this.name,
      agentBootId: 'agent-boot',
      machineBootId: 'machine-boot',
      capacity: this.#capacity,
      labels: { rack: this.name.slice(-1) },
      accelerators: ['tcg'],
      address: `${this.name}:7071`,
    });
    if (response.kind === 'registered') {
      this.epoch = response.epoch;
      this.revision = 0;
    }
    return response;
  }

  inventory(found: readonly FoundVm[] = []): AgentResponse {
    return this.#cloud.agent({ kind: 'inventory', node: this.name, epoch: this.epoch, found });
  }

  /** Registers, with nothing on it, and holds a lease. */
  join(): this {
    this.register();
    this.inventory();
    return this;
  }

  renew(): AgentResponse {
    this.#renewals += 1;
    return this.#cloud.agent({
      kind: 'renewLease',
      node: this.name,
      epoch: this.epoch,
      sequence: this.#renewals,
      appliedRevision: this.revision,
    });
  }

  watch(): AgentResponse {
    const response = this.#cloud.agent({
      kind: 'watchDesired',
      node: this.name,
      epoch: this.epoch,
      fromRevision: 0,
      waitUs: 0,
    });
    if (response.kind === 'desired') {
      this.desired = response.vms;
      this.revision = response.revision;
    }
    return response;
  }

  report(...vms: readonly VmReport[]): AgentResponse {
    this.#sequence += 1;
    const sequence = this.#sequence;
    return this.#cloud.agent({ kind: 'report', node: this.name, epoch: this.epoch, sequence, vms });
  }

  /** Tells that it has carried out what is wanted of it, and what came of it. */
  tell(wanted: DesiredVm, state: VmState, more: Partial<VmReport> = {}): AgentResponse {
    return this.report(reportOf(wanted, state, more));
  }

  /** What is wanted of the only one that is wanted here, newly asked. */
  only(): DesiredVm {
    this.watch();
    const [one, ...others] = this.desired;
    if (one === undefined || others.length > 0) {
      throw new Error(`${this.desired.length} are wanted on ${this.name}`);
    }
    return one;
  }
}

export function reportOf(wanted: DesiredVm, state: VmState, more: Partial<VmReport> = {}): VmReport {
  return {
    vm: wanted.id,
    fenceToken: wanted.fenceToken,
    generation: wanted.generation,
    state,
    instance: undefined,
    cause: undefined,
    message: '',
    incomingUri: undefined,
    operations: [],
    restarts: 0,
    ...more,
  };
}
