import { assert, present } from '../../../core/base/assert.ts';
import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { ChainfireMember, defaultMemberConfig, memberTables } from '../../../core/chainfire/member.ts';
import {
  type JoiningMember,
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
  type MemberResponse,
} from '../../../core/chainfire/member-protocol.ts';
import { decodeGroupMessages, encodeGroupMessages } from '../../../core/raft/message-codec.ts';
import { type GroupMessage } from '../../../core/raft/types.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { seededPrng } from '../../../sim/prng.ts';

/** A member, and the runner's part of it. */
class Node {
  readonly id: NodeId;
  store = new CountingBackend(memberTables);
  readonly segments = new MemorySegments();
  member: ChainfireMember;
  boots = 0;
  up = true;
  /** By how many millionths its clock is fast. */
  clockPpm = 0;
  /** `stored` is kept back while true. */
  holdsStored = false;
  reportedStored = 0;
  /** What of the store survives `loseUnstored`. */
  storedView: number | undefined;
  stopReason: string | undefined;

  constructor(id: NodeId, start: (node: Node) => ChainfireMember) {
    this.id = id;
    this.member = start(this);
  }
}

class CountingBackend extends MemoryBackend {
  lastSeq = 0;

  override write(batch: Parameters<MemoryBackend['write']>[0]): number {
    this.lastSeq = super.write(batch);
    return this.lastSeq;
  }
}

export type StreamEffect = Extract<MemberEffect, { kind: 'notify' | 'endStream' }>;

interface Delivery {
  readonly atUs: number;
  readonly order: number;
  readonly to: NodeId;
  readonly event: MemberEvent;
}

const latencyUs = 1_000;

/**
 * Members joined by a pure network: every message goes through the codec and takes a millisecond, disks take none. Nothing
 * fails unless the test says so.
 */
export class TestCluster {
  readonly nodes = new Map<NodeId, Node>();
  readonly replies = new Map<number, MemberResponse>();
  /** Sees every message and may drop it (0), pass it (1) or double it (2). */
  onMessage: (from: NodeId, to: NodeId, message: GroupMessage) => number = () => 1;
  /** Gets what members say to their streams. */
  onStream: (from: NodeId, effect: StreamEffect) => void = () => undefined;
  nowUs = 0;
  /** Snapshots that were sent. */
  snapshots = 0;
  /** How long a snapshot is on its way. */
  snapshotUs = latencyUs;
  #order = 0;
  #requests = 0;
  #deliveries: Delivery[] = [];
  readonly #config: Omit<MemberConfig, 'id'>;
  readonly #joins = new Map<NodeId, JoiningMember>();
  readonly #contacts = new Map<NodeId, readonly NodeId[]>();

  constructor(size: number, config: Partial<MemberConfig> = {}) {
    const ids = Array.from({ length: size }, (_, at) => nodeId(at + 1));
    const initialMembers = ids.map((id) => ({ id, name: `m${id}`, peerUrls: [`http://m${id}:2380`] }));
    this.#config = {
      ...defaultMemberConfig,
      clusterId: 7n,
      initialMembers,
      clientUrls: ['http://c:2379'],
      ...config,
    };
    for (const id of ids) this.nodes.set(id, new Node(id, (node) => this.#start(node)));
  }

  node(id: number): Node {
    return present(this.nodes.get(nodeId(id)), `node ${id} exists`);
  }

  member(id: number): ChainfireMember {
    return this.node(id).member;
  }

  /** A member that was added begins with nothing but its id and whom to ask. */
  join(id: number, contacts: readonly number[] = []): void {
    this.#joins.set(nodeId(id), { name: `m${id}`, peerUrls: [`http://m${id}:2380`] });
    this.#contacts.set(nodeId(id), contacts.map(nodeId));
    this.nodes.set(nodeId(id), new Node(nodeId(id), (node) => this.#start(node)));
  }

  /** Everything but the log and the store is lost. */
  crash(id: number): void {
    const node = this.node(id);
    node.up = false;
    this.#deliveries = this.#deliveries.filter((delivery) => delivery.to !== node.id);
  }

  /** Starts it once more; whom it may ask stays as it was told before, unless it is told anew. */
  restart(id: number, contacts?: readonly number[]): void {
    if (contacts !== undefined) this.#contacts.set(nodeId(id), contacts.map(nodeId));
    const node = this.node(id);
    node.up = true;
    node.member = this.#start(node);
    node.reportedStored = node.store.lastSeq;
  }

  /** From here on nothing that the store is given reaches its disk. */
  holdStored(id: number): void {
    const node = this.node(id);
    node.holdsStored = true;
    node.storedView = node.store.openView();
  }

  /** The store of a crashed member goes back to where `holdStored` was. */
  loseUnstored(id: number): void {
    const node = this.node(id);
    const view = node.store.view(present(node.storedView, 'the store was held'));
    const store = new CountingBackend(memberTables);
    const rows = memberTables.flatMap((table) =>
      [...view.range(table, { from: '' })].map(([key, value]) => ({ table, key, value })),
    );
    store.write(rows);
    node.store = store;
    node.holdsStored = false;
  }

  /** Forwards a request to a member; its answer will be in `replies`. */
  send(id: number, request: MemberRequest): number {
    this.#requests += 1;
    this.step(id, { kind: 'requested', requestId: this.#requests, request });
    return this.#requests;
  }

  /** Asks a member and runs until it answers. */
  call(id: number, request: MemberRequest, withinUs = 20_000_000): MemberResponse {
    const requestId = this.send(id, request);
    this.runUntil(() => this.replies.has(requestId), withinUs);
    return present(this.replies.get(requestId), 'answered');
  }

  /** Runs until somebody leads and has told the others; returns the leader. */
  elect(): number {
    let leader = 0;
    this.runUntil(() => {
      const up = [...this.nodes.values()].filter((node) => node.up);
      leader = up.find(({ member }) => member.view.raft.role === 'leader')?.id ?? 0;
      return leader !== 0 && up.every(({ member }) => member.view.raft.leader === leader);
    });
    return leader;
  }

  runUntil(condition: () => boolean, withinUs = 20_000_000): void {
    const endUs = this.nowUs + withinUs;
    while (!condition()) {
      assert(this.nowUs <= endUs, `it comes to pass within ${withinUs} µs`);
      this.#advance();
    }
  }

  run(forUs: number): void {
    const endUs = this.nowUs + forUs;
    this.runUntil(() => this.nowUs >= endUs, forUs + 10_000_000);
  }

  /** Every member has applied all that is committed anywhere. */
  quiesce(): void {
    this.runUntil(() => {
      const up = [...this.nodes.values()].filter((node) => node.up);
      const last = Math.max(...up.map(({ member }) => member.view.raft.lastIndex));
      return up.every(({ member }) => member.view.appliedIndex === last);
    });
  }

  memberConfigOf(id: number): MemberConfig {
    const node = nodeId(id);
    return { ...this.#config, id: node, join: this.#joins.get(node), contacts: this.#contacts.get(node) };
  }

  step(id: number, event: MemberEvent): readonly MemberEffect[] {
    const node = this.node(id);
    if (!node.up) return [];
    const effects = node.member.step(event, this.clockOf(node));
    for (const effect of effects) this.#carryOut(node, effect);
    this.releaseStored(node);
    return effects;
  }

  /** What the node's own clock says. */
  clockOf({ clockPpm }: Node): number {
    return this.nowUs + Math.floor((this.nowUs * clockPpm) / 1_000_000);
  }

  releaseStored(node: Node): void {
    if (node.holdsStored || node.store.lastSeq <= node.reportedStored) return;
    node.reportedStored = node.store.lastSeq;
    this.#deliver(node.id, { kind: 'stored', storeSeq: node.store.lastSeq }, 0);
  }

  #advance(): void {
    this.#deliveries.sort((left, right) => left.atUs - right.atUs || left.order - right.order);
    let tickUs = Infinity;
    for (const node of this.nodes.values()) if (node.up) tickUs = Math.min(tickUs, this.#wakeUs(node));
    const next = this.#deliveries[0];
    if (next !== undefined && next.atUs <= Math.max(tickUs, this.nowUs)) {
      this.#deliveries.shift();
      this.nowUs = Math.max(this.nowUs, next.atUs);
      this.step(next.to, next.event);
      return;
    }
    assert(tickUs < Infinity, 'somebody will do something');
    // A member with work to do says "now"; time passes all the same.
    this.nowUs = Math.max(this.nowUs + 1, tickUs);
    for (const node of this.nodes.values()) {
      if (node.up && this.#wakeUs(node) <= this.nowUs) this.step(node.id, { kind: 'tick' });
    }
  }

  /** When a node's clock says what its deadline is. */
  #wakeUs(node: Node): number {
    const { deadlineUs } = node.member;
    if (deadlineUs === Infinity || node.clockPpm === 0) return deadlineUs;
    let wakeUs = Math.floor((deadlineUs * 1_000_000) / (1_000_000 + node.clockPpm));
    while (wakeUs + Math.floor((wakeUs * node.clockPpm) / 1_000_000) < deadlineUs) wakeUs += 1;
    return wakeUs;
  }

  #carryOut(node: Node, effect: MemberEffect): void {
    switch (effect.kind) {
      case 'persist':
        for (const { file, bytes } of effect.appends) node.segments.append(file, bytes);
        this.#deliver(node.id, { kind: 'synced', syncSeq: effect.syncSeq }, 0);
        break;
      case 'send':
        // Disks take no time: whatever the message waits for is durable before it arrives.
        for (const message of effect.messages) {
          const copies = this.onMessage(node.id, effect.to, message);
          for (let copy = 0; copy < copies; copy += 1) {
            const messages = decodeGroupMessages(encodeGroupMessages([message]));
            this.#deliver(effect.to, { kind: 'received', from: node.id, messages }, latencyUs);
          }
        }
        break;
      case 'reply':
        assert(!this.replies.has(effect.requestId), 'a request is answered once');
        this.replies.set(effect.requestId, effect.response);
        break;
      case 'removeSegments':
        for (const file of effect.files) node.segments.remove(file);
        break;
      case 'notify':
      case 'endStream':
        this.onStream(node.id, effect);
        break;
      case 'sendSnapshot':
        this.#copySnapshot(node, effect);
        break;
      case 'stop':
        node.stopReason = effect.reason;
        break;
    }
  }

  #copySnapshot(from: Node, effect: Extract<MemberEffect, { kind: 'sendSnapshot' }>): void {
    this.snapshots += 1;
    const view = from.store.view(effect.viewId);
    const target = this.nodes.get(effect.to);
    if (target?.up === true) {
      const stageId = target.store.openStage();
      for (const table of memberTables) {
        target.store.stageRows(stageId, table, [...view.range(table, { from: '' })]);
      }
      const { header } = effect;
      this.#deliver(target.id, { kind: 'snapshotReceived', from: from.id, stageId, header }, this.snapshotUs);
    }
    view.close();
    const kind = target?.up === true ? 'snapshotSent' : 'snapshotFailed';
    this.#deliver(from.id, { kind, to: effect.to }, this.snapshotUs + latencyUs);
  }

  #deliver(to: NodeId, event: MemberEvent, afterUs: number): void {
    // Added, and not started yet.
    if (!this.nodes.has(to)) return;
    this.#order += 1;
    this.#deliveries.push({ atUs: this.nowUs + afterUs, order: this.#order, to, event });
  }

  #start(node: Node): ChainfireMember {
    node.boots += 1;
    const prng = seededPrng(`member ${node.id} boot ${node.boots}`);
    const ports = { store: node.store, segments: node.segments };
    return ChainfireMember.recover(ports, this.memberConfigOf(node.id), prng, this.clockOf(node));
  }
}
