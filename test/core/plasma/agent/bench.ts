import {
  type AgentRequest,
  type AgentResponse,
  type DesiredVm,
} from '../../../../core/plasma/agent-protocol.ts';
import { Agent } from '../../../../core/plasma/agent/agent.ts';
import {
  type AgentAct,
  type AgentConfig,
  type AgentEffect,
  type AgentReport,
} from '../../../../core/plasma/agent/protocol.ts';
import { type HypervisorAct, type HypervisorReport } from '../../../../core/plasma/hypervisor.ts';
import { type StorageRequest, type StorageResponse } from '../../../../core/plasma/storage-protocol.ts';
import { type GuardedInstance, type WatchdogRequest } from '../../../../core/plasma/watchdog/protocol.ts';
import { testPrng } from '../../raft/test-prng.ts';
import { CrashSegments } from '../../raft/crash-segments.ts';
import { ModelHypervisor } from './model-hypervisor.ts';
import { agentConfig } from './specs.ts';

export const ttlUs = 10_000_000;
const startUs = 1_000_000;

/** What the agent asks of servers, storage and the watchdog, taken out of its acts. */
export type Asked = Extract<AgentAct, { kind: 'callServer' | 'callStorage' | 'callWatchdog' }>;

/**
 * An agent on a bench: every effect comes out and waits, every report is put in by hand, or, for what a test is not about, by
 * `settle`. Syncs end when `sync` says so, and acts that wait for them come out then.
 */
export class Bench {
  readonly segments = new CrashSegments();
  readonly hypervisor = new ModelHypervisor();
  readonly removed: string[] = [];
  config: AgentConfig;
  agent: Agent;
  nowUs = startUs;
  /** Acts that have come out and were not answered. */
  acts: AgentAct[] = [];
  epoch = 0;
  /** What the server wants, told with each watch. */
  revision = 1;
  desired: readonly DesiredVm[] = [];
  readonly told: AgentRequest[] = [];
  readonly storageAsked: StorageRequest[] = [];
  storage: (request: StorageRequest) => StorageResponse = (request) =>
    request.kind === 'openExport'
      ? { kind: 'opened', uri: `nbd:${request.disk}#${request.fenceToken}`, sizeBytes: 1_048_576 }
      : request.kind === 'createDisk'
        ? { kind: 'created' }
        : { kind: 'closed' };
  readonly watchdogAsked: WatchdogRequest[] = [];
  guardedAtStart: readonly GuardedInstance[] = [];
  verdict: 'adopt' | 'kill' | 'orphan' = 'adopt';
  /** Acts of these kinds are left in `acts` by `settle`. */
  readonly held = new Set<string>();
  #gated: { readonly act: AgentAct; readonly afterSyncSeq: number }[] = [];
  #syncedSeq = 0;
  #writtenSeq = 0;

  constructor(config: Partial<AgentConfig> = {}) {
    this.config = agentConfig(config);
    this.agent = this.#recover();
  }

  #recover(): Agent {
    return Agent.recover({ segments: this.segments }, this.config, testPrng(1), this.nowUs);
  }

  /** Kills the agent and starts it anew, on what was durable. Processes go on. */
  restart(config: Partial<AgentConfig> = {}): void {
    this.segments.crash();
    this.acts = [];
    this.#gated = [];
    this.#syncedSeq = 0;
    this.#writtenSeq = 0;
    const life = Number(this.config.agentBootId.slice('agent-'.length)) + 1;
    this.config = { ...this.config, agentBootId: `agent-${life}`, ...config };
    this.agent = this.#recover();
  }

  tick(): readonly AgentAct[] {
    return this.#take(this.agent.step({ kind: 'tick' }, this.nowUs));
  }

  report(report: AgentReport): readonly AgentAct[] {
    return this.#take(this.agent.step({ kind: 'acted', report }, this.nowUs));
  }

  hypervisorReport(report: HypervisorReport): readonly AgentAct[] {
    return this.report({ kind: 'hypervisor', report });
  }

  /** Everything that was written is durable. @returns what waited for it, and what the agent does then */
  sync(): readonly AgentAct[] {
    if (this.#syncedSeq === this.#writtenSeq) return [];
    this.segments.sync();
    this.#syncedSeq = this.#writtenSeq;
    const free = this.#gated.filter(({ afterSyncSeq }) => afterSyncSeq <= this.#syncedSeq);
    this.#gated = this.#gated.filter(({ afterSyncSeq }) => afterSyncSeq > this.#syncedSeq);
    this.acts.push(...free.map(({ act }) => act));
    const more = this.#take(this.agent.step({ kind: 'synced', syncSeq: this.#syncedSeq }, this.nowUs));
    return [...free.map(({ act }) => act), ...more];
  }

  /** Acts that wait for a sync. */
  get gated(): readonly AgentAct[] {
    return this.#gated.map(({ act }) => act);
  }

  #take(effects: readonly AgentEffect[]): readonly AgentAct[] {
    const out: AgentAct[] = [];
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        for (const append of effect.appends) this.segments.append(append);
        this.#writtenSeq = effect.syncSeq;
      } else if (effect.kind === 'removeSegments') {
        this.removed.push(...effect.files);
        for (const file of effect.files) this.segments.remove(file);
      } else if (effect.kind === 'act') {
        if (effect.afterSyncSeq > this.#syncedSeq) this.#gated.push(effect);
        else out.push(effect.act);
      } else throw new Error(effect.reason);
    }
    this.acts.push(...out);
    return out;
  }

  /** Takes the first act out for which it holds. */
  takeAct(where: (act: AgentAct) => boolean): AgentAct {
    const at = this.acts.findIndex(where);
    if (at < 0) throw new Error(`no such act among ${JSON.stringify(this.acts)}`);
    return this.acts.splice(at, 1)[0] as AgentAct;
  }

  hypervisorAct<K extends HypervisorAct['kind']>(kind: K): Extract<HypervisorAct, { kind: K }> {
    const found = this.takeAct((act) => act.kind === 'hypervisor' && act.act.kind === kind);
    if (found.kind !== 'hypervisor') throw new Error('not of the hypervisor');
    return found.act as Extract<HypervisorAct, { kind: K }>;
  }

  serverCall<K extends AgentRequest['kind']>(
    kind: K,
  ): {
    readonly callId: number;
    readonly server: number;
    readonly request: Extract<AgentRequest, { kind: K }>;
  } {
    const found = this.takeAct((act) => act.kind === 'callServer' && act.request.kind === kind);
    if (found.kind !== 'callServer') throw new Error('not of a server');
    return { ...found, request: found.request as Extract<AgentRequest, { kind: K }> };
  }

  answer(callId: number, response: AgentResponse): readonly AgentAct[] {
    return this.report({ kind: 'serverAnswered', callId, response });
  }

  /** Lets the time pass, stepping the agent whenever it wants to be, and answering for everybody. */
  pass(us: number): void {
    const untilUs = this.nowUs + us;
    this.settle();
    for (let steps = 0; this.agent.deadlineUs <= untilUs; steps += 1) {
      if (steps > 10_000) throw new Error(`time does not go on at ${this.nowUs}`);
      this.nowUs = Math.max(this.nowUs, this.agent.deadlineUs);
      this.tick();
      this.settle();
    }
    this.nowUs = untilUs;
    this.tick();
    this.settle();
  }

  /** Answers what is not held, and what comes of that, at once. */
  settle(): void {
    if (this.agent.deadlineUs <= this.nowUs) this.tick();
    for (let rounds = 0; ; rounds += 1) {
      if (rounds > 1_000) throw new Error(`never done: ${JSON.stringify(this.acts)}`);
      this.sync();
      const at = this.acts.findIndex((act) => !this.held.has(kindOf(act)));
      if (at < 0) return;
      const [act] = this.acts.splice(at, 1);
      this.#answerFor(act as AgentAct);
    }
  }

  #answerFor(act: AgentAct): void {
    switch (act.kind) {
      case 'hypervisor':
        for (const report of this.hypervisor.act(act.act)) this.hypervisorReport(report);
        return;
      case 'callServer':
        this.#answerAsServer(act.callId, act.request);
        return;
      case 'callStorage':
        this.storageAsked.push(act.request);
        this.report({ kind: 'storageAnswered', callId: act.callId, response: this.storage(act.request) });
        return;
      case 'callWatchdog': {
        const { request, callId } = act;
        this.watchdogAsked.push(request);
        this.report({
          kind: 'watchdogAnswered',
          callId,
          response:
            request.kind === 'status'
              ? { kind: 'status', guarded: this.guardedAtStart, killed: [] }
              : { kind: 'guarded', sequence: request.sequence, killed: [] },
        });
        return;
      }
    }
  }

  #answerAsServer(callId: number, request: AgentRequest): void {
    this.told.push(request);
    switch (request.kind) {
      case 'register':
        this.epoch += 1;
        this.answer(callId, { kind: 'registered', epoch: this.epoch, leaseTtlUs: ttlUs });
        return;
      case 'renewLease':
        this.answer(callId, { kind: 'leaseGranted', sequence: request.sequence, leaseTtlUs: ttlUs });
        return;
      case 'inventory': {
        const verdicts = request.found.map(({ vm, fenceToken }) => ({
          vm,
          fenceToken,
          verdict: this.verdict,
        }));
        this.answer(callId, { kind: 'inventoryJudged', verdicts });
        return;
      }
      case 'watchDesired':
        // One that nothing is new for waits on.
        if (request.fromRevision < this.revision)
          this.answer(callId, { kind: 'desired', revision: this.revision, vms: this.desired });
        else this.#waiting = callId;
        return;
      case 'report':
        this.answer(callId, { kind: 'reportTaken', sequence: request.sequence });
        return;
    }
  }

  #waiting: number | undefined;

  /** The server wants this from now on, and says so. */
  want(...desired: readonly DesiredVm[]): void {
    this.desired = desired;
    this.revision += 1;
    if (this.#waiting !== undefined)
      this.answer(this.#waiting, { kind: 'desired', revision: this.revision, vms: desired });
    this.#waiting = undefined;
  }

  /** Up to where it knows what is wanted of it. */
  serve(...desired: readonly DesiredVm[]): void {
    this.desired = desired;
    this.tick();
    this.settle();
  }

  /** The newest that was told of each virtual machine, by id. */
  get reported(): ReadonlyMap<string, Extract<AgentRequest, { kind: 'report' }>['vms'][number]> {
    const newest = new Map<string, Extract<AgentRequest, { kind: 'report' }>['vms'][number]>();
    for (const request of this.told)
      if (request.kind === 'report') for (const vm of request.vms) newest.set(vm.vm, vm);
    return newest;
  }
}

export function kindOf(act: AgentAct): string {
  return act.kind === 'hypervisor' ? act.act.kind : act.kind === 'callServer' ? act.request.kind : act.kind;
}
