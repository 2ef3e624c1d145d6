import { assert, present } from '../core/base/assert.ts';
import {
  type EndStreamEffect,
  type NotifyEffect,
  type ReplyEffect,
  type SendEffect,
  type SendSnapshotEffect,
} from '../core/base/effects.ts';
import { nodeId, type NodeId } from '../core/base/ids.ts';
import { between, type CapturablePrng, type Prng } from '../core/base/prng.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type WatchResponse } from '../core/chainfire/api/watch.ts';
import { ChainfireMember, defaultMemberConfig, memberTables } from '../core/chainfire/member.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberRefusal,
  type MemberResponse,
} from '../core/chainfire/member-protocol.ts';
import { type GroupMessage, type SnapshotHeader } from '../core/raft/types.ts';
import { type CaptureCheck } from './capture-check.ts';
import { ClientCalls } from './client-calls.ts';
import { ClientStreams } from './client-streams.ts';
import { type DiskFailure } from './disk/failure.ts';
import { SimulatedSegments } from './disk/segments.ts';
import { SimulatedStore } from './disk/store.ts';
import { type MemberTypes } from './member-machine.ts';
import { type Network } from './network/network.ts';
import { PeerCarriage } from './network/peer-carriage.ts';
import { raftPeerCodec } from './network/raft-peer-codec.ts';
import { type ProcessSurroundings, SimulatedProcess } from './process.ts';
import { type Disks } from './residence.ts';
import { type ProcessWatcher } from './process-watcher.ts';
import { type ClusterPlan } from './types.ts';
import { type World } from './world.ts';

export type MemberProcess = SimulatedProcess<ChainfireMember, MemberTypes>;

/** Who watches a cluster. None of them can change what happens. */
export interface ClusterObserver {
  recovered(process: MemberProcess, member: ChainfireMember): void;
  synced(process: MemberProcess, syncSeq: number, member: ChainfireMember): void;
  stepped(
    process: MemberProcess,
    event: MemberEvent,
    effects: readonly MemberEffect[],
    member: ChainfireMember,
  ): void;
  stepFailed?(process: MemberProcess, event: MemberEvent, failure: DiskFailure): void;
  ended(process: MemberProcess): void;
  diskFailed(process: MemberProcess, failure: DiskFailure, why?: string): void;
}

const firstClusterId = 0x70686f746f6en;
/** Each member's disk draws its medians from these ranges. */
const syncUsMin = 80;
const syncUsMax = 2_000;
const flushUsMin = 1_000;
const flushUsMax = 20_000;
/** Crystals differ by less; a share of the swarm's faults goes far beyond. */
export const quietDriftPpmMax = 200;
/** 2026-01-01, when every run begins; how far wall clocks are off, and how far those that nobody has set. */
const wallStartUs = 1_767_225_600_000_000;
const wallOffUsMax = 100_000;
const wallLostSecondsMax = 31_536_000;
/** Bigger than any real cluster, so that a mistaken plan is refused. */
const membersMax = 9;

/**
 * The machines of one cluster, each with its process, its disk and its clock, and the network that joins them. A machine is
 * known by its address, which faults and clients name; who lives there changes with the cluster's members.
 */
export class Cluster implements ProcessSurroundings<ChainfireMember, MemberTypes> {
  /** Every machine's address, those where nobody lives yet included. */
  readonly nodes: readonly NodeId[];
  readonly calls: ClientCalls<ChainfireMember>;
  readonly streams: ClientStreams<ChainfireMember>;
  readonly #world: World;
  readonly #carriage: PeerCarriage<ChainfireMember, MemberTypes>;
  readonly #observer: ClusterObserver;
  readonly #watcher: ProcessWatcher<MemberEvent> | undefined;
  readonly #captureCheck: CaptureCheck | undefined;
  readonly #plan: ClusterPlan;
  readonly #prng: CapturablePrng;
  readonly #processes = new Map<NodeId, MemberProcess>();
  /** Where a member lives, by its id; one that has left is at no address. */
  readonly #homes = new Map<NodeId, MemberProcess>();
  /** The newest life of every member that ever was, as it was when it ended. */
  readonly #lives = new Map<NodeId, ChainfireMember>();
  /** Members that were asked to be removed: they may stop themselves. */
  readonly #leaving = new Set<NodeId>();
  /** Whom each process was told of when it started. */
  readonly #contacts = new Map<MemberProcess, readonly NodeId[]>();
  readonly #clusterId: bigint;
  /** Who votes at the cluster's birth, by id: 1 to n, as every cluster counts its own. */
  readonly #birth: readonly NodeId[];
  /** Its members were made from a backup, before any of them started. */
  readonly #restored: boolean;
  #disks = 0;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly prng: CapturablePrng;
    readonly plan: ClusterPlan;
    readonly observer: ClusterObserver;
    readonly watcher?: ProcessWatcher<MemberEvent> | undefined;
    readonly captureCheck?: CaptureCheck | undefined;
    /** Machines are numbered from here on, and nobody lives anywhere before `restore`. Default: the world's first cluster. */
    readonly restoredBehind?: number | undefined;
  }) {
    const { world, plan, prng, restoredBehind } = options;
    const { members, spares = 0 } = plan;
    assert(members >= 1 && members + spares <= membersMax, 'a cluster has 1 to 9 machines');
    this.#restored = restoredBehind !== undefined;
    this.#clusterId = firstClusterId + BigInt(restoredBehind ?? 0);
    this.#birth = Array.from({ length: members }, (_, position) => nodeId(position + 1));
    this.#world = world;
    this.#plan = plan;
    this.#prng = prng;
    this.#carriage = new PeerCarriage({
      world,
      network: options.network,
      codec: raftPeerCodec,
      throughCodec: plan.throughCodec,
      processOf: (member) => this.#homes.get(member),
    });
    this.#observer = options.observer;
    this.#watcher = options.watcher;
    this.#captureCheck = options.captureCheck;
    const before = restoredBehind ?? 0;
    this.nodes = Array.from({ length: members + spares }, (_, position) => nodeId(before + position + 1));
    for (const [position, node] of this.nodes.entries()) {
      const member = this.#restored ? undefined : this.#birth[position];
      const process = this.#newProcess(node, member, prng.fork(`node ${node}`));
      this.#processes.set(node, process);
      if (member !== undefined) this.#homes.set(member, process);
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

  /** The process at an address. */
  process(node: NodeId): MemberProcess {
    return present(this.#processes.get(node), `a machine of the cluster, not ${node}`);
  }

  /** Where a member lives; undefined for one that lives nowhere, not yet or not any more. */
  home(member: NodeId): MemberProcess | undefined {
    return this.#homes.get(member);
  }

  /** Who lived somewhere when the process here started last: whom it may ask besides those that it finds in its log. */
  contactsOf(process: MemberProcess): readonly NodeId[] {
    return this.#contacts.get(process) ?? [];
  }

  /** A member that was added moves in where nobody lives any more. */
  setUp(process: MemberProcess, member: NodeId): void {
    assert(!this.#homes.has(member), 'an id is given once');
    this.#homes.delete(process.member);
    process.setUp(member, this.newDisks());
    this.#homes.set(member, process);
  }

  /** Every member of a restored cluster moves in where its own disks were made for it. */
  restore(disksOf: (fresh: () => DiskParts) => Disks): void {
    assert(this.#restored && this.#homes.size === 0, 'a cluster is restored once, before it lives');
    for (const [position, member] of this.#birth.entries()) {
      const process = this.process(present(this.nodes[position], 'every member has a machine'));
      process.setUp(
        member,
        disksOf(() => this.#newDiskParts()),
        { hasStarted: true },
      );
      this.#homes.set(member, process);
    }
  }

  /** Its removal was asked for: from here on it may stop by itself. */
  leaves(member: NodeId): void {
    this.#leaving.add(member);
  }

  isLeaving(member: NodeId): boolean {
    return this.#leaving.has(member);
  }

  /** By member: the newest life of everybody who ever was one, as it is, or as it was when it ended. */
  get lives(): ReadonlyMap<NodeId, ChainfireMember> {
    return this.#lives;
  }

  /** Disks with nothing on them. */
  newDisks(): Disks {
    return disksOf(this.#newDiskParts());
  }

  #newDiskParts(): DiskParts {
    this.#disks += 1;
    return this.#drawDisks(this.#prng.fork(`disks ${this.#disks}`));
  }

  /** In the order of their addresses. */
  get processes(): readonly MemberProcess[] {
    return [...this.#processes.values()];
  }

  send(from: MemberProcess, effect: SendEffect<GroupMessage>): void {
    this.#carriage.send(from, effect);
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
    this.#carriage.sendSnapshot(from, effect);
  }

  recovered(process: MemberProcess, member: ChainfireMember): void {
    this.#lives.set(process.member, member);
    this.#observer.recovered(process, member);
  }

  synced(process: MemberProcess, syncSeq: number, member: ChainfireMember): void {
    this.#observer.synced(process, syncSeq, member);
  }

  stepped(
    process: MemberProcess,
    event: MemberEvent,
    effects: readonly MemberEffect[],
    member: ChainfireMember,
  ): void {
    if (this.#lives.get(process.member) !== member) this.#lives.set(process.member, member);
    this.#observer.stepped(process, event, effects, member);
  }

  stepFailed(process: MemberProcess, event: MemberEvent, failure: DiskFailure): void {
    this.#observer.stepFailed?.(process, event, failure);
  }

  ended(process: MemberProcess): void {
    this.calls.ended(process);
    this.streams.ended(process);
    this.#observer.ended(process);
  }

  diskFailed(process: MemberProcess, failure: DiskFailure, why?: string): void {
    this.#observer.diskFailed(process, failure, why);
  }

  #newProcess(node: NodeId, member: NodeId | undefined, prng: CapturablePrng): MemberProcess {
    const disk = prng.fork('disk');
    const disks = disksOf(this.#drawDisks(prng, disk));
    return new SimulatedProcess<ChainfireMember, MemberTypes>({
      node,
      member: member ?? 'none',
      world: this.#world,
      prng: prng.fork('process'),
      ...disks,
      driftPpm: between(disk, 0, 2 * quietDriftPpmMax) - quietDriftPpmMax,
      wallUs: drawWallUs(prng.fork('wall')),
      surroundings: this,
      watcher: this.#watcher,
      mayStop: ({ member }) => this.isLeaving(member),
      recover: (process, memberPrng, nowUs) => {
        const { segments, store } = process;
        this.#contacts.set(process, [...this.#homes.keys()]);
        return ChainfireMember.recover({ store, segments }, this.#configOf(process), memberPrng, nowUs);
      },
      exchange: this.#captureCheck?.exchangeOf((captured, process: MemberProcess) => {
        const { segments, store, nowUs } = process;
        return ChainfireMember.restore({ store, segments }, this.#configOf(process), prng, captured, nowUs);
      }),
    });
  }

  #drawDisks(prng: CapturablePrng, medians: Prng = prng.fork('disk')): DiskParts {
    const world = this.#world;
    const syncMedianUs = between(medians, syncUsMin, syncUsMax);
    const flushMedianUs = between(medians, flushUsMin, flushUsMax);
    return {
      segments: { world, prng: prng.fork('segments'), syncMedianUs },
      store: { world, prng: prng.fork('store'), tables: memberTables, flushMedianUs },
    };
  }

  #configOf(process: MemberProcess): MemberConfig {
    const { member, node, hasSynced } = process;
    const birth = this.#birth;
    return {
      ...defaultMemberConfig,
      ...this.#plan.config,
      clusterId: this.#clusterId,
      id: member,
      initialMembers: birth.map((id) => ({ id, name: nameOf(id), peerUrls: [peerUrlOf(id)] })),
      join: birth.includes(member) ? undefined : { name: nameOf(member), peerUrls: [peerUrlOf(member)] },
      contacts: this.contactsOf(process).filter((other) => other !== member),
      hasStarted: hasSynced,
      clientUrls: [`http://client-${node}`],
    };
  }
}

/** What a machine's disks are like, before there are any. */
export interface DiskParts {
  readonly segments: ConstructorParameters<typeof SimulatedSegments>[0];
  readonly store: ConstructorParameters<typeof SimulatedStore>[0];
}

function disksOf({ segments, store }: DiskParts): Disks {
  return { segments: new SimulatedSegments(segments), store: new SimulatedStore(store) };
}

function nameOf(member: NodeId): string {
  return `member-${member}`;
}

function peerUrlOf(member: NodeId): string {
  return `http://peer-${member}`;
}

/** Most machines know the time; some were never told. */
function drawWallUs(prng: Prng): number {
  if (prng.chance(1, 3))
    return wallStartUs + (prng.below(2 * wallLostSecondsMax) - wallLostSecondsMax) * usPerSecond;
  return wallStartUs + prng.below(2 * wallOffUsMax) - wallOffUsMax;
}
