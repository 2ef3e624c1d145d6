import { assert, present } from '../../../../core/base/assert.ts';
import { type NodeId, nodeId } from '../../../../core/base/ids.ts';
import { type MetadataCommand } from '../../../../core/chronik/metadata/commands.ts';
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  type MetadataMessage,
} from '../../../../core/chronik/metadata/messages.ts';
import { type MetadataOutcome } from '../../../../core/chronik/metadata/outcomes.ts';
import { MetadataReplica } from '../../../../core/chronik/metadata/replica.ts';
import {
  defaultMetadataConfig,
  type MetadataConfig,
  type MetadataEffect,
  type MetadataEvent,
} from '../../../../core/chronik/metadata/replica-protocol.ts';
import { metadataTables } from '../../../../core/chronik/metadata/tables.ts';
import { MemoryBackend } from '../../../../core/storage/memory-backend.ts';
import { MemorySegments } from '../../../../core/storage/memory-segments.ts';
import { seededPrng } from '../../../../sim/prng.ts';

class CountingBackend extends MemoryBackend {
  lastSeq = 0;

  override write(batch: Parameters<MemoryBackend['write']>[0]): number {
    this.lastSeq = super.write(batch);
    return this.lastSeq;
  }
}

/** A broker's metadata, and the runner's part of it. */
class Node {
  readonly id: NodeId;
  readonly store = new CountingBackend(metadataTables);
  readonly segments = new MemorySegments();
  replica: MetadataReplica;
  boots = 0;
  up = true;
  reportedStored = 0;

  constructor(id: NodeId, start: (node: Node) => MetadataReplica) {
    this.id = id;
    this.replica = start(this);
  }
}

interface Delivery {
  readonly atUs: number;
  readonly order: number;
  readonly to: NodeId;
  readonly event: MetadataEvent;
}

const latencyUs = 1_000;

/**
 * The metadata of several brokers joined by a pure network: every message goes through the codec and takes a millisecond, disks
 * take no time. Nothing fails unless the test says so.
 */
export class MetadataCluster {
  readonly nodes = new Map<NodeId, Node>();
  readonly outcomes = new Map<number, MetadataOutcome>();
  /** Sees every message; false drops it. */
  onMessage: (from: NodeId, to: NodeId, message: MetadataMessage) => boolean = () => true;
  nowUs = 0;
  snapshots = 0;
  #order = 0;
  #tokens = 0;
  #deliveries: Delivery[] = [];
  readonly #config: Omit<MetadataConfig, 'id' | 'endpoints'>;

  constructor(size: number, config: Partial<MetadataConfig> = {}) {
    const initialBrokers = Array.from({ length: size }, (_, at) => nodeId(at + 1));
    this.#config = { ...defaultMetadataConfig, initialBrokers, ...config };
    for (const id of initialBrokers) this.nodes.set(id, new Node(id, (node) => this.#start(node)));
  }

  node(id: number): Node {
    return present(this.nodes.get(nodeId(id)), `node ${id} exists`);
  }

  replica(id: number): MetadataReplica {
    return this.node(id).replica;
  }

  /** Everything but the log and the store is lost. */
  crash(id: number): void {
    const node = this.node(id);
    node.up = false;
    this.#deliveries = this.#deliveries.filter((delivery) => delivery.to !== node.id);
  }

  restart(id: number): void {
    const node = this.node(id);
    node.up = true;
    node.replica = this.#start(node);
    node.reportedStored = node.store.lastSeq;
  }

  /** Proposes a command at a broker; its outcome will be in `outcomes`. */
  propose(id: number, command: MetadataCommand): number {
    this.#tokens += 1;
    this.replica(id).propose(command, this.#tokens);
    return this.#tokens;
  }

  /** Proposes a command and runs until its outcome is there. */
  call(id: number, command: MetadataCommand): MetadataOutcome {
    const token = this.propose(id, command);
    this.runUntil(() => this.outcomes.has(token), 60_000_000);
    return present(this.outcomes.get(token), 'there is an outcome');
  }

  /** Runs until every broker that is up knows that each of them is registered and unfenced. */
  settle(): void {
    this.runUntil(() => {
      const up = this.#up;
      return up.every(({ replica }) =>
        up.every(({ id, replica: other }) => {
          const broker = replica.image.broker(id);
          return broker?.fenced === false && broker.epoch === other.brokerEpoch;
        }),
      );
    });
  }

  get controller(): number {
    return this.#up.find(({ replica }) => replica.isController)?.id ?? 0;
  }

  runUntil(condition: () => boolean, withinUs = 60_000_000): void {
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

  /** Every broker that is up has applied all that is committed anywhere. */
  quiesce(): void {
    this.runUntil(() => {
      const last = Math.max(...this.#up.map(({ replica }) => replica.raft.lastIndex));
      return this.#up.every(({ replica }) => replica.image.index === last);
    });
  }

  /** All that a broker's store holds. */
  rows(id: number): readonly string[] {
    const { store } = this.node(id);
    return metadataTables.flatMap((table) =>
      [...store.range(table, { from: '' })].map(([key, value]) => `${table} ${key} ${value.join(' ')}`),
    );
  }

  step(id: number, event: MetadataEvent): readonly MetadataEffect[] {
    const node = this.node(id);
    if (!node.up) return [];
    const effects = node.replica.step(event, this.nowUs);
    for (const effect of effects) this.#carryOut(node, effect);
    if (node.store.lastSeq > node.reportedStored) {
      node.reportedStored = node.store.lastSeq;
      this.#deliver(node.id, { kind: 'stored', storeSeq: node.store.lastSeq }, 0);
    }
    return effects;
  }

  get #up(): readonly Node[] {
    return [...this.nodes.values()].filter((node) => node.up);
  }

  #advance(): void {
    this.#deliveries.sort((left, right) => left.atUs - right.atUs || left.order - right.order);
    let tickUs = Infinity;
    for (const { replica } of this.#up) tickUs = Math.min(tickUs, replica.deadlineUs);
    const next = this.#deliveries[0];
    if (next !== undefined && next.atUs <= Math.max(tickUs, this.nowUs)) {
      this.#deliveries.shift();
      this.nowUs = Math.max(this.nowUs, next.atUs);
      this.step(next.to, next.event);
      return;
    }
    assert(tickUs < Infinity, 'somebody will do something');
    // One with work to do says "now"; time passes all the same.
    this.nowUs = Math.max(this.nowUs + 1, tickUs);
    for (const { id, replica } of this.#up)
      if (replica.deadlineUs <= this.nowUs) this.step(id, { kind: 'tick' });
  }

  #carryOut(node: Node, effect: MetadataEffect): void {
    switch (effect.kind) {
      case 'persist':
        for (const { file, bytes } of effect.appends) node.segments.append(file, bytes);
        this.#deliver(node.id, { kind: 'synced', syncSeq: effect.syncSeq }, 0);
        break;
      case 'send':
        for (const message of effect.messages) {
          if (!this.onMessage(node.id, effect.to, message)) continue;
          const messages = [decodeMetadataMessage(encodeMetadataMessage(message))];
          this.#deliver(effect.to, { kind: 'received', from: node.id, messages }, latencyUs);
        }
        break;
      case 'outcome':
        assert(!this.outcomes.has(effect.token), 'a command has one outcome');
        this.outcomes.set(effect.token, effect.outcome);
        break;
      case 'removeSegments':
        for (const file of effect.files) node.segments.remove(file);
        break;
      case 'sendSnapshot':
        this.#copySnapshot(node, effect);
        break;
      case 'stop':
        throw new Error(effect.reason);
    }
  }

  #copySnapshot(from: Node, effect: Extract<MetadataEffect, { kind: 'sendSnapshot' }>): void {
    this.snapshots += 1;
    const view = from.store.view(effect.viewId);
    const target = this.node(effect.to);
    if (target.up) {
      const stageId = target.store.openStage();
      for (const table of metadataTables) {
        target.store.stageRows(stageId, table, [...view.range(table, { from: '' })]);
      }
      const { header } = effect;
      this.#deliver(target.id, { kind: 'snapshotReceived', from: from.id, stageId, header }, latencyUs);
    }
    view.close();
    const kind = target.up ? 'snapshotSent' : 'snapshotFailed';
    this.#deliver(from.id, { kind, to: effect.to }, 2 * latencyUs);
  }

  #deliver(to: NodeId, event: MetadataEvent, afterUs: number): void {
    this.#order += 1;
    this.#deliveries.push({ atUs: this.nowUs + afterUs, order: this.#order, to, event });
  }

  #start(node: Node): MetadataReplica {
    node.boots += 1;
    const { id } = node;
    const endpoints = [{ listener: 'PLAINTEXT', host: `b${id}`, port: 9092, securityProtocol: 0 }];
    const config = { ...this.#config, id, endpoints };
    const prng = seededPrng(`broker ${id} boot ${node.boots}`);
    return MetadataReplica.recover({ store: node.store, segments: node.segments }, config, prng, this.nowUs);
  }
}
