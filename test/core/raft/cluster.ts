import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { groupId, type NodeId, nodeId } from '../../../core/base/ids.ts';
import { decodeConfiguration } from '../../../core/raft/configuration.ts';
import { decodeGroupMessages, encodeGroupMessages } from '../../../core/raft/message-codec.ts';
import { RaftNode } from '../../../core/raft/node.ts';
import {
  type Configuration,
  defaultRaftOptions,
  type GroupMessage,
  type RaftNodeEffect,
  type RaftNodeEvent,
  type RaftOptions,
  type RaftView,
} from '../../../core/raft/types.ts';
import { CrashSegments } from './crash-segments.ts';
import { testPrng } from './test-prng.ts';

export const group1 = groupId(1);

export function ids(...values: number[]): readonly NodeId[] {
  return values.map(nodeId);
}

export function voters(...values: number[]): Configuration {
  return { voters: ids(...values), outgoing: [], learners: [] };
}

export interface Packet {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly messages: readonly GroupMessage[];
}

/** What a member's store holds: durable as soon as it is applied, so that a restart finds all of it. */
export interface TestStore {
  index: number;
  term: number;
  configuration: Configuration;
  applied: string[];
}

/** One member: its machine, disk, store, and what it has said that the test wants to see. */
export class TestMember {
  readonly id: NodeId;
  readonly segments = new CrashSegments();
  store: TestStore;
  node: RaftNode;
  /** Effects that wait for a sync. */
  gated: { readonly packet: Packet; readonly afterSyncSeq: number }[] = [];
  persistedSeq = 0;
  syncedSeq = 0;
  up = true;
  readonly effects: RaftNodeEffect[] = [];

  constructor(id: NodeId, node: RaftNode, segments: CrashSegments, store: TestStore) {
    this.id = id;
    this.node = node;
    this.segments = segments;
    this.store = store;
  }

  get view(): RaftView {
    return this.node.view(group1);
  }
}

export interface ClusterOptions {
  readonly members: number;
  readonly initial?: Configuration;
  readonly options?: Partial<RaftOptions>;
  readonly seed?: number;
  /** How much faster than the world's each member's clock runs, in millionths; those not named run with it. */
  readonly driftPpm?: ReadonlyMap<number, number>;
}

/**
 * Members joined by a network that is a list of packets. Nothing moves unless told to: a test delivers, syncs, drops, crashes.
 */
export class Cluster {
  readonly members = new Map<NodeId, TestMember>();
  packets: Packet[] = [];
  nowUs = 0;
  readonly options: RaftOptions;
  readonly initial: Configuration;
  readonly #seed: number;
  readonly #driftPpm: ReadonlyMap<number, number>;
  #starts = 0;
  /** Links over which nothing passes. */
  readonly cut = new Set<string>();
  /** Told of every step. */
  observe: (member: TestMember, effects: readonly RaftNodeEffect[]) => void = () => undefined;

  constructor(given: ClusterOptions) {
    this.options = { ...defaultRaftOptions, ...given.options };
    this.#seed = given.seed ?? 1;
    this.#driftPpm = given.driftPpm ?? new Map();
    const all = Array.from({ length: given.members }, (_, at) => at + 1);
    this.initial = given.initial ?? voters(...all);
    for (const id of all) this.#start(nodeId(id), new CrashSegments(), this.#emptyStore());
  }

  member(id: number): TestMember {
    const member = this.members.get(id as NodeId);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  get leader(): TestMember | undefined {
    let found: TestMember | undefined;
    for (const member of this.members.values()) {
      if (member.up && member.view.role === 'leader' && member.view.term > (found?.view.term ?? -1))
        found = member;
    }
    return found;
  }

  /** What the member's clock shows. */
  clock(id: number): number {
    return Math.floor((this.nowUs * (1_000_000 + (this.#driftPpm.get(id) ?? 0))) / 1_000_000);
  }

  isDue(member: TestMember): boolean {
    return member.up && member.node.deadlineUs <= this.clock(member.id);
  }

  step(id: number, event: RaftNodeEvent): readonly RaftNodeEffect[] {
    const member = this.member(id);
    const effects = member.node.step(event, this.clock(id));
    this.#handle(member, effects);
    this.observe(member, effects);
    return effects;
  }

  /** Ends the disk's current round: everything appended so far is durable. */
  sync(id: number): void {
    const member = this.member(id);
    member.segments.sync();
    if (member.persistedSeq === member.syncedSeq) return;
    member.syncedSeq = member.persistedSeq;
    const free = member.gated.filter(({ afterSyncSeq }) => afterSyncSeq <= member.syncedSeq);
    member.gated = member.gated.filter(({ afterSyncSeq }) => afterSyncSeq > member.syncedSeq);
    for (const { packet } of free) this.packets.push(packet);
    this.step(id, { kind: 'synced', syncSeq: member.syncedSeq });
  }

  deliver(packet: Packet): void {
    const to = this.members.get(packet.to);
    if (to === undefined || !to.up || this.cut.has(`${packet.from}>${packet.to}`)) return;
    const messages = decodeGroupMessages(encodeGroupMessages(packet.messages));
    this.step(packet.to, { kind: 'received', from: packet.from, messages });
  }

  /** Syncs and delivers, in order, until nothing is left to do. Time stands still. */
  settle(): void {
    for (let rounds = 0; rounds < 10_000; rounds += 1) {
      for (const member of this.members.values()) if (member.up) this.sync(member.id);
      const packets = this.packets;
      this.packets = [];
      for (const packet of packets) this.deliver(packet);
      const quiet = [...this.members.values()].every(
        (member) => !member.up || member.persistedSeq === member.syncedSeq,
      );
      if (quiet && this.packets.length === 0) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  /** Lets time pass, ticking whoever is due, and settles after each tick. */
  run(forUs: number): void {
    const endUs = this.nowUs + forUs;
    for (;;) {
      let next = Infinity;
      for (const member of this.members.values())
        if (member.up) next = Math.min(next, this.#worldTime(member.id, member.node.deadlineUs));
      if (next > endUs) break;
      this.nowUs = Math.max(this.nowUs, next);
      for (const member of this.members.values()) {
        if (this.isDue(member)) this.step(member.id, { kind: 'tick' });
      }
      this.settle();
    }
    this.nowUs = endUs;
  }

  /** Makes `id` the leader: its election timeout passes, nobody else's does. */
  elect(id: number): TestMember {
    this.settle();
    const member = this.member(id);
    this.nowUs += 2 * this.options.electionTimeoutUs;
    while (member.view.role !== 'leader') {
      this.nowUs = Math.max(this.nowUs, this.#worldTime(id, member.node.deadlineUs));
      this.step(id, { kind: 'tick' });
      this.settle();
    }
    return member;
  }

  propose(id: number, ...commands: string[]): readonly RaftNodeEffect[] {
    return this.step(id, { kind: 'proposed', group: group1, proposals: commands.map(bytesFromLatin1) });
  }

  crash(id: number, seed?: number): void {
    const member = this.member(id);
    member.up = false;
    member.gated = [];
    member.segments.crash(seed === undefined ? undefined : testPrng(seed));
  }

  restart(id: number): TestMember {
    const { segments, store } = this.member(id);
    return this.#start(id as NodeId, segments, store);
  }

  join(id: number): TestMember {
    return this.#start(nodeId(id), new CrashSegments(), this.#emptyStore());
  }

  /** Copies the state machine of one to another, as a runner would stream it. */
  sendSnapshot(from: number, to: number): void {
    const sender = this.member(from);
    const receiver = this.member(to);
    const { index, term, configuration, applied } = sender.store;
    if (index <= receiver.store.index) return;
    receiver.store = { index, term, configuration, applied: [...applied] };
    const header = { group: group1, leaderTerm: sender.view.term, index, term, configuration };
    this.step(to, { kind: 'snapshotInstalled', group: group1, from: from as NodeId, header });
  }

  /** The first time of the world at which the member's clock shows `atUs` or more. */
  #worldTime(id: number, atUs: number): number {
    if (atUs === Infinity) return Infinity;
    return Math.ceil((atUs * 1_000_000) / (1_000_000 + (this.#driftPpm.get(id) ?? 0)));
  }

  #emptyStore(): TestStore {
    return { index: 0, term: 0, configuration: this.initial, applied: [] };
  }

  #start(id: NodeId, segments: CrashSegments, store: TestStore): TestMember {
    this.#starts += 1;
    const { index, term, configuration } = store;
    const node = RaftNode.recover(
      { segments },
      {
        id,
        options: this.options,
        segmentPrefix: 'log/',
        groups: [
          {
            group: group1,
            initialConfiguration: this.initial,
            applied: index === 0 ? undefined : { index, term, configuration },
          },
        ],
      },
      testPrng(this.#seed * 1_000 + this.#starts * 10 + id),
      this.clock(id),
    );
    const member = new TestMember(id, node, segments, store);
    this.members.set(id, member);
    this.step(id, { kind: 'tick' });
    return member;
  }

  #handle(member: TestMember, effects: readonly RaftNodeEffect[]): void {
    for (const effect of effects) {
      member.effects.push(effect);
      switch (effect.kind) {
        case 'persist':
          for (const append of effect.appends) member.segments.append(append);
          member.persistedSeq = effect.syncSeq;
          break;
        case 'send': {
          const packet = { from: member.id, to: effect.to, messages: effect.messages };
          if (effect.afterSyncSeq > member.syncedSeq) {
            member.gated.push({ packet, afterSyncSeq: effect.afterSyncSeq });
          } else {
            this.packets.push(packet);
          }
          break;
        }
        case 'removeSegments':
          // The port promises that everything before is durable by then.
          this.sync(member.id);
          for (const file of effect.files) member.segments.remove(file);
          break;
        case 'committed':
          this.#apply(member);
          break;
        default:
          break;
      }
    }
  }

  #apply(member: TestMember): void {
    const { store } = member;
    for (
      let entries = member.node.take(group1, 256);
      entries.length > 0;
      entries = member.node.take(group1, 256)
    ) {
      for (const entry of entries) {
        if (entry.index !== store.index + 1)
          throw new Error(`entry ${entry.index} applied after ${store.index}`);
        store.index = entry.index;
        store.term = entry.term;
        if (entry.kind === 'command') {
          const command = latin1FromBytes(entry.data);
          // Every command is proposed once, so it must not be found twice.
          if (store.applied.includes(command)) throw new Error(`${command} was applied twice`);
          store.applied.push(command);
        }
        if (entry.kind === 'configuration') store.configuration = decodeConfiguration(entry.data);
      }
    }
    this.step(member.id, { kind: 'applied', group: group1, index: store.index });
  }
}
