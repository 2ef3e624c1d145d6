import { compareKeys } from '../../base/bytes.ts';
import { instanceKey } from '../instance-key.ts';
import { type FenceToken, type InstanceId, type VmId } from '../types.ts';
import { occupies, newVm, vmKey, type AgentVm } from './vm.ts';

/** Every virtual machine, by id and token, that the agent has in mind. */
export class AgentVms {
  readonly #byKey = new Map<string, AgentVm>();
  /** By key, so that what is done has an order that does not depend on what happened before. */
  #sorted: AgentVm[] = [];
  #unsorted = false;

  get size(): number {
    return this.#byKey.size;
  }

  get all(): readonly AgentVm[] {
    if (this.#unsorted) {
      const keys = [...this.#byKey.keys()].sort(compareKeys);
      this.#sorted = keys.map((key) => this.#byKey.get(key) as AgentVm);
      this.#unsorted = false;
    }
    return this.#sorted;
  }

  get(vm: VmId, fenceToken: FenceToken): AgentVm | undefined {
    return this.#byKey.get(vmKey(vm, fenceToken));
  }

  add(vm: VmId, fenceToken: FenceToken): AgentVm {
    const added = newVm(vm, fenceToken);
    this.#byKey.set(vmKey(vm, fenceToken), added);
    this.#unsorted = true;
    return added;
  }

  remove(vm: AgentVm): void {
    this.#byKey.delete(vmKey(vm.vm, vm.fenceToken));
    this.#unsorted = true;
  }

  /** The one whose process is exactly this: another pid, or the same one at another time, is not. */
  withProcess(instance: InstanceId): AgentVm | undefined {
    const vm = this.get(instance.vm, instance.fenceToken);
    const found = vm?.process?.instance;
    return found !== undefined && instanceKey(found) === instanceKey(instance) ? vm : undefined;
  }

  /** The tokens under which each virtual machine is known, and how many have a process, by id. */
  families(): ReadonlyMap<VmId, VmFamily> {
    const families = new Map<VmId, VmFamily>();
    for (const vm of this.all) {
      const family = families.get(vm.vm) ?? { newestToken: 0, occupants: 0, busy: 0 };
      family.newestToken = Math.max(family.newestToken, vm.fenceToken);
      if (occupies(vm)) family.occupants += 1;
      if (vm.pending !== undefined) family.busy += 1;
      families.set(vm.vm, family);
    }
    return families;
  }
}

export interface VmFamily {
  newestToken: FenceToken;
  occupants: number;
  busy: number;
}
