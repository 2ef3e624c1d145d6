import { assert, unreachable } from '../../core/base/assert.ts';
import { type ActEffect, type ReplyEffect } from '../../core/base/effects.ts';
import { between, type CapturablePrng, type Prng } from '../../core/base/prng.ts';
import { type Agent } from '../../core/plasma/agent/agent.ts';
import { type AgentAct, type AgentReport } from '../../core/plasma/agent/protocol.ts';
import { type Hypervisor, type HypervisorAct } from '../../core/plasma/hypervisor.ts';
import { type NodeName } from '../../core/plasma/types.ts';
import {
  type WatchdogAct,
  type WatchdogRequest,
  type WatchdogResponse,
} from '../../core/plasma/watchdog/protocol.ts';
import { type Watchdog } from '../../core/plasma/watchdog/watchdog.ts';
import { type ProcessEffect, type ProcessEvent } from '../process-protocol.ts';
import { type World } from '../world.ts';
import { clientAt, serverAddress, storageAddress } from './addresses.ts';
import { type SimulatedMachine } from './hypervisor-types.ts';
import { PortSurroundings } from './port-surroundings.ts';
import { type AgentProcess, type AgentTypes, type WatchdogProcess, type WatchdogTypes } from './processes.ts';
import { type PlasmaObserver, type PlasmaServers } from './servers.ts';
import { type StorageNode } from './storage-node.ts';

export interface ComputeNodeObserver extends PlasmaObserver {
  /** The agent has its hypervisor do something. */
  acting(node: NodeName, act: HypervisorAct): void;
  /** The watchdog has ended a process that was there. */
  watchdogKilled(node: NodeName): void;
}

/** What the processes of a node find around them. */
export interface NodeSurroundings {
  readonly world: World;
  readonly prng: CapturablePrng;
  readonly name: NodeName;
  readonly machine: SimulatedMachine;
  readonly watchdog: () => WatchdogProcess;
  readonly servers: PlasmaServers;
  readonly storage: StorageNode;
  readonly observer: ComputeNodeObserver;
}

/** What an agent reaches: servers and the storage node over the network, its hypervisor and its watchdog on the machine. */
export class AgentSurroundings extends PortSurroundings<Agent, AgentTypes> {
  readonly #options: NodeSurroundings;
  readonly #watchdog: WatchdogSurroundings;
  readonly #prng: Prng;
  #port: Hypervisor | undefined;

  constructor(options: NodeSurroundings, watchdog: WatchdogSurroundings) {
    super();
    this.#options = options;
    this.#watchdog = watchdog;
    this.#prng = options.prng.fork('agent surroundings');
  }

  reply(): void {
    assert(false, 'nobody asks an agent here');
  }

  act(from: AgentProcess, { act }: ActEffect<AgentAct>): void {
    switch (act.kind) {
      case 'hypervisor':
        this.#options.observer.acting(this.#options.name, act.act);
        this.#hypervisor(from).act(act.act);
        break;
      case 'callServer':
        this.#callServer(from, act);
        break;
      case 'callStorage':
        this.#callStorage(from, act);
        break;
      case 'callWatchdog':
        this.#callWatchdog(from, act);
        break;
      default:
        unreachable(act);
    }
  }

  recovered(process: AgentProcess): void {
    this.#port = undefined;
    this.#options.observer.started(process.node);
  }

  stepped(
    process: AgentProcess,
    event: ProcessEvent<AgentTypes>,
    effects: readonly ProcessEffect<AgentTypes>[],
  ): void {
    this.#options.observer.stepped({
      of: 'agent',
      nowUs: this.#options.world.nowUs,
      process,
      event,
      effects,
    });
  }

  ended(process: AgentProcess): void {
    this.#port = undefined;
    this.#options.machine.agentDied();
    this.#options.observer.ended(process.node);
  }

  #hypervisor(from: AgentProcess): Hypervisor {
    if (this.#port !== undefined) return this.#port;
    const port = this.#options.machine.hypervisor();
    const tell = this.#teller(from);
    port.onReport = (report) => tell({ kind: 'hypervisor', report });
    this.#port = port;
    return port;
  }

  /** To this life of the agent alone. */
  #teller(from: AgentProcess): (report: AgentReport) => void {
    const { boot } = from;
    return (report) => {
      if (from.boot === boot) from.inform({ kind: 'acted', report });
    };
  }

  #callServer(from: AgentProcess, act: Extract<AgentAct, { kind: 'callServer' }>): void {
    const tell = this.#teller(from);
    const { callId, request, timeoutUs } = act;
    this.#options.servers.calls.attempt({
      client: clientAt(from.node),
      node: serverAddress(act.server),
      request: {
        caller: { identity: `photon://plasma/${this.#options.name}` },
        call: { service: 'agent', request },
      },
      timeoutUs,
      ended: (end) => {
        if (end.kind === 'attemptFailed') tell({ kind: 'serverFailed', callId, reason: end.reason });
        else
          tell({
            kind: 'serverAnswered',
            callId,
            response: end.response as Extract<AgentReport, { kind: 'serverAnswered' }>['response'],
          });
      },
    });
  }

  #callStorage(from: AgentProcess, act: Extract<AgentAct, { kind: 'callStorage' }>): void {
    const tell = this.#teller(from);
    const { callId, request, timeoutUs } = act;
    this.#options.storage.calls.attempt({
      client: clientAt(from.node),
      node: storageAddress,
      request,
      timeoutUs,
      ended: (end) => {
        if (end.kind === 'attemptFailed') tell({ kind: 'storageFailed', callId, reason: end.reason });
        else tell({ kind: 'storageAnswered', callId, response: end.response });
      },
    });
  }

  /** Over a socket of the machine. */
  #callWatchdog(from: AgentProcess, act: Extract<AgentAct, { kind: 'callWatchdog' }>): void {
    const tell = this.#teller(from);
    const { callId } = act;
    let over = false;
    const end = (report: AgentReport): void => {
      if (over) return;
      over = true;
      tell(report);
    };
    this.#options.world.after(act.timeoutUs, () =>
      end({ kind: 'watchdogFailed', callId, reason: 'deadline exceeded' }),
    );
    this.#options.world.after(between(this.#prng, 20, 200), () => {
      this.#watchdog.ask(this.#options.watchdog(), act.request, (response) => {
        if (response === undefined) end({ kind: 'watchdogFailed', callId, reason: 'connection reset' });
        else end({ kind: 'watchdogAnswered', callId, response });
      });
    });
  }
}

/** What a watchdog is asked, and kills. */
export class WatchdogSurroundings extends PortSurroundings<Watchdog, WatchdogTypes> {
  readonly #options: NodeSurroundings;
  readonly #prng: Prng;
  /** Undefined: the connection is gone. */
  readonly #open = new Map<number, (response: WatchdogResponse | undefined) => void>();
  #requestId = 0;

  constructor(options: NodeSurroundings) {
    super();
    this.#options = options;
    this.#prng = options.prng.fork('watchdog surroundings');
  }

  ask(
    watchdog: WatchdogProcess,
    request: WatchdogRequest,
    answered: (response: WatchdogResponse | undefined) => void,
  ): void {
    this.#requestId += 1;
    const requestId = this.#requestId;
    const taken = watchdog.deliver({ kind: 'requested', requestId, request });
    if (taken) this.#open.set(requestId, answered);
    else answered(undefined);
  }

  reply(_from: WatchdogProcess, { requestId, response }: ReplyEffect<WatchdogResponse>): void {
    const answered = this.#open.get(requestId);
    this.#open.delete(requestId);
    this.#options.world.after(between(this.#prng, 20, 200), () => answered?.(response));
  }

  act(from: WatchdogProcess, { act }: ActEffect<WatchdogAct>): void {
    const { boot } = from;
    const { pid, startTicks } = act.instance;
    this.#options.world.after(between(this.#prng, 50, 2_000), () => {
      if (from.boot !== boot || !from.alive) return;
      if (this.#options.machine.killProcess(pid, startTicks))
        this.#options.observer.watchdogKilled(this.#options.name);
      from.inform({ kind: 'acted', report: { kind: 'gone', instance: act.instance } });
    });
  }

  recovered(process: WatchdogProcess): void {
    this.#options.observer.started(process.node);
  }

  stepped(
    process: WatchdogProcess,
    event: ProcessEvent<WatchdogTypes>,
    effects: readonly ProcessEffect<WatchdogTypes>[],
  ): void {
    this.#options.observer.stepped({
      of: 'watchdog',
      nowUs: this.#options.world.nowUs,
      process,
      event,
      effects,
    });
  }

  ended(process: WatchdogProcess): void {
    for (const answered of this.#open.values()) answered(undefined);
    this.#open.clear();
    this.#options.observer.ended(process.node);
  }
}
