import { present, unreachable } from '../../core/base/assert.ts';
import { type ActEffect, type ReplyEffect } from '../../core/base/effects.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { between, type CapturablePrng } from '../../core/base/prng.ts';
import {
  PlasmaServer,
  type PlasmaServerAct,
  type PlasmaServerReport,
} from '../../core/cloud/plasma-server.ts';
import { defaultClientConfig } from '../../core/chainfire/client/client.ts';
import { type ControlPlaneResponse, type StorageCall } from '../../core/plasma/control-plane/protocol.ts';
import {
  type ControlPlaneSettings,
  defaultControlPlaneSettings,
} from '../../core/plasma/control-plane/settings.ts';
import { type DiskExports } from '../../core/plasma/storage/disk-exports.ts';
import { type Abandon, ClientCalls } from '../client-calls.ts';
import { type ClientStream } from '../client-streams.ts';
import { type Cluster, quietDriftPpmMax } from '../cluster.ts';
import { SimulatedSegments } from '../disk/segments.ts';
import { SimulatedStore } from '../disk/store.ts';
import { type Network } from '../network/network.ts';
import { type ProcessEffect, type ProcessEvent } from '../process-protocol.ts';
import { SimulatedProcess } from '../process.ts';
import { type World } from '../world.ts';
import { clientAt, serverAddress, storageAddress } from './addresses.ts';
import { type PlasmaCloudPlan } from './plan.ts';
import { PortSurroundings } from './port-surroundings.ts';
import { type PlasmaStep, type ServerProcess, type ServerTypes, type StorageTypes } from './processes.ts';

/** 2026-01-01, when every run begins, and how far wall clocks are off. */
const wallStartUs = 1_767_225_600_000_000;
const wallOffUsMax = 100_000;
const attemptTimeoutUs = 2_000_000;
const readerWindowBytes = 65_536;
/** No client's request has it. */
const leaveRequestId = 0;

/** What one life of a server has under way with the store. */
interface Connections {
  readonly attempts: Map<number, Abandon>;
  readonly streams: Map<number, ClientStream>;
}

/** The servers of the control plane: processes that keep nothing, with the members of Chainfire behind them. */
export class PlasmaServers extends PortSurroundings<PlasmaServer, ServerTypes> {
  readonly nodes: readonly NodeId[];
  readonly calls: ClientCalls<PlasmaServer, ServerTypes>;
  readonly #options: PlasmaServersOptions;
  readonly #processes = new Map<NodeId, ServerProcess>();
  readonly #connections = new Map<NodeId, Connections>();
  readonly #leaving = new Map<NodeId, () => void>();

  constructor(options: PlasmaServersOptions) {
    super();
    this.#options = options;
    const { plan, world, network, prng } = options;
    this.nodes = Array.from({ length: plan.servers }, (_, position) => serverAddress(position));
    for (const [position, node] of this.nodes.entries())
      this.#processes.set(node, this.#newProcess(node, position, prng.fork(`server ${position}`)));
    this.calls = new ClientCalls({ world, network, process: (node) => this.process(node) });
  }

  process(node: NodeId): ServerProcess {
    return present(this.#processes.get(node), `a server, not ${node}`);
  }

  get processes(): readonly ServerProcess[] {
    return [...this.#processes.values()];
  }

  /** Asks it to leave, as its process does when it is told to end. `left` is called when it has, unless it dies before. */
  stop(process: ServerProcess, left: () => void): void {
    this.#leaving.set(process.node, left);
    const call = { service: 'server', request: { kind: 'leave' } } as const;
    process.inform({
      kind: 'requested',
      requestId: leaveRequestId,
      request: { caller: { identity: '' }, call },
    });
  }

  reply(from: ServerProcess, effect: ReplyEffect<ControlPlaneResponse>): void {
    if (effect.requestId === leaveRequestId) this.#leaving.get(from.node)?.();
    else this.calls.reply(from, effect);
  }

  act(from: ServerProcess, { act }: ActEffect<PlasmaServerAct>): void {
    const { attempts, streams } = this.#connectionsOf(from.node);
    switch (act.kind) {
      case 'attempt':
        this.#attempt(from, act);
        break;
      case 'abandon':
        attempts.get(act.attemptId)?.();
        attempts.delete(act.attemptId);
        break;
      case 'openStream':
        this.#openStream(from, act.streamId, act.endpoint);
        break;
      case 'streamSend':
        streams.get(act.streamId)?.send(act.request);
        break;
      case 'closeStream':
        streams.get(act.streamId)?.close();
        streams.delete(act.streamId);
        break;
      case 'callStorage':
        this.#callStorage(from, act);
        break;
      default:
        unreachable(act);
    }
  }

  recovered(process: ServerProcess): void {
    this.#options.observer.started(process.node);
  }

  stepped(
    process: ServerProcess,
    event: ProcessEvent<ServerTypes>,
    effects: readonly ProcessEffect<ServerTypes>[],
  ): void {
    const { nowUs } = this.#options.world;
    this.#options.observer.stepped({ of: 'server', nowUs, process, event, effects });
  }

  ended(process: ServerProcess): void {
    this.#leaving.delete(process.node);
    this.calls.ended(process);
    const { attempts, streams } = this.#connectionsOf(process.node);
    for (const abandon of attempts.values()) abandon();
    for (const stream of streams.values()) stream.vanish(false);
    this.#connections.delete(process.node);
    this.#options.observer.ended(process.node);
  }

  #connectionsOf(node: NodeId): Connections {
    const there = this.#connections.get(node);
    if (there !== undefined) return there;
    const made: Connections = { attempts: new Map(), streams: new Map() };
    this.#connections.set(node, made);
    return made;
  }

  #attempt(from: ServerProcess, act: Extract<PlasmaServerAct, { kind: 'attempt' }>): void {
    const { attemptId, request, timeoutUs } = act;
    const { attempts } = this.#connectionsOf(from.node);
    const abandon = this.#chainfire.calls.attempt({
      client: clientAt(from.node),
      node: this.#member(act.endpoint),
      request,
      timeoutUs,
      ended: (end) => {
        if (!attempts.delete(attemptId)) return;
        const report: PlasmaServerReport =
          end.kind === 'answered'
            ? { kind: 'answered', attemptId, response: end.response }
            : { kind: 'attemptFailed', attemptId, reached: end.reached, reason: end.reason };
        from.inform({ kind: 'acted', report });
      },
    });
    attempts.set(attemptId, abandon);
  }

  #callStorage(from: ServerProcess, { callId, request, timeoutUs }: StorageCall): void {
    const { boot } = from;
    this.#options.storage().calls.attempt({
      ...{ client: clientAt(from.node), node: storageAddress, request, timeoutUs },
      ended: (end) => {
        if (from.boot !== boot) return;
        const report: PlasmaServerReport =
          end.kind === 'answered'
            ? { kind: 'storageAnswered', callId, response: end.response }
            : { kind: 'storageFailed', callId, reason: end.reason };
        from.inform({ kind: 'acted', report });
      },
    });
  }

  #openStream(from: ServerProcess, streamId: number, endpoint: number): void {
    const { streams } = this.#connectionsOf(from.node);
    const stream = this.#chainfire.streams.connect({
      client: clientAt(from.node),
      node: this.#member(endpoint),
      stream: { kind: 'watch', requireLeader: true },
      reader: { windowBytes: readerWindowBytes, delayUs: () => 0 },
      received: (response) => {
        if (streams.has(streamId))
          from.inform({ kind: 'acted', report: { kind: 'streamReceived', streamId, response } });
      },
      failed: (reason) => {
        if (streams.delete(streamId))
          from.inform({ kind: 'acted', report: { kind: 'streamFailed', streamId, reason } });
      },
    });
    streams.set(streamId, stream);
  }

  get #chainfire(): Cluster {
    return this.#options.chainfire;
  }

  #member(endpoint: number): NodeId {
    const { nodes } = this.#chainfire;
    return present(nodes[endpoint % nodes.length], 'the store has members');
  }

  #newProcess(node: NodeId, position: number, prng: CapturablePrng): ServerProcess {
    const { world, plan } = this.#options;
    const clock = prng.fork('clock');
    const controlPlane = controlPlaneSettingsOf(plan, position);
    return new SimulatedProcess<PlasmaServer, ServerTypes>({
      node,
      world,
      prng: prng.fork('process'),
      segments: new SimulatedSegments({ world, prng: prng.fork('segments'), syncMedianUs: 100 }),
      store: new SimulatedStore({ world, prng: prng.fork('store'), tables: [], flushMedianUs: 1_000 }),
      driftPpm: between(clock, 0, 2 * quietDriftPpmMax) - quietDriftPpmMax,
      wallUs: wallStartUs + clock.below(2 * wallOffUsMax) - wallOffUsMax,
      surroundings: this,
      recover: (_, serverPrng, nowUs) =>
        new PlasmaServer(
          {
            controlPlane,
            chainfire: { ...defaultClientConfig, endpoints: this.#chainfire.nodes.length, attemptTimeoutUs },
          },
          { refuses: () => undefined },
          serverPrng,
          nowUs,
        ),
    });
  }
}

export interface PlasmaServersOptions {
  readonly world: World;
  readonly network: Network;
  readonly prng: CapturablePrng;
  readonly plan: PlasmaCloudPlan;
  readonly chainfire: Cluster;
  /** It is there by the time that it is asked. */
  readonly storage: () => { readonly calls: ClientCalls<DiskExports, StorageTypes> };
  readonly observer: PlasmaObserver;
}

/** Who watches the platform's processes. None of them can change what happens. */
export interface PlasmaObserver {
  started(node: NodeId): void;
  stepped(step: PlasmaStep): void;
  ended(node: NodeId): void;
}

export function controlPlaneSettingsOf(plan: PlasmaCloudPlan, server = 0): ControlPlaneSettings {
  return { ...defaultControlPlaneSettings, ...plan.controlPlane, server };
}
