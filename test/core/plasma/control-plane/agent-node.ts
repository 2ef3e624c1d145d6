import { Agent } from '../../../../core/plasma/agent/agent.ts';
import {
  type AgentAct,
  type AgentEffect,
  type AgentEvent,
  type AgentReport,
} from '../../../../core/plasma/agent/protocol.ts';
import { type StorageRequest, type StorageResponse } from '../../../../core/plasma/storage-protocol.ts';
import { type InstanceId } from '../../../../core/plasma/types.ts';
import { defaultWatchdogConfig, type WatchdogEvent } from '../../../../core/plasma/watchdog/protocol.ts';
import { Watchdog } from '../../../../core/plasma/watchdog/watchdog.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { CrashSegments } from '../../raft/crash-segments.ts';
import { ModelHypervisor } from '../agent/model-hypervisor.ts';
import { agentConfig } from '../agent/specs.ts';
import { type ModelCloud, second } from './model-cloud.ts';

/** Agents and watchdogs as they are, with models of their hypervisors, over servers as they are: disks and calls take no time. */
export class AgentFleet {
  readonly cloud: ModelCloud;
  readonly nodes: readonly AgentNode[];
  /** Of shared disks. */
  readonly newestTokens = new Map<string, number>();

  constructor(cloud: ModelCloud, nodes: number) {
    this.cloud = cloud;
    cloud.elect();
    this.nodes = Array.from({ length: nodes }, (_, at) => new AgentNode(this, `node-${at + 1}`));
    this.run(second);
  }

  node(number: number): AgentNode {
    const node = this.nodes[number - 1];
    if (node === undefined) throw new Error(`there is no node ${number}`);
    return node;
  }

  /** Guests that execute, by virtual machine and token. */
  get executing(): readonly string[] {
    return this.nodes.flatMap(({ hypervisor }) =>
      [...hypervisor.processes.values()]
        .filter(({ state }) => state === 'running')
        .map(({ instance }) => `${instance.vm}/${instance.fenceToken}`),
    );
  }

  run(us: number): void {
    const untilUs = this.cloud.nowUs + us;
    for (;;) {
      this.#settle();
      let nextUs = untilUs;
      for (const node of this.nodes) nextUs = Math.min(nextUs, Math.max(node.deadlineUs, this.cloud.nowUs));
      for (const { machine } of this.cloud.servers) {
        nextUs = Math.min(nextUs, Math.max(machine.deadlineUs, this.cloud.nowUs));
      }
      if (nextUs >= untilUs) break;
      this.cloud.advance(nextUs - this.cloud.nowUs);
    }
    this.cloud.advance(untilUs - this.cloud.nowUs);
    this.#settle();
  }

  /** The state of a virtual machine has reached the node that waits for it. */
  handedOver(vm: string): void {
    for (const node of this.nodes) node.arrive(vm);
  }

  #settle(): void {
    for (let turn = 0; turn < 10_000; turn += 1) {
      this.cloud.settle();
      let moved = false;
      for (const node of this.nodes) moved = node.turn() || moved;
      this.#look();
      if (!moved) return;
    }
    throw new Error('the agents never come to rest');
  }

  #look(): void {
    const vms = this.executing.map((guest) => guest.split('/')[0]);
    if (new Set(vms).size < vms.length) throw new Error(`executes twice: ${this.executing.join(', ')}`);
    for (const { hypervisor, name } of this.nodes) {
      if (hypervisor.violations.length > 0) throw new Error(`${name}: ${hypervisor.violations.join('; ')}`);
    }
  }
}

export class AgentNode {
  readonly name: string;
  readonly hypervisor = new ModelHypervisor();
  /** It reaches no server, and none of its calls is answered. */
  cutOff = false;
  readonly #fleet: AgentFleet;
  readonly #segments = new CrashSegments();
  readonly #watchdog = new Watchdog(defaultWatchdogConfig);
  #agent: Agent;
  #life = 1;
  #acts: AgentAct[] = [];
  #gated: { readonly act: AgentAct; readonly afterSyncSeq: number }[] = [];
  #writtenSeq = 0;
  #syncedSeq = 0;
  #calls: { readonly requestId: number; readonly callId: number; readonly dueUs: number }[] = [];

  constructor(fleet: AgentFleet, name: string) {
    this.#fleet = fleet;
    this.name = name;
    this.#agent = this.#recover();
  }

  get deadlineUs(): number {
    let deadlineUs = Math.min(this.#agent.deadlineUs, this.#watchdog.deadlineUs);
    for (const { dueUs } of this.#calls) deadlineUs = Math.min(deadlineUs, dueUs);
    return deadlineUs;
  }

  /** The agent's process ends and starts again; guests go on. */
  restart(): void {
    this.#segments.crash();
    this.#life += 1;
    this.#acts = [];
    this.#gated = [];
    this.#calls = [];
    this.#writtenSeq = 0;
    this.#syncedSeq = 0;
    this.#agent = this.#recover();
  }

  /** @returns whether anything has happened */
  turn(): boolean {
    if (this.#watchdog.deadlineUs <= this.#fleet.cloud.nowUs) {
      this.#stepWatchdog({ kind: 'tick' });
      return true;
    }
    if (this.#agent.deadlineUs <= this.#fleet.cloud.nowUs) {
      this.#step({ kind: 'tick' });
      return true;
    }
    if (this.#syncedSeq < this.#writtenSeq) {
      this.#sync();
      return true;
    }
    const act = this.#acts.shift();
    if (act !== undefined) {
      this.#carryOut(act);
      return true;
    }
    return this.#takeAnswers();
  }

  arrive(vm: string): void {
    const process = this.hypervisor.of(vm);
    if (process?.state !== 'incoming') return;
    process.state = process.standsOnArrival ? 'paused' : 'running';
    this.#report({ kind: 'hypervisor', report: { kind: 'arrived', instance: process.instance } });
  }

  endGuest(instance: InstanceId): void {
    for (const report of this.hypervisor.end(instance, 'process-died')) {
      this.#report({ kind: 'hypervisor', report });
    }
  }

  #recover(): Agent {
    const { cloud } = this.#fleet;
    const config = agentConfig({
      node: this.name,
      agentBootId: `${this.name}-${this.#life}`,
      servers: cloud.servers.length,
      address: `${this.name}:7071`,
      labels: { rack: this.name },
    });
    const prng = seededPrng(`${this.name} ${this.#life}`);
    return Agent.recover({ segments: this.#segments }, config, prng, cloud.nowUs);
  }

  #step(event: AgentEvent): void {
    this.#take(this.#agent.step(event, this.#fleet.cloud.nowUs));
  }

  #report(report: AgentReport): void {
    this.#step({ kind: 'acted', report });
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
        else this.#acts.push(effect.act);
      } else {
        throw new Error(effect.reason);
      }
    }
  }

  #sync(): void {
    this.#segments.sync();
    this.#syncedSeq = this.#writtenSeq;
    this.#acts.push(...this.#gated.map(({ act }) => act));
    this.#gated = [];
    this.#step({ kind: 'synced', syncSeq: this.#syncedSeq });
  }

  #carryOut(act: AgentAct): void {
    const { callId } = 'callId' in act ? act : { callId: 0 };
    switch (act.kind) {
      case 'hypervisor':
        for (const report of this.hypervisor.act(act.act)) this.#report({ kind: 'hypervisor', report });
        if (act.act.kind === 'handOver') this.#fleet.handedOver(act.act.instance.vm);
        break;
      case 'callServer': {
        const { cloud } = this.#fleet;
        const call = { service: 'agent', request: act.request } as const;
        const requestId = this.cutOff ? 0 : cloud.send(act.server, call, `photon://plasma/${this.name}`);
        this.#calls.push({ requestId, callId, dueUs: cloud.nowUs + act.timeoutUs });
        break;
      }
      case 'callStorage':
        this.#report({ kind: 'storageAnswered', callId, response: this.#storage(act.request) });
        break;
      case 'callWatchdog':
        this.#stepWatchdog({ kind: 'requested', requestId: callId, request: act.request });
        break;
    }
  }

  #stepWatchdog(event: WatchdogEvent): void {
    for (const effect of this.#watchdog.step(event, this.#fleet.cloud.nowUs)) {
      if (effect.kind === 'reply') {
        const { requestId: callId, response } = effect;
        this.#report({ kind: 'watchdogAnswered', callId, response });
        continue;
      }
      const { instance } = effect.act;
      for (const report of this.hypervisor.end(instance, 'killed')) {
        this.#report({ kind: 'hypervisor', report });
      }
      this.#stepWatchdog({ kind: 'acted', report: { kind: 'gone', instance } });
    }
  }

  #takeAnswers(): boolean {
    const { cloud } = this.#fleet;
    for (const call of this.#calls) {
      const response = this.cutOff ? undefined : cloud.answer(call.requestId);
      if (response === undefined && cloud.nowUs < call.dueUs) continue;
      this.#calls = this.#calls.filter((one) => one !== call);
      const { callId } = call;
      if (response === undefined) this.#report({ kind: 'serverFailed', callId, reason: 'no answer' });
      else this.#report({ kind: 'serverAnswered', callId, response: response as never });
      return true;
    }
    return false;
  }

  #storage(request: StorageRequest): StorageResponse {
    const { newestTokens } = this.#fleet;
    if (request.kind === 'createDisk') return { kind: 'created' };
    if (request.kind !== 'openExport') return { kind: 'closed' };
    const newest = newestTokens.get(request.disk) ?? 0;
    if (request.fenceToken < newest) {
      return { kind: 'refused', code: 'STALE_TOKEN', message: `newest is ${newest}`, newest };
    }
    if (request.activate) newestTokens.set(request.disk, request.fenceToken);
    return { kind: 'opened', uri: `nbd:${request.disk}`, sizeBytes: 1_048_576 };
  }
}
