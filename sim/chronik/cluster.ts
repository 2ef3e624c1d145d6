import { assert, present } from '../../core/base/assert.ts';
import { type ReplyEffect, type SendEffect, type SendSnapshotEffect } from '../../core/base/effects.ts';
import { nodeId, type NodeId } from '../../core/base/ids.ts';
import { between, type CapturablePrng, type Prng } from '../../core/base/prng.ts';
import {
  type BrokerConfig,
  type BrokerEffect,
  type BrokerEvent,
  type BrokerMessage,
  type BrokerResponse,
} from '../../core/chronik/broker-protocol.ts';
import { brokerTables, ChronikBroker, defaultBrokerSettings } from '../../core/chronik/broker.ts';
import { defaultRaftOptions, type SnapshotHeader } from '../../core/raft/types.ts';
import { UnreadableError } from '../../core/storage/read-errors.ts';
import { type KafkaCall } from '../../core/wire/kafka/apis.ts';
import { ClientCalls } from '../client-calls.ts';
import { type DiskFailure } from '../disk/failure.ts';
import { SimulatedSegments } from '../disk/segments.ts';
import { SimulatedStore } from '../disk/store.ts';
import { type Network } from '../network/network.ts';
import { PeerCarriage } from '../network/peer-carriage.ts';
import { type ProcessSurroundings, SimulatedProcess } from '../process.ts';
import { type World } from '../world.ts';
import { type BrokerProcess, type BrokerTypes } from './broker-process.ts';
import { carriedResponse, resolvedResponse } from './kafka-carriage.ts';
import { brokerPeerCodec } from './peer-codec.ts';
import { type ChronikClusterPlan } from './plan.ts';

/** Who watches the brokers. None of them can change what happens. */
export interface BrokerObserver {
  recovered(process: BrokerProcess, broker: ChronikBroker): void;
  synced(process: BrokerProcess, syncSeq: number, broker: ChronikBroker): void;
  stepped(
    process: BrokerProcess,
    event: BrokerEvent,
    effects: readonly BrokerEffect[],
    broker: ChronikBroker,
  ): void;
  /** An answer leaves its broker, records and all. */
  answered(process: BrokerProcess, call: KafkaCall, body: unknown, broker: ChronikBroker): void;
  ended(process: BrokerProcess): void;
  diskFailed(process: BrokerProcess, failure: DiskFailure, why?: string): void;
}

export const clientListener = 'PLAINTEXT';
const clientPort = 9_092;
const clusterId = 0x6368726f6e696bn;
const brokersMax = 9;
/** Each broker's disk draws its medians from these ranges. */
const syncUsMin = 80;
const syncUsMax = 2_000;
const flushUsMin = 1_000;
const flushUsMax = 20_000;
/** Crystals differ by less. */
const quietDriftPpmMax = 200;
/** 2026-01-01, when every run begins, and how far wall clocks are off. */
export const wallStartUs = 1_767_225_600_000_000;
const wallOffUsMax = 100_000;

/** The machines of one cluster of brokers, each with its process, its disk and its clock. */
export class ChronikCluster implements ProcessSurroundings<ChronikBroker, BrokerTypes> {
  readonly nodes: readonly NodeId[];
  readonly calls: ClientCalls<ChronikBroker, BrokerTypes>;
  readonly #world: World;
  readonly #plan: ChronikClusterPlan;
  readonly #observer: BrokerObserver;
  readonly #carriage: PeerCarriage<ChronikBroker, BrokerTypes>;
  readonly #processes = new Map<NodeId, BrokerProcess>();
  /** Calls that brokers have begun and not answered, by request. */
  readonly #open = new Map<number, { readonly node: NodeId; readonly call: KafkaCall }>();

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly prng: CapturablePrng;
    readonly plan: ChronikClusterPlan;
    readonly observer: BrokerObserver;
  }) {
    const { world, network, plan, prng } = options;
    assert(plan.brokers >= 1 && plan.brokers <= brokersMax, 'a cluster has 1 to 9 brokers');
    this.#world = world;
    this.#plan = plan;
    this.#observer = options.observer;
    this.nodes = Array.from({ length: plan.brokers }, (_, position) => nodeId(position + 1));
    this.#carriage = new PeerCarriage({
      world,
      network,
      codec: brokerPeerCodec,
      throughCodec: true,
      processOf: (broker) => this.#processes.get(broker),
    });
    for (const node of this.nodes)
      this.#processes.set(node, this.#newProcess(node, prng.fork(`node ${node}`)));
    this.calls = new ClientCalls({ world, network, process: (node) => this.process(node) });
  }

  process(node: NodeId): BrokerProcess {
    return present(this.#processes.get(node), `a machine of the cluster, not ${node}`);
  }

  /** In the order of their ids. */
  get processes(): readonly BrokerProcess[] {
    return [...this.#processes.values()];
  }

  send(from: BrokerProcess, effect: SendEffect<BrokerMessage>): void {
    // What cannot be read is not sent; whoever waits for it asks again.
    unlessUnreadable(() => {
      this.#carriage.send(from, effect);
    });
  }

  reply(from: BrokerProcess, effect: ReplyEffect<BrokerResponse>): void {
    const open = this.#open.get(effect.requestId);
    this.#open.delete(effect.requestId);
    const { response } = effect;
    if (open === undefined || response.kind !== 'answered') {
      this.calls.reply(from, effect);
      return;
    }
    unlessUnreadable(() => {
      const carry = this.#plan.throughCodec ? carriedResponse : resolvedResponse;
      const body = carry(open.call, response.body, from.segments);
      if (from.machine !== undefined) this.#observer.answered(from, open.call, body, from.machine);
      this.calls.reply(from, { ...effect, response: { ...response, body } });
    });
  }

  notify(): void {
    assert(false, 'a broker has no streams');
  }

  endStream(): void {
    assert(false, 'a broker has no streams');
  }

  sendSnapshot(from: BrokerProcess, effect: SendSnapshotEffect<SnapshotHeader>): void {
    this.#carriage.sendSnapshot(from, effect);
  }

  recovered(process: BrokerProcess, broker: ChronikBroker): void {
    this.#observer.recovered(process, broker);
  }

  synced(process: BrokerProcess, syncSeq: number, broker: ChronikBroker): void {
    this.#observer.synced(process, syncSeq, broker);
  }

  stepped(
    process: BrokerProcess,
    event: BrokerEvent,
    effects: readonly BrokerEffect[],
    broker: ChronikBroker,
  ): void {
    if (event.kind === 'requested' && event.request.kind === 'call') {
      this.#open.set(event.requestId, { node: process.node, call: event.request.call as KafkaCall });
    } else if (event.kind === 'cancelled') {
      this.#open.delete(event.requestId);
    }
    this.#observer.stepped(process, event, effects, broker);
  }

  ended(process: BrokerProcess): void {
    for (const [requestId, { node }] of this.#open) if (node === process.node) this.#open.delete(requestId);
    this.calls.ended(process);
    this.#observer.ended(process);
  }

  diskFailed(process: BrokerProcess, failure: DiskFailure, why?: string): void {
    this.#observer.diskFailed(process, failure, why);
  }

  #newProcess(node: NodeId, prng: CapturablePrng): BrokerProcess {
    const world = this.#world;
    const disk = prng.fork('disk');
    const syncMedianUs = between(disk, syncUsMin, syncUsMax);
    const flushMedianUs = between(disk, flushUsMin, flushUsMax);
    return new SimulatedProcess<ChronikBroker, BrokerTypes>({
      node,
      world,
      prng: prng.fork('process'),
      segments: new SimulatedSegments({ world, prng: prng.fork('segments'), syncMedianUs }),
      store: new SimulatedStore({ world, prng: prng.fork('store'), tables: brokerTables, flushMedianUs }),
      driftPpm: between(disk, 0, 2 * quietDriftPpmMax) - quietDriftPpmMax,
      wallUs: drawWallUs(prng.fork('wall')),
      surroundings: this,
      recover: ({ segments, store, hasSynced }, brokerPrng, nowUs) =>
        ChronikBroker.recover({ segments, store }, this.#configOf(node, hasSynced), brokerPrng, nowUs),
    });
  }

  #configOf(node: NodeId, hasStarted: boolean): BrokerConfig {
    return {
      clusterId,
      id: node,
      initialBrokers: this.nodes.map((id) => ({ id, name: `broker-${id}` })),
      endpoints: [
        {
          listener: clientListener,
          host: `broker-${node}`,
          port: clientPort,
          securityProtocol: 'PLAINTEXT',
        },
      ],
      rack: undefined,
      hasStarted,
      raft: { ...defaultRaftOptions, ...this.#plan.raft },
      settings: { ...defaultBrokerSettings, ...this.#plan.settings },
    };
  }
}

function drawWallUs(prng: Prng): number {
  return wallStartUs + prng.below(2 * wallOffUsMax) - wallOffUsMax;
}

function unlessUnreadable(body: () => void): void {
  try {
    body();
  } catch (failure) {
    if (!(failure instanceof UnreadableError)) throw failure;
  }
}
