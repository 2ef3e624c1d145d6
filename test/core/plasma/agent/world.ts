import { type Prng } from '../../../../core/base/prng.ts';
import { Agent } from '../../../../core/plasma/agent/agent.ts';
import {
  type AgentAct,
  type AgentEffect,
  type AgentEvent,
  type AgentReport,
} from '../../../../core/plasma/agent/protocol.ts';
import { type HypervisorAct } from '../../../../core/plasma/hypervisor.ts';
import { vmKey } from '../../../../core/plasma/agent/vm.ts';
import { instanceKey } from '../../../../core/plasma/instance-key.ts';
import { type StorageRequest, type StorageResponse } from '../../../../core/plasma/storage-protocol.ts';
import { type InstanceId } from '../../../../core/plasma/types.ts';
import { defaultWatchdogConfig, type WatchdogEvent } from '../../../../core/plasma/watchdog/protocol.ts';
import { Watchdog } from '../../../../core/plasma/watchdog/watchdog.ts';
import { CrashSegments } from '../../raft/crash-segments.ts';
import { testPrng } from '../../raft/test-prng.ts';
import { ModelHypervisor, type ModelProcess } from './model-hypervisor.ts';
import { ModelServer } from './model-server.ts';
import { agentConfig } from './specs.ts';

/**
 * A node with its agent, its watchdog and its hypervisor, a server and a storage node, on one clock: everything takes its time,
 * and goes wrong as it is told to. Sees what a node must never do.
 */
export class World {
  nowUs = 1_000_000;
  readonly hypervisor: ModelHypervisor;
  readonly server = new ModelServer();
  readonly violations: string[] = [];
  /** In a hundred: calls that are lost on the way, there or back; answers that come again, or after a call's time. */
  lossPercent = 0;
  /** Nobody reaches the servers. */
  cutOff = false;
  readonly #segments = new CrashSegments();
  readonly #watchdog = new Watchdog(defaultWatchdogConfig);
  readonly #prng: Prng;
  readonly #newestTokens = new Map<string, number>();
  #queue: { readonly atUs: number; readonly order: number; readonly happen: () => void }[] = [];
  #order = 0;
  #agent: Agent | undefined;
  #life = 0;
  #syncing = false;
  #writtenSeq = 0;
  #syncedSeq = 0;
  #gated: { readonly act: AgentAct; readonly afterSyncSeq: number }[] = [];
  readonly #underWay = new Set<HypervisorAct>();
  #watchdogCalls = new Map<number, (response: AgentReport) => void>();
  #nextWatchdogCall = 1;

  constructor(seed: number) {
    this.#prng = testPrng(seed);
    this.hypervisor = new ModelHypervisor((process) => this.#started(process));
    this.start();
  }

  start(): void {
    if (this.#agent !== undefined) return;
    this.#life += 1;
    this.#syncing = false;
    this.#writtenSeq = 0;
    this.#syncedSeq = 0;
    this.#gated = [];
    const config = agentConfig({ agentBootId: `agent-${this.#life}` });
    this.#agent = Agent.recover({ segments: this.#segments }, config, this.#prng.fork('agent'), this.nowUs);
    this.#step({ kind: 'tick' });
  }

  /** The agent's process ends; what it had asked for may still happen, or not. */
  crash(): void {
    this.#agent = undefined;
    this.#life += 1;
    this.#segments.crash(this.#prng);
    // Some of it had begun, and nobody hears how it ended.
    for (const act of this.#underWay) if (this.#prng.chance(1, 2)) this.hypervisor.act(act);
    this.#underWay.clear();
  }

  run(us: number): void {
    const untilUs = this.nowUs + us;
    for (let steps = 0; ; steps += 1) {
      if (steps > 200_000) throw new Error(`the world does not go on at ${this.nowUs}`);
      this.#queue.sort((left, right) => left.atUs - right.atUs || left.order - right.order);
      const next = this.#queue[0];
      if (next === undefined || next.atUs > untilUs) break;
      this.#queue.shift();
      this.nowUs = Math.max(this.nowUs, next.atUs);
      next.happen();
      this.#look();
    }
    this.nowUs = untilUs;
  }

  get view(): Agent['view'] | undefined {
    return this.#agent?.view;
  }

  /** The guest of a process ends. */
  endGuest(process: ModelProcess, cause: 'guest-shutdown' | 'process-died'): void {
    const life = this.#life;
    for (const report of this.hypervisor.end(process.instance, cause))
      this.#after(this.#delay(), () => this.#report({ kind: 'hypervisor', report }, life));
  }

  #after(us: number, happen: () => void): void {
    this.#order += 1;
    this.#queue.push({ atUs: this.nowUs + us, order: this.#order, happen });
  }

  #delay(): number {
    return 100 + this.#prng.below(this.#prng.chance(1, 20) ? 500_000 : 5_000);
  }

  #step(event: AgentEvent): void {
    const agent = this.#agent;
    if (agent === undefined) return;
    this.#take(agent.step(event, this.nowUs));
    const { deadlineUs } = agent;
    if (deadlineUs === Infinity) return;
    const life = this.#life;
    this.#after(Math.max(0, deadlineUs - this.nowUs), () => {
      const due = this.#life === life && this.#agent !== undefined && this.#agent.deadlineUs <= this.nowUs;
      if (due) this.#step({ kind: 'tick' });
    });
  }

  #report(report: AgentReport, life: number): void {
    if (life === this.#life) this.#step({ kind: 'acted', report });
  }

  #take(effects: readonly AgentEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        for (const append of effect.appends) this.#segments.append(append);
        this.#writtenSeq = effect.syncSeq;
      } else if (effect.kind === 'removeSegments') {
        for (const file of effect.files) this.#segments.remove(file);
      } else if (effect.kind === 'act') {
        if (effect.afterSyncSeq > this.#syncedSeq) this.#gated.push(effect);
        else this.#act(effect.act);
      }
    }
    this.#sync();
  }

  #sync(): void {
    if (this.#syncing || this.#syncedSeq === this.#writtenSeq) return;
    this.#syncing = true;
    const life = this.#life;
    const covered = this.#writtenSeq;
    this.#after(this.#delay(), () => {
      if (life !== this.#life) return;
      this.#segments.sync();
      this.#syncing = false;
      this.#syncedSeq = covered;
      const free = this.#gated.filter(({ afterSyncSeq }) => afterSyncSeq <= covered);
      this.#gated = this.#gated.filter(({ afterSyncSeq }) => afterSyncSeq > covered);
      for (const { act } of free) this.#act(act);
      this.#step({ kind: 'synced', syncSeq: covered });
    });
  }

  #act(act: AgentAct): void {
    const life = this.#life;
    switch (act.kind) {
      case 'hypervisor':
        this.#underWay.add(act.act);
        this.#after(this.#delay(), () => {
          if (!this.#underWay.delete(act.act)) return;
          for (const report of this.hypervisor.act(act.act))
            this.#after(report.kind === 'exited' ? 1 : 2, () =>
              this.#report({ kind: 'hypervisor', report }, life),
            );
        });
        return;
      case 'callServer':
        this.#callServer(act, life);
        return;
      case 'callStorage':
        this.#after(this.#delay(), () => {
          const response = this.#storage(act.request);
          this.#after(this.#delay(), () =>
            this.#report({ kind: 'storageAnswered', callId: act.callId, response }, life),
          );
        });
        return;
      case 'callWatchdog':
        this.#callWatchdog(act, life);
        return;
    }
  }

  #callServer(call: AgentAct & { kind: 'callServer' }, life: number): void {
    const { callId, request, timeoutUs } = call;
    if (this.#lost()) {
      this.#after(timeoutUs, () => this.#report({ kind: 'serverFailed', callId, reason: 'no answer' }, life));
      return;
    }
    const answered = (report: AgentReport): void => {
      if (this.#lost()) return;
      const late = this.#prng.below(100) < this.lossPercent ? timeoutUs : 0;
      this.#after(this.#delay() + late, () => this.#report(report, life));
      if (this.#prng.below(100) < this.lossPercent)
        this.#after(this.#delay() + late, () => this.#report(report, life));
    };
    this.#after(this.#delay(), () =>
      this.server.ask(request, this.nowUs, (response) =>
        answered({ kind: 'serverAnswered', callId, response }),
      ),
    );
    if (request.kind === 'watchDesired') this.#after(request.waitUs, () => this.server.expireWatches());
  }

  #lost(): boolean {
    return this.cutOff || this.#prng.below(100) < this.lossPercent;
  }

  #storage(request: StorageRequest): StorageResponse {
    if (request.kind === 'createDisk') return { kind: 'created' };
    if (request.kind === 'closeExport') return { kind: 'closed' };
    if (request.kind !== 'openExport') return { kind: 'fenced' };
    const newest = this.#newestTokens.get(request.disk) ?? 0;
    if (request.fenceToken < newest)
      return { kind: 'refused', code: 'STALE_TOKEN', message: `newest is ${newest}`, newest };
    if (request.activate) this.#newestTokens.set(request.disk, request.fenceToken);
    return { kind: 'opened', uri: `nbd:${request.disk}`, sizeBytes: 1_048_576 };
  }

  #callWatchdog(call: AgentAct & { kind: 'callWatchdog' }, life: number): void {
    const { callId, request } = call;
    this.#after(this.#delay(), () => {
      const requestId = this.#nextWatchdogCall;
      this.#nextWatchdogCall += 1;
      this.#watchdogCalls.set(requestId, (report) =>
        this.#after(this.#delay(), () => this.#report(report, life)),
      );
      this.#stepWatchdog({ kind: 'requested', requestId, request }, callId);
    });
  }

  #stepWatchdog(event: WatchdogEvent, callId = 0): void {
    for (const effect of this.#watchdog.step(event, this.nowUs)) {
      if (effect.kind === 'reply') {
        const { response } = effect;
        this.#watchdogCalls.get(effect.requestId)?.({ kind: 'watchdogAnswered', callId, response });
        this.#watchdogCalls.delete(effect.requestId);
        continue;
      }
      const { instance } = effect.act;
      for (const report of this.hypervisor.end(instance, 'killed')) {
        const life = this.#life;
        this.#after(this.#delay(), () => this.#report({ kind: 'hypervisor', report }, life));
      }
      this.#after(1_000, () => this.#stepWatchdog({ kind: 'acted', report: { kind: 'gone', instance } }));
    }
    const { deadlineUs } = this.#watchdog;
    if (deadlineUs === Infinity) return;
    this.#after(Math.max(0, deadlineUs - this.nowUs), () => {
      if (this.#watchdog.deadlineUs <= this.nowUs) this.#stepWatchdog({ kind: 'tick' });
    });
  }

  /** A guest begins to execute, or goes on. */
  #started({ instance }: ModelProcess): void {
    const name = `${instance.vm} under ${instance.fenceToken}`;
    if (this.nowUs >= this.server.leaseEndUs) this.violations.push(`${name} starts without a lease`);
    if (this.#mustStop(instance) && !this.#isGuarded(instance))
      this.violations.push(`${name} starts and no watchdog guards it`);
    const givenAwayIn = this.server.givenAway.get(vmKey(instance.vm, instance.fenceToken));
    if (givenAwayIn !== undefined) this.violations.push(`${name} starts, which another node has`);
  }

  #isGuarded(instance: InstanceId): boolean {
    const answers: unknown[] = [];
    for (const effect of this.#watchdog.step(
      { kind: 'requested', requestId: 0, request: { kind: 'status' } },
      this.nowUs,
    ))
      if (effect.kind === 'reply' && effect.response.kind === 'status')
        answers.push(...effect.response.guarded.map((guarded) => instanceKey(guarded.instance)));
    return answers.includes(instanceKey(instance));
  }

  #mustStop(instance: InstanceId): boolean {
    return instance.vm.endsWith('1') || instance.vm.endsWith('2');
  }

  /** After everything that happens: what must not be. */
  #look(): void {
    for (const { instance, state } of this.hypervisor.processes.values()) {
      if (state === 'running' && this.#mustStop(instance) && this.nowUs >= this.server.leaseEndUs)
        this.violations.push(`${instance.vm} runs on without a lease at ${this.nowUs}`);
    }
  }
}
