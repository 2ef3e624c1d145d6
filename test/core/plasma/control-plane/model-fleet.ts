import { type DesiredVm, type VmReport } from '../../../../core/plasma/agent-protocol.ts';
import { type VmState } from '../../../../core/plasma/types.ts';
import { type ControlPlaneResponse } from '../../../../core/plasma/control-plane/protocol.ts';
import { gibibyte, type ModelCloud, second } from './model-cloud.ts';
import { reportOf } from './model-node.ts';

/** Something of a virtual machine on a node, as it truly is. */
interface Held {
  readonly vm: string;
  readonly token: number;
  readonly cpus: number;
  /** `files`: no process. `running` is the only state in which the guest executes. */
  state: 'files' | 'incoming' | 'running' | 'handing-over';
  carriedOut: number;
}

/** Before the end of its lease an agent kills what must stop; its watchdog may take this much longer than the lease. */
const agentMarginUs = 3 * second;
const killedAfterUs = 2 * second - 1;

/**
 * A node that does what it was told last, whenever it is let, and loses messages, time and its agent as a test says. Nothing
 * about it is known to the control plane but what it tells.
 */
export class FleetNode {
  readonly name: string;
  readonly cpus = 4;
  readonly #cloud: ModelCloud;
  readonly held = new Map<string, Held>();
  /** The agent of now. */
  epoch = 0;
  #judged = false;
  #desired: readonly DesiredVm[] = [];
  #told = new Map<string, DesiredVm>();
  #sequence = 0;
  #renewals = 0;
  /** When the request was sent whose answer is the lease. */
  #leaseSentUs: number | undefined;
  readonly #waiting: { readonly requestId: number; readonly take: (answer: ControlPlaneResponse) => void }[] =
    [];

  constructor(cloud: ModelCloud, name: string) {
    this.#cloud = cloud;
    this.name = name;
  }

  /** A guest that executes, by virtual machine. */
  get executing(): readonly string[] {
    return [...this.held.values()].filter(({ state }) => state === 'running').map(({ vm }) => vm);
  }

  /** Of processes, executing or not. */
  get cpusInUse(): number {
    let cpus = 0;
    for (const one of this.held.values()) if (one.state !== 'files') cpus += one.cpus;
    return cpus;
  }

  /** The next time at which something must end here. */
  get deadUs(): number {
    return this.#leaseSentUs === undefined ? Infinity : this.#leaseSentUs + this.#ttlUs + killedAfterUs;
  }

  /** Takes in what was answered, and ends what has no lease. */
  follow(): void {
    for (const waiting of [...this.#waiting]) {
      const answer = this.#cloud.answer(waiting.requestId);
      if (answer === undefined) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.take(answer);
    }
    if (this.#cloud.nowUs < this.deadUs) return;
    this.#leaseSentUs = undefined;
    for (const one of this.held.values()) if (one.state !== 'files') one.state = 'files';
  }

  register(server: number): void {
    const sentUs = this.#cloud.nowUs;
    this.#judged = false;
    this.epoch = 0;
    this.#desired = [];
    const call = {
      kind: 'register',
      node: this.name,
      agentBootId: 'a',
      machineBootId: 'm',
      capacity: {
        cpuMilli: this.cpus * 1_000,
        memoryBytes: 1_000 * gibibyte,
        diskBytes: 1_000 * gibibyte,
      },
      labels: {},
      accelerators: [],
      address: '',
    } as const;
    this.#send(server, call, (answer) => {
      if (answer.kind !== 'registered' || answer.epoch < this.epoch) return;
      this.epoch = answer.epoch;
      this.#judged = false;
      this.#hold(sentUs);
    });
  }

  inventory(server: number): void {
    const { epoch } = this;
    if (this.#judged || epoch === 0) return;
    const found = [...this.held.values()].map((one) => ({
      vm: one.vm,
      fenceToken: one.token,
      instance:
        one.state === 'files' ? undefined : { vm: one.vm, fenceToken: one.token, pid: 1, startTicks: 1 },
      state: one.state === 'files' ? ('stopped' as const) : one.state,
      generation: one.carriedOut,
    }));
    this.#send(server, { kind: 'inventory', node: this.name, epoch, found }, (answer) => {
      if (answer.kind !== 'inventoryJudged' || epoch !== this.epoch) return;
      this.#judged = true;
      for (const { vm, fenceToken, verdict } of answer.verdicts) {
        const one = this.held.get(`${vm}/${fenceToken}`);
        if (verdict === 'kill' && one !== undefined) one.state = 'files';
        if (verdict === 'orphan') throw new Error(`${vm} is not known`);
      }
    });
  }

  renew(server: number): void {
    const sentUs = this.#cloud.nowUs;
    const { epoch } = this;
    this.#renewals += 1;
    const sequence = this.#renewals;
    const call = { kind: 'renewLease', node: this.name, epoch, sequence, appliedRevision: 0 } as const;
    this.#send(server, call, (answer) => {
      if (answer.kind === 'leaseGranted' && epoch === this.epoch) this.#hold(sentUs);
      if (answer.kind === 'refused' && answer.code === 'STALE_EPOCH' && epoch === this.epoch) this.epoch = 0;
    });
  }

  watch(server: number): void {
    const { epoch } = this;
    const call = { kind: 'watchDesired', node: this.name, epoch, fromRevision: 0, waitUs: 0 } as const;
    this.#send(server, call, (answer) => {
      if (answer.kind === 'desired' && epoch === this.epoch) this.#desired = answer.vms;
    });
  }

  /** Carries out what was told last, be it old: for the virtual machine at this place, or for all. */
  act(which: number | 'all'): void {
    if (!this.#judged) return;
    for (const [at, wanted] of this.#desired.entries()) {
      if (which === 'all' || which % this.#desired.length === at) this.#carryOut(wanted);
    }
  }

  report(server: number): void {
    const { epoch } = this;
    if (!this.#judged) return;
    this.#sequence += 1;
    const vms: VmReport[] = [];
    for (const [key, wanted] of this.#told) {
      const one = this.held.get(key);
      const generation = one?.carriedOut ?? wanted.generation;
      const more = { generation, incomingUri: one?.state === 'incoming' ? `tcp:${this.name}` : undefined };
      vms.push(reportOf(wanted, this.#stateOf(one, wanted), more));
    }
    this.#send(
      server,
      { kind: 'report', node: this.name, epoch, sequence: this.#sequence, vms },
      () => undefined,
    );
  }

  get #ttlUs(): number {
    return this.#cloud.settings.nodeLeaseTtlUs;
  }

  get #mayStart(): boolean {
    const sentUs = this.#leaseSentUs;
    return sentUs !== undefined && this.#cloud.nowUs < sentUs + this.#ttlUs - agentMarginUs;
  }

  #hold(sentUs: number): void {
    this.#leaseSentUs = Math.max(this.#leaseSentUs ?? 0, sentUs);
  }

  #stateOf(one: Held | undefined, wanted: DesiredVm): VmState {
    if (one === undefined) return 'gone';
    if (one.state !== 'files') return one.state;
    const starts =
      wanted.want.kind === 'receive' || (wanted.want.kind === 'run' && wanted.want.runState !== 'stopped');
    return starts ? 'preparing' : 'stopped';
  }

  #carryOut(wanted: DesiredVm): void {
    const { id, fenceToken: token, want, spec } = wanted;
    const key = `${id}/${token}`;
    const one = this.held.get(key) ?? { vm: id, token, cpus: spec.cpus, state: 'files', carriedOut: 0 };
    const before = one.state;
    const others = [...this.held.values()].some(
      (held) => held.vm === id && held !== one && held.state !== 'files',
    );
    switch (want.kind) {
      case 'run':
        if (want.runState === 'stopped') one.state = 'files';
        else if (before !== 'running' && (!this.#mayStart || others)) return;
        else one.state = 'running';
        break;
      case 'evict':
      case 'handOver':
        one.state = 'files';
        break;
      case 'receive':
        if (!this.#mayStart || others) return;
        if (before === 'files') one.state = 'incoming';
        break;
      case 'migrate':
        if (before === 'running') one.state = 'handing-over';
        break;
      case 'abandonMigration':
        if (before === 'handing-over') {
          if (!this.#mayStart) return;
          one.state = 'running';
        }
        break;
      case 'remove':
        this.held.delete(key);
        this.#told.set(key, wanted);
        return;
    }
    one.carriedOut = wanted.generation;
    this.held.set(key, one);
    this.#told.set(key, wanted);
  }

  #send(
    server: number,
    request: Parameters<ModelCloud['agent']>[0],
    take: (answer: ControlPlaneResponse) => void,
  ): void {
    const requestId = this.#cloud.send(server, { service: 'agent', request }, `photon://plasma/${this.name}`);
    this.#waiting.push({ requestId, take });
  }
}
