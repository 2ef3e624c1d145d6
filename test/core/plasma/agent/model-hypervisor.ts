import { type HypervisorAct, type HypervisorReport } from '../../../../core/plasma/hypervisor.ts';
import { instanceKey } from '../../../../core/plasma/instance-key.ts';
import { vmKey } from '../../../../core/plasma/agent/vm.ts';
import { type EndCause, type FenceToken, type InstanceId, type VmId } from '../../../../core/plasma/types.ts';

export interface ModelProcess {
  readonly instance: InstanceId;
  state: 'running' | 'paused' | 'incoming' | 'handing-over';
  /** Launched as paused: it stands when its state has come. */
  readonly standsOnArrival: boolean;
  handedOver: boolean;
  /** It shuts down when asked to. */
  obedient: boolean;
}

/** Ten lines of truth about what runs on a node; outlives the agent. Notes down what an agent must never have asked. */
export class ModelHypervisor {
  readonly processes = new Map<string, ModelProcess>();
  readonly files = new Map<string, { readonly vm: VmId; readonly fenceToken: FenceToken }>();
  readonly violations: string[] = [];
  /** How many of the next acts fail, kills and inventories apart. */
  failing = 0;
  obedient = true;
  launches = 0;
  #nextPid = 100;
  readonly #started: (process: ModelProcess) => void;

  /** @param started told whenever a guest begins to execute, or goes on */
  constructor(started: (process: ModelProcess) => void = () => undefined) {
    this.#started = started;
  }

  of(vm: VmId): ModelProcess | undefined {
    return [...this.processes.values()].find(({ instance }) => instance.vm === vm);
  }

  /** What came of the act, in the order in which it is told. */
  act(act: HypervisorAct): readonly HypervisorReport[] {
    const { actId } = act;
    if (act.kind === 'inventory') return [this.#inventory(actId)];
    if (act.kind === 'kill') return [...this.end(act.instance, 'killed'), { kind: 'done', actId }];
    if (this.failing > 0) {
      this.failing -= 1;
      return [{ kind: 'failed', actId, message: 'told to fail' }];
    }
    switch (act.kind) {
      case 'prepare':
        this.files.set(vmKey(act.vm, act.fenceToken), { vm: act.vm, fenceToken: act.fenceToken });
        return [{ kind: 'done', actId }];
      case 'launch':
        return [this.#launch(act)];
      case 'remove':
        if (this.of(act.vm)?.instance.fenceToken === act.fenceToken)
          this.violations.push(`files of a process that is there are removed: ${act.vm}`);
        this.files.delete(vmKey(act.vm, act.fenceToken));
        return [{ kind: 'done', actId }];
      default: {
        const process = this.processes.get(instanceKey(act.instance));
        if (process === undefined) return [{ kind: 'failed', actId, message: 'no such process' }];
        return this.#actOn(process, act);
      }
    }
  }

  end(instance: InstanceId, cause: EndCause): readonly HypervisorReport[] {
    if (!this.processes.delete(instanceKey(instance))) return [];
    return [{ kind: 'exited', instance, cause }];
  }

  #inventory(actId: number): HypervisorReport {
    return {
      kind: 'inventoried',
      actId,
      instances: [...this.processes.values()].map(({ instance, state }) => ({
        instance,
        state,
        incomingUri: state === 'incoming' ? uriOf(instance) : undefined,
      })),
      files: [...this.files.values()],
      images: [],
    };
  }

  #launch(act: HypervisorAct & { kind: 'launch' }): HypervisorReport {
    if (this.of(act.vm) !== undefined) {
      this.violations.push(`${act.vm} is launched beside another process of it`);
      return { kind: 'failed', actId: act.actId, message: 'one is alive' };
    }
    if (!this.files.has(vmKey(act.vm, act.fenceToken)))
      this.violations.push(`${act.vm} is launched without having been prepared`);
    const pid = this.#nextPid;
    this.#nextPid += 1;
    this.launches += 1;
    const instance = { vm: act.vm, fenceToken: act.fenceToken, pid, startTicks: 10 * pid };
    const process: ModelProcess = {
      instance,
      state: act.incoming ? 'incoming' : act.paused ? 'paused' : 'running',
      standsOnArrival: act.paused,
      handedOver: false,
      obedient: this.obedient,
    };
    this.processes.set(instanceKey(instance), process);
    if (process.state === 'running') this.#started(process);
    const incomingUri = act.incoming ? uriOf(instance) : undefined;
    return { kind: 'launched', actId: act.actId, instance, incomingUri };
  }

  #actOn(
    process: ModelProcess,
    act: Exclude<HypervisorAct, { kind: 'inventory' | 'kill' | 'prepare' | 'launch' | 'remove' }>,
  ): readonly HypervisorReport[] {
    const { actId, instance } = act;
    const done: HypervisorReport = { kind: 'done', actId };
    switch (act.kind) {
      case 'pause':
        process.state = 'paused';
        return [done];
      case 'resume':
        if (process.handedOver || process.state === 'incoming')
          return [{ kind: 'failed', actId, message: `it is ${process.state}` }];
        process.state = 'running';
        this.#started(process);
        return [done];
      case 'powerDown':
        return process.obedient && process.state === 'running'
          ? [done, ...this.end(instance, 'guest-shutdown')]
          : [done];
      case 'migrateOut':
        process.state = 'handing-over';
        return [done, { kind: 'stoppedBeforeHandOver', instance }];
      case 'cancelMigration':
        if (process.handedOver) return [{ kind: 'failed', actId, message: 'it has handed over' }];
        process.state = 'running';
        this.#started(process);
        return [done];
      case 'handOver':
        process.handedOver = true;
        return [...this.end(instance, 'migrated'), done];
      default:
        return [done];
    }
  }
}

export function uriOf({ pid }: InstanceId): string {
  return `unix:/run/${pid}`;
}
