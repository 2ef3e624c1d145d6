import { unreachable } from '../../base/assert.ts';
import { type AgentRefusal, type AgentRequest, type AgentResponse } from '../agent-protocol.ts';
import { type NodeEpoch } from '../types.ts';
import { type AgentOutput } from './agent-output.ts';
import { type AgentVms } from './agent-vms.ts';
import { type Backoff } from './backoff.ts';
import { type StepParts } from './begin-step.ts';
import { Channel } from './channel.ts';
import { type Desired } from './desired.ts';
import { type Guard } from './guard.ts';
import { takeVerdicts } from './inventory.ts';
import { type Lease } from './lease.ts';
import { type AgentConfig } from './protocol.ts';
import { Reporter } from './reporter.ts';
import { type ServerCall, ServerCalls } from './server-calls.ts';
import { type AgentPhase, type AgentView } from './view.ts';
import { type VmDriver } from './vm-driver.ts';
import { foundVmOf, reportOf } from './vm-state.ts';
import { vmKey, type AgentVm } from './vm.ts';

export interface SessionParts {
  readonly config: AgentConfig;
  readonly output: AgentOutput;
  readonly parts: StepParts;
  readonly vms: AgentVms;
  readonly lease: Lease;
  readonly guard: Guard;
  readonly driver: VmDriver;
  readonly desired: Desired;
  readonly backoff: (label: string, usMax?: number) => Backoff;
}

/**
 * An agent's life with the control plane: registration, inventory, then what is wanted, reports, and renewals of the lease,
 * with whichever server leads. An epoch that is refused as stale begins it again.
 */
export class ServerSession {
  readonly #parts: SessionParts;
  readonly #calls: ServerCalls;
  readonly #reporter = new Reporter();
  readonly #register: Channel;
  readonly #inventory: Channel;
  readonly #watch: Channel;
  readonly #report: Channel;
  readonly #renewBackoff: Backoff;
  #phase: Exclude<AgentPhase, 'inventorying'> = 'registering';
  #epoch: NodeEpoch = 0;
  #renewalSequence = 0;
  #renewAtUs = Infinity;
  #lastRefusal: string | undefined;

  constructor(parts: SessionParts) {
    const { backoff } = parts;
    this.#parts = parts;
    this.#calls = new ServerCalls(parts.config.servers);
    this.#register = new Channel(backoff('register'));
    this.#inventory = new Channel(backoff('judge'));
    this.#watch = new Channel(backoff('watch'));
    this.#report = new Channel(backoff('report'));
    this.#renewBackoff = backoff('renew', parts.config.settings.renewRetryUsMax);
  }

  get phase(): Exclude<AgentPhase, 'inventorying'> {
    return this.#phase;
  }

  get serving(): boolean {
    return this.#phase === 'serving';
  }

  get view(): Pick<AgentView, 'epoch' | 'server' | 'lastRefusal'> {
    return { epoch: this.#epoch, server: this.#calls.server, lastRefusal: this.#lastRefusal };
  }

  get deadlineUs(): number {
    const deadlineUs = Math.min(this.#calls.deadlineUs, this.#renewAtUs);
    switch (this.#phase) {
      case 'registering':
        return Math.min(deadlineUs, this.#register.deadlineUs);
      case 'judging':
        return this.#parts.driver.launching ? deadlineUs : Math.min(deadlineUs, this.#inventory.deadlineUs);
      case 'serving':
        return Math.min(
          deadlineUs,
          this.#watch.deadlineUs,
          this.#reporter.due ? this.#report.deadlineUs : Infinity,
        );
      default:
        return unreachable(this.#phase);
    }
  }

  tick(nowUs: number): void {
    for (const call of this.#calls.expired(nowUs)) this.#callFailed(call, nowUs);
    if (this.#phase === 'registering') this.#askToRegister(nowUs);
    else if (nowUs >= this.#renewAtUs) this.#renew(nowUs);
    if (this.#phase === 'judging') this.#askForVerdicts(nowUs);
    if (this.#phase === 'serving') this.#askWhatIsWanted(nowUs);
  }

  answered(callId: number, response: AgentResponse, nowUs: number): void {
    const call = this.#calls.answered(callId, response);
    if (call === undefined) return;
    // What was asked in an earlier epoch says nothing about this one.
    if (call.epoch !== this.#epoch) return;
    if (response.kind === 'refused') {
      this.#lastRefusal = `${call.request.kind}: ${response.code}: ${response.message}`;
      this.#callFailed(call, nowUs);
      this.#onRefusal(response, nowUs);
      return;
    }
    if (this.#take(call, response)) this.#lastRefusal = undefined;
    else this.#callFailed(call, nowUs);
  }

  failed(callId: number, reason: string, nowUs: number): void {
    const call = this.#calls.failed(callId);
    if (call === undefined || call.epoch !== this.#epoch) return;
    this.#lastRefusal = `${call.request.kind}: ${reason}`;
    this.#callFailed(call, nowUs);
  }

  /**
   * Takes down what servers are to be told of every virtual machine that they know of. Not before it is known what they want:
   * that none will be started can not be said before.
   */
  noteAll(): void {
    if (!this.serving || this.#parts.desired.revision === 0) return;
    for (const vm of this.#parts.vms.all) {
      const known = vm.desired !== undefined || vm.verdict === 'adopt' || vm.verdict === 'kill';
      if (known) this.#reporter.note(vmKey(vm.vm, vm.fenceToken), this.#reportOf(vm));
    }
  }

  /** Sends what has not been acknowledged. */
  report(nowUs: number): void {
    if (!this.serving || !this.#report.ready(nowUs) || !this.#reporter.due) return;
    const { sequence, vms } = this.#reporter.next(this.#parts.config.settings.reportVmsMax);
    const { node } = this.#parts.config;
    this.#call({ kind: 'report', node, epoch: this.#epoch, sequence, vms }, this.#report, nowUs);
  }

  /** What is not wanted, has been told of to the end, and has left nothing on the node. */
  forgetGone(forget: (vm: AgentVm) => void): void {
    const { vms, desired } = this.#parts;
    if (!this.serving || desired.revision === 0) return;
    for (const vm of vms.all) {
      if (vm.desired !== undefined || vm.process !== undefined || vm.pending !== undefined || vm.files)
        continue;
      const key = vmKey(vm.vm, vm.fenceToken);
      if (!this.#reporter.acknowledged(key)) continue;
      forget(vm);
      vms.remove(vm);
      this.#reporter.forget(key);
    }
  }

  #reportOf(vm: AgentVm): ReturnType<typeof reportOf> {
    return reportOf(vm, { guarded: this.#parts.driver.guarded(vm) });
  }

  #call(request: AgentRequest, channel: Channel | undefined, nowUs: number): void {
    const { config, output } = this.#parts;
    const { callTimeoutUs } = config.settings;
    const timeoutUs = callTimeoutUs + (request.kind === 'watchDesired' ? request.waitUs : 0);
    const callId = output.nextId();
    const call = this.#calls.begin({
      callId,
      request,
      sentAtUs: nowUs,
      failsAtUs: nowUs + timeoutUs,
      epoch: this.#epoch,
    });
    channel?.asked(callId);
    const act = { kind: 'callServer', callId, server: call.server, request, timeoutUs } as const;
    // Servers act on what they are told of the node: a crash of this process must not make it untrue.
    if (request.kind === 'report' || request.kind === 'inventory') output.actWhenDurable(act);
    else output.act(act);
  }

  #askToRegister(nowUs: number): void {
    if (!this.#register.ready(nowUs)) return;
    const { node, agentBootId, machineBootId, capacity, labels, accelerators, address } = this.#parts.config;
    this.#call(
      { kind: 'register', node, agentBootId, machineBootId, capacity, labels, accelerators, address },
      this.#register,
      nowUs,
    );
  }

  #askForVerdicts(nowUs: number): void {
    const { vms, driver, config } = this.#parts;
    if (!this.#inventory.ready(nowUs) || driver.launching) return;
    const found = vms.all.flatMap((vm) => foundVmOf(vm) ?? []);
    this.#call({ kind: 'inventory', node: config.node, epoch: this.#epoch, found }, this.#inventory, nowUs);
  }

  #askWhatIsWanted(nowUs: number): void {
    if (!this.#watch.ready(nowUs)) return;
    const { config, desired } = this.#parts;
    this.#call(
      {
        kind: 'watchDesired',
        node: config.node,
        epoch: this.#epoch,
        fromRevision: desired.revision,
        waitUs: config.settings.watchWaitUs,
      },
      this.#watch,
      nowUs,
    );
  }

  /** Renewals do not wait for each other: an answer that is lost costs no more than itself. */
  #renew(nowUs: number): void {
    const { config, desired } = this.#parts;
    this.#renewAtUs = nowUs + config.settings.renewIntervalUs;
    if (this.#calls.full) return;
    this.#renewalSequence += 1;
    this.#call(
      {
        kind: 'renewLease',
        node: config.node,
        epoch: this.#epoch,
        sequence: this.#renewalSequence,
        appliedRevision: desired.revision,
      },
      undefined,
      nowUs,
    );
  }

  /** @returns false for an answer to something else than was asked */
  #take(call: ServerCall, response: Exclude<AgentResponse, AgentRefusal>): boolean {
    const { request } = call;
    switch (response.kind) {
      case 'registered':
        if (request.kind !== 'register' || !this.#register.ended(call.callId)) return false;
        this.#register.succeeded();
        this.#registered(call, response);
        return true;
      case 'leaseGranted':
        if (request.kind !== 'renewLease' || request.sequence !== response.sequence) return false;
        this.#renewBackoff.succeeded();
        this.#granted(call, response.leaseTtlUs);
        return true;
      case 'inventoryJudged':
        if (request.kind !== 'inventory' || !this.#inventory.ended(call.callId)) return false;
        this.#inventory.succeeded();
        takeVerdicts(this.#parts.vms, response.verdicts);
        this.#phase = 'serving';
        return true;
      case 'desired':
        if (request.kind !== 'watchDesired' || !this.#watch.ended(call.callId)) return false;
        this.#watch.succeeded();
        this.#parts.desired.take(response.revision, response.vms);
        return true;
      case 'reportTaken':
        if (request.kind !== 'report' || request.sequence !== response.sequence) return false;
        if (!this.#report.ended(call.callId)) return false;
        this.#report.succeeded();
        this.#reporter.taken(response.sequence);
        return true;
      default:
        return unreachable(response);
    }
  }

  #registered(call: ServerCall, response: AgentResponse & { kind: 'registered' }): void {
    this.#epoch = response.epoch;
    this.#phase = 'judging';
    this.#renewAtUs = call.sentAtUs + this.#parts.config.settings.renewIntervalUs;
    this.#parts.desired.forget();
    this.#reporter.repeatAll();
    this.#inventory.reset();
    this.#watch.reset();
    this.#report.reset();
    this.#granted(call, response.leaseTtlUs);
  }

  #granted(call: ServerCall, ttlUs: number): void {
    if (this.#parts.lease.granted(call.sentAtUs, ttlUs)) this.#parts.guard.granted(call.sentAtUs, ttlUs);
  }

  #callFailed(call: ServerCall, nowUs: number): void {
    for (const channel of [this.#register, this.#inventory, this.#watch, this.#report]) {
      if (channel.ended(call.callId)) channel.failed(nowUs);
    }
    if (call.request.kind === 'renewLease' && call.epoch === this.#epoch)
      this.#renewAtUs = Math.min(this.#renewAtUs, nowUs + this.#renewBackoff.failed());
  }

  #onRefusal(refusal: AgentRefusal, nowUs: number): void {
    if (refusal.code === 'STALE_EPOCH' && this.#phase !== 'registering') {
      this.#phase = 'registering';
      this.#epoch = 0;
      this.#renewAtUs = Infinity;
      this.#register.reset();
      this.#register.failed(nowUs);
    } else if (refusal.code === 'INVENTORY_DUE' && this.#phase === 'serving') {
      this.#phase = 'judging';
    }
  }
}
