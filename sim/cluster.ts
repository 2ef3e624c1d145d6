import { assert, present } from '../core/base/assert.ts';
import {
  type EndStreamEffect,
  type NotifyEffect,
  type ReplyEffect,
  type SendEffect,
  type SendSnapshotEffect,
} from '../core/base/effects.ts';
import { nodeId, type NodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { type WatchResponse } from '../core/chainfire/api/watch.ts';
import { ChainfireMember, defaultMemberConfig, memberTables } from '../core/chainfire/member.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberRefusal,
  type MemberResponse,
} from '../core/chainfire/member-protocol.ts';
import {
  decodeGroupMessages,
  decodeSnapshotHeader,
  encodeGroupMessages,
  encodeSnapshotHeader,
} from '../core/raft/message-codec.ts';
import { type GroupMessage, type SnapshotHeader } from '../core/raft/types.ts';
import { WireError } from '../core/wire/reader.ts';
import { ClientCalls } from './client-calls.ts';
import { ClientStreams } from './client-streams.ts';
import { SimulatedSegments } from './disk/segments.ts';
import { SimulatedStore } from './disk/store.ts';
import { messageBytes } from './network/message-size.ts';
import { type Network } from './network/network.ts';
import { SnapshotStream } from './network/snapshot-stream.ts';
import { SimulatedProcess, type ProcessSurroundings } from './process.ts';
import { type ProcessWatcher } from './process-watcher.ts';
import { type ClusterPlan, Violation } from './types.ts';
import { type World } from './world.ts';

export type MemberProcess = SimulatedProcess<ChainfireMember>;

/** Who watches a cluster. None of them can change what happens. */
export interface ClusterObserver {
  recovered(process: MemberProcess, member: ChainfireMember): void;
  stepped(
    process: MemberProcess,
    event: MemberEvent,
    effects: readonly MemberEffect[],
    member: ChainfireMember,
  ): void;
  ended(process: MemberProcess): void;
  syncFailed(process: MemberProcess): void;
  diskFull(process: MemberProcess): void;
}

const clusterId = 0x70686f746f6en;
/** Each member's disk draws its medians from these ranges. */
const syncUsMin = 80;
const syncUsMax = 2_000;
const flushUsMin = 1_000;
const flushUsMax = 20_000;
/** Crystals differ by less; a share of the swarm's faults goes far beyond. */
export const quietDriftPpmMax = 200;
/** Bigger than any real cluster, so that a mistaken plan is refused. */
const membersMax = 9;

/** The members of one cluster, each in its process on its own disk and clock, and the network that joins them. */
export class Cluster implements ProcessSurroundings<ChainfireMember> {
  readonly nodes: readonly NodeId[];
  readonly calls: ClientCalls<ChainfireMember>;
  readonly streams: ClientStreams<ChainfireMember>;
  readonly #world: World;
  readonly #network: Network;
  readonly #throughCodec: boolean;
  readonly #observer: ClusterObserver;
  readonly #watcher: ProcessWatcher | undefined;
  readonly #processes = new Map<NodeId, MemberProcess>();

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly prng: Prng;
    readonly plan: ClusterPlan;
    readonly observer: ClusterObserver;
    readonly watcher?: ProcessWatcher | undefined;
  }) {
    const { world, plan, prng } = options;
    assert(plan.members >= 1 && plan.members <= membersMax, 'a cluster has 1 to 9 members');
    this.#world = world;
    this.#network = options.network;
    this.#throughCodec = plan.throughCodec;
    this.#observer = options.observer;
    this.#watcher = options.watcher;
    this.nodes = Array.from({ length: plan.members }, (_, position) => nodeId(position + 1));
    for (const node of this.nodes) {
      this.#processes.set(
        node,
        this.#newProcess(memberConfig(plan, this.nodes, node), prng.fork(`node ${node}`)),
      );
    }
    this.calls = new ClientCalls({
      world,
      network: options.network,
      process: (node) => this.process(node),
    });
    this.streams = new ClientStreams({
      world,
      network: options.network,
      prng: prng.fork('streams'),
      throughCodec: plan.throughCodec,
      process: (node) => this.process(node),
    });
  }

  process(node: NodeId): MemberProcess {
    return present(this.#processes.get(node), `a member of the cluster, not ${node}`);
  }

  /** In the order of their ids. */
  get processes(): readonly MemberProcess[] {
    return [...this.#processes.values()];
  }

  send(from: MemberProcess, effect: SendEffect<GroupMessage>): void {
    const to = this.process(effect.to);
    const fromBoot = from.boot;
    const toBoot = to.boot;
    const encoded = this.#throughCodec ? encodeGroupMessages(effect.messages) : undefined;
    this.#network.send({
      from: from.node,
      to: to.node,
      bytes: encoded?.length ?? messageBytes(effect.messages),
      carriage: 'datagram',
      carries: effect,
      arrived: () => {
        // A connection is between two processes as they were; what it carried ends with either.
        if (to.boot !== toBoot || !from.connected(fromBoot)) return;
        const messages = encoded === undefined ? effect.messages : readBack(encoded);
        to.deliver({ kind: 'received', from: from.node, messages });
      },
    });
  }

  reply(from: MemberProcess, effect: ReplyEffect<MemberResponse>): void {
    this.calls.reply(from, effect);
  }

  notify(from: MemberProcess, effect: NotifyEffect<WatchResponse>): void {
    this.streams.notify(from, effect);
  }

  endStream(from: MemberProcess, effect: EndStreamEffect<MemberRefusal>): void {
    this.streams.endStream(from, effect);
  }

  sendSnapshot(from: MemberProcess, effect: SendSnapshotEffect<SnapshotHeader>): void {
    const header = this.#throughCodec
      ? decodeSnapshotHeader(encodeSnapshotHeader(effect.header))
      : effect.header;
    new SnapshotStream({
      world: this.#world,
      network: this.#network,
      effect,
      sender: from,
      receiver: this.process(effect.to),
      header,
      view: from.store.view(effect.viewId),
    }).begin();
  }

  recovered(process: MemberProcess, member: ChainfireMember): void {
    this.#observer.recovered(process, member);
  }

  stepped(
    process: MemberProcess,
    event: MemberEvent,
    effects: readonly MemberEffect[],
    member: ChainfireMember,
  ): void {
    this.#observer.stepped(process, event, effects, member);
  }

  ended(process: MemberProcess): void {
    this.calls.ended(process);
    this.streams.ended(process);
    this.#observer.ended(process);
  }

  syncFailed(process: MemberProcess): void {
    this.#observer.syncFailed(process);
  }

  diskFull(process: MemberProcess): void {
    this.#observer.diskFull(process);
  }

  #newProcess(config: MemberConfig, prng: Prng): MemberProcess {
    const world = this.#world;
    const disk = prng.fork('disk');
    const syncMedianUs = between(disk, syncUsMin, syncUsMax);
    const flushMedianUs = between(disk, flushUsMin, flushUsMax);
    return new SimulatedProcess<ChainfireMember>({
      node: config.id,
      world,
      prng: prng.fork('process'),
      segments: new SimulatedSegments({ world, prng: prng.fork('segments'), syncMedianUs }),
      store: new SimulatedStore({ world, prng: prng.fork('store'), tables: memberTables, flushMedianUs }),
      driftPpm: between(disk, 0, 2 * quietDriftPpmMax) - quietDriftPpmMax,
      surroundings: this,
      watcher: this.#watcher,
      recover: ({ segments, store }, memberPrng, nowUs) =>
        ChainfireMember.recover({ store, segments }, config, memberPrng, nowUs),
    });
  }
}

/** Whatever one member writes every member reads. @throws Violation */
function readBack(encoded: Uint8Array): readonly GroupMessage[] {
  try {
    return decodeGroupMessages(encoded);
  } catch (failure) {
    if (!(failure instanceof WireError)) throw failure;
    throw new Violation('codec', failure.message);
  }
}

function memberConfig(plan: ClusterPlan, nodes: readonly NodeId[], node: NodeId): MemberConfig {
  return {
    ...defaultMemberConfig,
    ...plan.config,
    clusterId,
    id: node,
    initialMembers: nodes.map((id) => ({ id, name: `member-${id}`, peerUrls: [`http://peer-${id}`] })),
    clientUrls: [`http://client-${node}`],
  };
}
