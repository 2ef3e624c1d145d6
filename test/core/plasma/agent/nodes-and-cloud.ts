import { type AgentAct, type AgentReport } from '../../../../core/plasma/agent/protocol.ts';
import { Agent } from '../../../../core/plasma/agent/agent.ts';
import { type HypervisorAct } from '../../../../core/plasma/hypervisor.ts';
import { instanceKey } from '../../../../core/plasma/instance-key.ts';
import { type StorageRequest, type StorageResponse } from '../../../../core/plasma/storage-protocol.ts';
import { type VmId } from '../../../../core/plasma/types.ts';
import {
  defaultWatchdogConfig,
  type WatchdogEvent,
  type WatchdogResponse,
} from '../../../../core/plasma/watchdog/protocol.ts';
import { Watchdog } from '../../../../core/plasma/watchdog/watchdog.ts';
import { CrashSegments } from '../../raft/crash-segments.ts';
import { testPrng } from '../../raft/test-prng.ts';
import { type ModelCloud } from '../control-plane/model-cloud.ts';
import { ModelHypervisor, uriOf } from './model-hypervisor.ts';
import { agentConfig } from './specs.ts';

/** A compute node: its agent, its watchdog and its hypervisor. */
export class RealNode {
  readonly name: string;
  readonly hypervisor = new ModelHypervisor();
  readonly watchdog = new Watchdog(defaultWatchdogConfig);
  agent: Agent | undefined;
  acts: AgentAct[] = [];
  /** Its calls at servers that wait for an answer. */
  asked: { readonly callId: number; readonly requestId: number }[] = [];
  /** Acts until its agent dies. */
  actsLeft = Infinity;
  /** Nobody of it reaches anybody. */
  cutOff = false;
  readonly #segments = new CrashSegments();
  #gated: { readonly act: AgentAct; readonly afterSyncSeq: number }[] = [];
  #written = 0;
  #synced = 0;
  #life = 0;

  constructor(name: string) {
    this.name = name;
  }

  start(nowUs: number): void {
    if (this.agent !== undefined) return;
    this.#life += 1;
    const config = agentConfig({ node: this.name, agentBootId: `agent-${this.#life}` });
    this.agent = Agent.recover(
      { segments: this.#segments },
      { ...config, labels: { rack: this.name } },
      testPrng(this.#life),
      nowUs,
    );
  }

  crash(): void {
    this.agent = undefined;
    this.#segments.crash();
    this.acts = [];
    this.asked = [];
    this.#gated = [];
    this.#written = 0;
    this.#synced = 0;
  }

  report(report: AgentReport, nowUs: number): void {
    if (this.agent !== undefined) this.#take(this.agent.step({ kind: 'acted', report }, nowUs));
  }

  tick(nowUs: number): void {
    if (this.agent !== undefined && this.agent.deadlineUs <= nowUs)
      this.#take(this.agent.step({ kind: 'tick' }, nowUs));
  }

  sync(nowUs: number): void {
    if (this.#synced === this.#written || this.agent === undefined) return;
    this.#segments.sync();
    this.#synced = this.#written;
    this.acts.push(...this.#gated.splice(0).map(({ act }) => act));
    this.#take(this.agent.step({ kind: 'synced', syncSeq: this.#synced }, nowUs));
  }

  #take(effects: ReturnType<Agent['step']>): void {
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        for (const append of effect.appends) this.#segments.append(append);
        this.#written = effect.syncSeq;
      } else if (effect.kind === 'removeSegments') {
        for (const file of effect.files) this.#segments.remove(file);
      } else if (effect.kind === 'act') {
        if (effect.afterSyncSeq > this.#synced) this.#gated.push(effect);
        else this.acts.push(effect.act);
      }
    }
  }
}

/** Nodes under a control plane, on one clock, with a storage node beside them. */
export class NodesAndCloud {
  readonly cloud: ModelCloud;
  readonly nodes: readonly RealNode[];
  readonly violations: string[] = [];
  readonly #newest = new Map<string, number>();
  /** Where each process that is on its way is going. */
  readonly #destinations = new Map<string, string>();

  constructor(cloud: ModelCloud, names: readonly string[]) {
    this.cloud = cloud;
    cloud.elect();
    this.nodes = names.map((name) => new RealNode(name));
    for (const node of this.nodes) node.start(cloud.nowUs);
    this.settle();
  }

  node(name: string): RealNode {
    const node = this.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  /** Names of the nodes on which a guest of it executes. */
  runningOn(vm: VmId): readonly string[] {
    return this.nodes
      .filter(({ hypervisor }) => hypervisor.of(vm)?.state === 'running')
      .map(({ name }) => name);
  }

  /** Its agent dies when so many more of its acts have been carried out. */
  crashAfter(name: string, acts: number): void {
    this.node(name).actsLeft = acts;
    this.settle();
  }

  advance(us: number): void {
    const stepUs = 20_000;
    for (let passedUs = 0; passedUs < us; passedUs += stepUs) {
      this.cloud.advance(stepUs);
      this.settle();
    }
  }

  settle(): void {
    for (let turns = 0; this.#turn(); turns += 1) {
      if (turns > 10_000) throw new Error('the nodes never come to rest');
    }
  }

  #turn(): boolean {
    this.cloud.settle();
    const { nowUs } = this.cloud;
    let moved = false;
    for (const node of this.nodes) {
      node.tick(nowUs);
      if (node.watchdog.deadlineUs <= nowUs) this.#watchdog(node, { kind: 'tick' });
      node.sync(nowUs);
      moved = this.#hear(node) || moved;
      for (let act = node.acts.shift(); act !== undefined; act = node.acts.shift()) {
        moved = true;
        if (node.actsLeft === 0) {
          node.actsLeft = Infinity;
          node.crash();
          break;
        }
        node.actsLeft -= 1;
        this.#act(node, act);
      }
      this.#look();
    }
    return moved;
  }

  /** What servers have answered. */
  #hear(node: RealNode): boolean {
    const answered = node.asked.filter(({ requestId }) => this.cloud.answer(requestId) !== undefined);
    node.asked = node.asked.filter((asked) => !answered.includes(asked));
    for (const { callId, requestId } of answered) {
      const response = this.cloud.answer(requestId) as Extract<
        AgentReport,
        { kind: 'serverAnswered' }
      >['response'];
      if (!node.cutOff) node.report({ kind: 'serverAnswered', callId, response }, this.cloud.nowUs);
    }
    return answered.length > 0;
  }

  #act(node: RealNode, act: AgentAct): void {
    const { nowUs } = this.cloud;
    switch (act.kind) {
      case 'hypervisor':
        this.#hypervisorAct(node, act.act);
        return;
      case 'callServer': {
        const call = { service: 'agent', request: act.request } as const;
        if (node.cutOff) return;
        const requestId = this.cloud.send(act.server, call, `photon://plasma/${node.name}`);
        node.asked.push({ callId: act.callId, requestId });
        return;
      }
      case 'callStorage':
        if (node.cutOff) return;
        node.report(
          { kind: 'storageAnswered', callId: act.callId, response: this.#storage(act.request) },
          nowUs,
        );
        return;
      case 'callWatchdog': {
        const response = this.#watchdog(node, { kind: 'requested', requestId: 1, request: act.request });
        if (response !== undefined)
          node.report({ kind: 'watchdogAnswered', callId: act.callId, response }, nowUs);
        return;
      }
    }
  }

  #hypervisorAct(node: RealNode, act: HypervisorAct): void {
    const { nowUs } = this.cloud;
    if (act.kind === 'migrateOut') this.#destinations.set(instanceKey(act.instance), act.uri);
    const handsOver = act.kind === 'handOver' && node.hypervisor.processes.has(instanceKey(act.instance));
    for (const report of node.hypervisor.act(act)) node.report({ kind: 'hypervisor', report }, nowUs);
    if (handsOver) this.#arrive(this.#destinations.get(instanceKey(act.instance)) ?? '', act.instance.vm);
  }

  #arrive(uri: string, vm: VmId): void {
    for (const node of this.nodes) {
      const process = node.hypervisor.of(vm);
      if (process?.state !== 'incoming' || uriOf(process.instance) !== uri) continue;
      process.state = process.standsOnArrival ? 'paused' : 'running';
      const report = { kind: 'arrived', instance: process.instance } as const;
      node.report({ kind: 'hypervisor', report }, this.cloud.nowUs);
    }
  }

  #watchdog(node: RealNode, event: WatchdogEvent): WatchdogResponse | undefined {
    const { nowUs } = this.cloud;
    let response: WatchdogResponse | undefined;
    for (const effect of node.watchdog.step(event, nowUs)) {
      if (effect.kind === 'reply') {
        response = effect.response;
        continue;
      }
      const { instance } = effect.act;
      for (const report of node.hypervisor.end(instance, 'killed'))
        node.report({ kind: 'hypervisor', report }, nowUs);
      node.watchdog.step({ kind: 'acted', report: { kind: 'gone', instance } }, nowUs);
    }
    return response;
  }

  #storage(request: StorageRequest): StorageResponse {
    if (request.kind === 'createDisk') return { kind: 'created' };
    if (request.kind === 'closeExport') return { kind: 'closed' };
    if (request.kind !== 'openExport') return { kind: 'fenced' };
    const newest = this.#newest.get(request.disk) ?? 0;
    if (request.fenceToken < newest)
      return { kind: 'refused', code: 'STALE_TOKEN', message: `newest is ${newest}`, newest };
    if (request.activate) this.#newest.set(request.disk, request.fenceToken);
    return { kind: 'opened', uri: `nbd:${request.disk}`, sizeBytes: 1_048_576 };
  }

  /** No virtual machine executes in two places. */
  #look(): void {
    const seen = new Map<VmId, string>();
    for (const { name, hypervisor } of this.nodes) {
      for (const { instance, state } of hypervisor.processes.values()) {
        if (state !== 'running') continue;
        const other = seen.get(instance.vm);
        if (other !== undefined)
          this.violations.push(`${instance.vm} executes on ${other} and ${name} at ${this.cloud.nowUs}`);
        seen.set(instance.vm, name);
      }
      this.violations.push(...hypervisor.violations.splice(0));
    }
  }
}
