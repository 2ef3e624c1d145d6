import { type AgentRequest, type AgentResponse } from '../../../../core/plasma/agent-protocol.ts';
import { type PlasmaRequest, type PlasmaResponse } from '../../../../core/plasma/api.ts';
import { type Authorizer } from '../../../../core/plasma/authorizer.ts';
import { ControlPlane } from '../../../../core/plasma/control-plane/control-plane.ts';
import {
  type ControlPlaneCall,
  type ControlPlaneEvent,
  type ControlPlaneResponse,
  type KvEffect,
  type KvLease,
  type KvOutcome,
  type StorageCall,
} from '../../../../core/plasma/control-plane/protocol.ts';
import {
  type ControlPlaneSettings,
  defaultControlPlaneSettings,
} from '../../../../core/plasma/control-plane/settings.ts';
import { type StorageRequest, type StorageResponse } from '../../../../core/plasma/storage-protocol.ts';
import { type VmSpec } from '../../../../core/plasma/types.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { ModelStore } from './model-store.ts';

type KvCall = Extract<KvEffect, { readonly kvId: number }>;

/** What becomes of a call of the store. `lost`: done, and nobody hears of it; `dropped`: not done, and nobody hears of that. */
export type KvFate = 'done' | 'lost' | 'dropped' | 'failed' | 'held';

export const second = 1_000_000;
export const gibibyte = 1_073_741_824;

class ModelServer {
  readonly machine: ControlPlane;
  readonly calls: KvCall[] = [];
  lease: KvLease | undefined;

  constructor(settings: ControlPlaneSettings, authorizer: Authorizer, nowUs: number) {
    this.machine = new ControlPlane(settings, authorizer, seededPrng(`server-${settings.server}`), nowUs);
  }
}

/** Servers of the control plane over a model of their store: no latency, and faults that a test names. */
export class ModelCloud {
  readonly store = new ModelStore();
  readonly settings: Omit<ControlPlaneSettings, 'server'>;
  readonly servers: ModelServer[] = [];
  nowUs = 0;
  /** Of each call, before it is carried out. */
  fate: (call: KvCall, server: number) => KvFate = () => 'done';
  /** Of the user `mallory` everything is refused. */
  readonly authorizer: Authorizer = {
    refuses: ({ identity }) => (identity === 'photon://user/mallory' ? 'mallory may do nothing' : undefined),
  };
  /** Calls of the storage node that are not answered yet. */
  readonly storageCalls: { readonly call: StorageCall; readonly server: number }[] = [];
  /** What the storage node says; `lost`: nobody hears it; undefined: nothing yet. */
  storage: (request: StorageRequest) => StorageResponse | 'lost' | undefined = () => ({ kind: 'deleted' });
  #requests = 0;
  readonly #answers = new Map<number, ControlPlaneResponse>();

  constructor(servers = 1, settings: Partial<ControlPlaneSettings> = {}) {
    this.settings = { ...defaultControlPlaneSettings, ...settings };
    for (let server = 0; server < servers; server += 1) {
      this.servers.push(new ModelServer({ ...this.settings, server }, this.authorizer, 0));
    }
  }

  /** Runs until some server leads. */
  elect(): number {
    for (let turn = 0; turn < 100; turn += 1) {
      const leader = this.leader();
      if (leader !== undefined) return leader;
      this.advance(second / 10);
    }
    throw new Error('nobody leads');
  }

  /** The one with the newest term. */
  leader(): number | undefined {
    let leader: number | undefined;
    let newest = 0;
    for (const [position, { machine }] of this.servers.entries()) {
      const { role, term, revision } = machine.status;
      if (role !== 'leading' || term <= newest || revision === 0) continue;
      leader = position;
      newest = term;
    }
    return leader;
  }

  restart(server: number): void {
    this.servers[server] = new ModelServer({ ...this.settings, server }, this.authorizer, this.nowUs);
  }

  /** Its lease ends in the store, whether it hears of that or not. */
  endLease(server: number, told: 'told' | 'untold'): void {
    const { lease } = this.#server(server);
    if (lease === undefined) return;
    this.store.endLease(lease);
    if (told === 'told') this.step(server, { kind: 'kvLeaseLost', lease, reason: 'it has expired' });
    this.settle();
  }

  step(server: number, event: ControlPlaneEvent): void {
    const { machine, calls } = this.#server(server);
    for (const effect of machine.step(event, this.nowUs)) {
      if (effect.kind === 'reply') this.#answers.set(effect.requestId, effect.response);
      else if (effect.kind === 'kvLeaseKeep') this.#server(server).lease = effect.lease;
      else if (effect.kind === 'callStorage') this.storageCalls.push({ call: effect, server });
      else if (effect.kind === 'kvLeaseRevoke') this.store.endLease(effect.lease);
      else calls.push(effect);
    }
  }

  /** Carries out what the servers have the store do, until nothing is left but what is held. */
  settle(): void {
    for (let turn = 0; turn < 100_000; turn += 1) {
      if (!this.#carryOutNext() && !this.#answerStorage() && !this.#tickDue()) return;
    }
    throw new Error('the servers never come to rest');
  }

  advance(us: number): void {
    const untilUs = this.nowUs + us;
    this.settle();
    for (;;) {
      let nextUs = Infinity;
      for (const { machine } of this.servers) nextUs = Math.min(nextUs, machine.deadlineUs);
      if (nextUs > untilUs) break;
      this.nowUs = Math.max(this.nowUs, nextUs);
      this.settle();
    }
    this.nowUs = untilUs;
  }

  /** @returns the number of the request; it is answered when what it waits for has happened */
  send(server: number, call: ControlPlaneCall, identity = 'photon://user/alice'): number {
    this.#requests += 1;
    this.step(server, {
      kind: 'requested',
      requestId: this.#requests,
      request: { caller: { identity }, call },
    });
    return this.#requests;
  }

  answer(requestId: number): ControlPlaneResponse | undefined {
    return this.#answers.get(requestId);
  }

  /** Asks the leader, or the server that is named, and waits for the answer. */
  user(request: PlasmaRequest, server = this.elect(), identity?: string): PlasmaResponse {
    const requestId = this.send(server, { service: 'user', request }, identity);
    this.settle();
    return this.#present(requestId) as PlasmaResponse;
  }

  agent(request: AgentRequest, server = this.elect()): AgentResponse {
    const requestId = this.send(server, { service: 'agent', request }, `photon://plasma/${request.node}`);
    this.settle();
    return this.#present(requestId) as AgentResponse;
  }

  /** It is about to stop. @returns the number under which it says that it may */
  leave(server: number): number {
    return this.send(server, { service: 'server', request: { kind: 'leave' } }, '');
  }

  #present(requestId: number): ControlPlaneResponse {
    const answer = this.#answers.get(requestId);
    if (answer === undefined) throw new Error(`request ${requestId} has no answer`);
    return answer;
  }

  #server(server: number): ModelServer {
    const found = this.servers[server];
    if (found === undefined) throw new Error(`there is no server ${server}`);
    return found;
  }

  #carryOutNext(): boolean {
    for (const [position, { calls }] of this.servers.entries()) {
      for (const [at, call] of calls.entries()) {
        const fate = this.fate(call, position);
        if (fate === 'held') continue;
        calls.splice(at, 1);
        this.step(position, { kind: 'kvAnswered', kvId: call.kvId, outcome: this.#outcome(call, fate) });
        return true;
      }
    }
    return false;
  }

  #answerStorage(): boolean {
    for (const [at, { call, server }] of this.storageCalls.entries()) {
      const response = this.storage(call.request);
      if (response === undefined) continue;
      this.storageCalls.splice(at, 1);
      const { callId } = call;
      this.step(
        server,
        response === 'lost'
          ? { kind: 'storageFailed', callId, reason: 'nobody has answered in time' }
          : { kind: 'storageAnswered', callId, response },
      );
      return true;
    }
    return false;
  }

  #outcome(call: KvCall, fate: KvFate): KvOutcome {
    if (fate === 'failed') return { kind: 'failed', reason: 'no endpoint answers' };
    const done = fate === 'dropped' ? undefined : this.store.carryOut(call);
    if (fate === 'done' && done !== undefined) return done;
    const reason = 'nobody has answered in time';
    return call.kind === 'kvRange' ? { kind: 'failed', reason } : { kind: 'unknown', reason };
  }

  #tickDue(): boolean {
    let due = false;
    for (const [position, { machine }] of this.servers.entries()) {
      if (machine.deadlineUs > this.nowUs) continue;
      this.step(position, { kind: 'tick' });
      due = true;
    }
    return due;
  }
}

export function spec(name: string, more: Partial<VmSpec> = {}): VmSpec {
  return {
    name,
    project: 'p',
    labels: {},
    cpus: 1,
    memoryBytes: gibibyte,
    disks: [],
    nics: [],
    cloudInit: undefined,
    restartPolicy: 'always',
    leasePolicy: 'must-stop',
    nodeSelector: {},
    affinity: [],
    priority: 0,
    migratable: true,
    ...more,
  };
}
