import { assert, unreachable } from '../../base/assert.ts';
import { type Machine } from '../../base/machine.ts';
import { type Prng } from '../../base/prng.ts';
import { type HypervisorReport } from '../hypervisor.ts';
import { type WatchdogResponse } from '../watchdog/protocol.ts';
import { AgentOutput } from './agent-output.ts';
import { AgentVms } from './agent-vms.ts';
import { Backoff } from './backoff.ts';
import { Channel } from './channel.ts';
import { Desired } from './desired.ts';
import { type EndParts } from './end-step.ts';
import { Guard } from './guard.ts';
import { markKilled, recall, takeGuarded, takeInventory } from './inventory.ts';
import { AgentJournal } from './journal.ts';
import { type StoredVm } from './journal-record.ts';
import { Lease } from './lease.ts';
import {
  type AgentConfig,
  type AgentEffect,
  type AgentEvent,
  type AgentPorts,
  type AgentReport,
} from './protocol.ts';
import { ServerSession } from './server-session.ts';
import { type AgentView } from './view.ts';
import { VmDriver } from './vm-driver.ts';
import { stateOf } from './vm-state.ts';
import { type AgentVm } from './vm.ts';

/** Attempts to ask the watchdog what it guards, at start. Without an answer nothing is known to be guarded. */
const statusAttemptsMax = 5;

/**
 * The agent of a compute node: brings what runs there to what the control plane wants, through the node's hypervisor, and lets
 * no virtual machine that must stop run without a lease of its node.
 *
 * Its start: the hypervisor's inventory, registration (a new epoch, and a lease that is counted from when it was asked for), the
 * inventory to the server and its verdicts, then what is wanted. Nothing is started before the verdicts.
 *
 * What must stop is launched as standing, given to the watchdog, and told to run once the watchdog has acknowledged it: so
 * at every moment in which its guest executes, somebody ends it in time, whatever becomes of this process.
 */
export class Agent implements Machine<AgentEvent, AgentEffect> {
  readonly #config: AgentConfig;
  readonly #output = new AgentOutput();
  readonly #journal: AgentJournal;
  readonly #vms = new AgentVms();
  readonly #lease: Lease;
  readonly #guard: Guard;
  readonly #driver: VmDriver;
  readonly #desired: Desired;
  readonly #session: ServerSession;
  readonly #inventory: Channel;
  readonly #status: Channel;
  /** What the journal knew at the start; undefined: the inventory has been taken. */
  #recalled: ReadonlyMap<AgentVm, StoredVm> | undefined;
  /** The journal has lost something. */
  readonly #damaged: boolean;
  #statusKnown = false;
  #statusAttempts = 0;
  #statusFailsAtUs = Infinity;
  /** What the watchdog has guarded since before this start is killed then, if no lease of our own is armed by that time. */
  #vouchedUntilUs = Infinity;

  /** The same for the first start and every other one: the journal says what was intended, the hypervisor what is. */
  static recover(ports: AgentPorts, config: AgentConfig, prng: Prng, _nowUs: number): Agent {
    return new Agent(ports, config, prng);
  }

  private constructor(ports: AgentPorts, config: AgentConfig, prng: Prng) {
    const { settings } = config;
    assert(config.servers >= 1, 'there is a server to ask');
    assert(settings.retryUsMin > 0, 'nothing is tried again at once');
    assert(settings.watchdogMarginUs < settings.leaseMarginUs, 'the agent kills before the watchdog does');
    this.#config = config;
    const recovered = AgentJournal.recover(ports.segments, { bytesMax: settings.journalBytesMax });
    this.#journal = recovered.journal;
    this.#recalled = recall(this.#vms, recovered);
    this.#damaged = recovered.damaged;
    this.#lease = new Lease(settings.leaseMarginUs);
    const backoff = (label: string, usMax = settings.retryUsMax): Backoff =>
      new Backoff({ usMin: settings.retryUsMin, usMax }, prng.fork(label));
    this.#guard = new Guard(
      {
        agentBootId: config.agentBootId,
        timeoutUs: settings.watchdogTimeoutUs,
        watchdogMarginUs: settings.watchdogMarginUs,
      },
      this.#lease,
      backoff('guard'),
    );
    const parts: EndParts = { settings, journal: this.#journal, output: this.#output, guard: this.#guard };
    this.#driver = new VmDriver(parts, this.#vms, this.#lease);
    this.#desired = new Desired(this.#vms, parts);
    this.#session = new ServerSession({
      config,
      output: this.#output,
      parts,
      vms: this.#vms,
      lease: this.#lease,
      guard: this.#guard,
      driver: this.#driver,
      desired: this.#desired,
      backoff,
    });
    this.#inventory = new Channel(backoff('inventory'));
    this.#status = new Channel(backoff('status'));
  }

  get deadlineUs(): number {
    const running = Math.min(this.#driver.deadlineUs, this.#guard.deadlineUs, this.#killAtUs());
    if (this.#recalled !== undefined) return Math.min(running, this.#inventory.deadlineUs);
    if (!this.#statusKnown) return Math.min(running, this.#status.deadlineUs, this.#statusFailsAtUs);
    return Math.min(running, this.#session.deadlineUs);
  }

  get view(): AgentView {
    return {
      ...this.#session.view,
      phase: this.#recalled === undefined ? this.#session.phase : 'inventorying',
      revision: this.#desired.revision,
      leaseEndUs: this.#lease.armedEndUs === -Infinity ? undefined : this.#lease.armedEndUs,
      vms: this.#vms.all.map((vm) => ({
        vm: vm.vm,
        fenceToken: vm.fenceToken,
        state: stateOf(vm, { guarded: this.#driver.guarded(vm) }),
        orphan: vm.verdict === 'orphan',
      })),
      restarts: this.#driver.restarts,
      refusedVms: this.#desired.refusedVms,
    };
  }

  step(event: AgentEvent, nowUs: number): readonly AgentEffect[] {
    switch (event.kind) {
      case 'tick':
      case 'wallClock':
        break;
      case 'synced':
        this.#journal.synced(event.syncSeq);
        break;
      case 'acted':
        this.#onReport(event.report, nowUs);
        break;
      default:
        unreachable(event);
    }
    this.#onTime(nowUs);
    return this.#takeEffects();
  }

  #onReport(report: AgentReport, nowUs: number): void {
    switch (report.kind) {
      case 'hypervisor':
        this.#onHypervisor(report.report, nowUs);
        break;
      case 'serverAnswered':
        this.#session.answered(report.callId, report.response, nowUs);
        break;
      case 'serverFailed':
        this.#session.failed(report.callId, report.reason, nowUs);
        break;
      case 'storageAnswered':
        this.#driver.storageAnswered(report.callId, report.response, nowUs);
        break;
      case 'storageFailed':
        this.#driver.storageFailed(report.callId, report.reason, nowUs);
        break;
      case 'watchdogAnswered':
        this.#onWatchdog(report.callId, report.response, nowUs);
        break;
      case 'watchdogFailed':
        if (this.#status.ended(report.callId)) this.#statusFailed(nowUs);
        else this.#guard.failed(report.callId, nowUs);
        break;
      default:
        unreachable(report);
    }
  }

  #onHypervisor(report: HypervisorReport, nowUs: number): void {
    const recalled = this.#recalled;
    if (recalled === undefined) {
      this.#driver.hypervisorReported(report, nowUs);
      return;
    }
    // Of what is told before the inventory, the inventory is newer.
    if (report.kind !== 'inventoried' && report.kind !== 'failed') return;
    if (!this.#inventory.ended(report.actId)) return;
    if (report.kind === 'failed') {
      this.#inventory.failed(nowUs);
      return;
    }
    takeInventory(this.#vms, recalled, report, {
      damaged: this.#damaged,
      restartUsMin: this.#config.settings.restartUsMin,
      nowUs,
    });
    for (const vm of this.#vms.all) this.#journal.save(vm);
    this.#recalled = undefined;
  }

  #onWatchdog(callId: number, response: WatchdogResponse, nowUs: number): void {
    if (!this.#status.ended(callId)) {
      for (const instance of this.#guard.answered(callId, response, nowUs)) markKilled(this.#vms, instance);
      return;
    }
    if (response.kind === 'status') this.#takeStatus(response, nowUs);
    else this.#statusFailed(nowUs);
  }

  /** Asked for after the inventory, so that whoever is guarded is known. */
  #takeStatus(status: WatchdogResponse & { kind: 'status' }, nowUs: number): void {
    this.#statusKnown = true;
    this.#statusFailsAtUs = Infinity;
    const { untilUs, unguarded } = takeGuarded(this.#vms, status);
    this.#vouchedUntilUs = untilUs;
    // Told, they need not be known any more.
    for (const instance of status.killed) this.#guard.release(instance);
    for (const { instance } of status.guarded)
      if (this.#vms.withProcess(instance) === undefined) this.#guard.release(instance);
    for (const vm of unguarded) this.#driver.kill(vm, 'lease-lost', nowUs);
  }

  #statusFailed(nowUs: number): void {
    this.#statusFailsAtUs = Infinity;
    this.#statusAttempts += 1;
    if (this.#statusAttempts < statusAttemptsMax) this.#status.failed(nowUs);
    else this.#takeStatus({ kind: 'status', guarded: [], killed: [] }, nowUs);
  }

  #onTime(nowUs: number): void {
    this.#guard.tick(nowUs);
    if (nowUs >= this.#statusFailsAtUs) {
      this.#status.reset();
      this.#statusFailed(nowUs);
    }
    if (nowUs >= this.#killAtUs()) this.#driver.killMustStop(nowUs);
    if (this.#recalled !== undefined) this.#askForInventory(nowUs);
    else if (this.#statusKnown) this.#session.tick(nowUs);
    else this.#askForStatus(nowUs);
    this.#driver.drive(this.#session.serving, nowUs);
    this.#askWatchdog(nowUs);
    this.#session.noteAll();
    if (this.#session.serving) this.#session.forgetGone((vm) => this.#journal.forget(vm));
    if (this.#statusKnown) this.#session.report(nowUs);
  }

  /** When what must stop is killed; `Infinity` when nothing of the kind has a process that is not being killed. */
  #killAtUs(): number {
    if (this.#driver.mustStop().length === 0) return Infinity;
    const { armedEndUs } = this.#lease;
    return armedEndUs === -Infinity ? this.#vouchedUntilUs : armedEndUs;
  }

  #askForInventory(nowUs: number): void {
    if (!this.#inventory.ready(nowUs)) return;
    const actId = this.#output.nextId();
    this.#inventory.asked(actId);
    this.#output.act({ kind: 'hypervisor', act: { kind: 'inventory', actId } });
  }

  #askForStatus(nowUs: number): void {
    if (!this.#status.ready(nowUs)) return;
    const timeoutUs = this.#config.settings.watchdogTimeoutUs;
    const callId = this.#output.nextId();
    this.#status.asked(callId);
    this.#statusFailsAtUs = nowUs + timeoutUs;
    this.#output.act({ kind: 'callWatchdog', callId, request: { kind: 'status' }, timeoutUs });
  }

  #askWatchdog(nowUs: number): void {
    const asked = this.#guard.next(this.#driver.mustStop(), () => this.#output.nextId(), nowUs);
    if (asked === undefined) return;
    const { callId, request } = asked;
    const timeoutUs = this.#config.settings.watchdogTimeoutUs;
    this.#output.act({ kind: 'callWatchdog', callId, request, timeoutUs });
  }

  #takeEffects(): readonly AgentEffect[] {
    const written = this.#journal.flush(this.#vms.all);
    return [...written, ...this.#output.take(this.#journal.gate)];
  }
}
