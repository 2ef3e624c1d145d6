import { assert, present, unreachable } from '../../../core/base/assert.ts';
import { concatBytes } from '../../../core/base/bytes.ts';
import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { type BrokerPorts, brokerTables, ChronikBroker } from '../../../core/chronik/broker.ts';
import {
  type BrokerConfig,
  type BrokerEffect,
  type BrokerEvent,
  type BrokerMessage,
  type BrokerRequest,
  type BrokerResponse,
  type CallingClient,
} from '../../../core/chronik/broker-protocol.ts';
import { decodeBrokerMessages, encodeBrokerMessages } from '../../../core/chronik/message-codec.ts';
import { type BrokerSettings, defaultBrokerSettings } from '../../../core/chronik/settings.ts';
import { defaultRaftOptions } from '../../../core/raft/types.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import {
  type ApiName,
  apis,
  type KafkaCall,
  type RequestOf,
  type ResponseOf,
} from '../../../core/wire/kafka/apis.ts';
import { type Message, type Partially } from '../../../core/wire/kafka/schema.ts';
import { seededPrng } from '../../../sim/prng.ts';

/** A broker, and the runner's part of it. */
class Node {
  readonly id: NodeId;
  readonly store = new CountingBackend(brokerTables);
  readonly segments = new MemorySegments();
  broker: ChronikBroker;
  up = true;
  reportedStored = 0;
  stopReason: string | undefined;

  constructor(id: NodeId, start: (ports: BrokerPorts) => ChronikBroker) {
    this.id = id;
    this.broker = start(this);
  }
}

class CountingBackend extends MemoryBackend {
  lastSeq = 0;

  override write(batch: Parameters<MemoryBackend['write']>[0]): number {
    this.lastSeq = super.write(batch);
    return this.lastSeq;
  }
}

interface Delivery {
  readonly atUs: number;
  readonly order: number;
  readonly to: NodeId;
  readonly event: BrokerEvent;
}

const latencyUs = 1_000;
const wallClockEveryUs = 1_000_000;
const wallBeginsUs = 1_700_000_000_000_000;

export const testListener = 'PLAINTEXT';
export const anonymous: CallingClient = {
  id: 'test',
  principal: 'User:ANONYMOUS',
  host: '127.0.0.1',
  listener: testListener,
};

/**
 * Brokers joined by a pure network: every message goes through the codec and takes a millisecond, disks take none, and clients'
 * calls go through Kafka's codec both ways. Nothing fails unless the test says so.
 */
export class TestBrokers {
  readonly nodes = new Map<NodeId, Node>();
  readonly replies = new Map<number, BrokerResponse>();
  /** Sees every message and may drop it (0), pass it (1) or double it (2). */
  onMessage: (from: NodeId, to: NodeId, message: BrokerMessage) => number = () => 1;
  nowUs = 0;
  snapshots = 0;
  #order = 0;
  #requests = 0;
  #wallDueUs = 0;
  #deliveries: Delivery[] = [];
  readonly #config: Omit<BrokerConfig, 'id' | 'endpoints'>;
  #starts = 0;

  constructor(size: number, settings: Partial<BrokerSettings> = {}) {
    const ids = Array.from({ length: size }, (_, at) => nodeId(at + 1));
    this.#config = {
      clusterId: 7n,
      initialBrokers: ids.map((id) => ({ id, name: `b${id}` })),
      rack: undefined,
      raft: defaultRaftOptions,
      settings: { ...defaultBrokerSettings, ...settings },
    };
    for (const id of ids) this.nodes.set(id, new Node(id, (ports) => this.#start(id, ports)));
  }

  node(id: number): Node {
    return present(this.nodes.get(nodeId(id)), `broker ${id} exists`);
  }

  broker(id: number): ChronikBroker {
    return this.node(id).broker;
  }

  /** Everything but the files and the store is lost. */
  crash(id: number): void {
    const node = this.node(id);
    node.up = false;
    this.#deliveries = this.#deliveries.filter((delivery) => delivery.to !== node.id);
  }

  restart(id: number): void {
    const node = this.node(id);
    node.up = true;
    node.broker = this.#start(node.id, node);
    node.reportedStored = node.store.lastSeq;
    this.#wallClock(node);
  }

  /** All that run are registered, unfenced, and know of each other. */
  ready(): void {
    this.runUntil(() => {
      const up = this.#up();
      return up.every(({ broker: { view } }) =>
        up.every(({ id }) => !view.isFenced && view.image.broker(id)?.fenced === false),
      );
    });
  }

  /** Who leads the partition, as a broker that runs has it; 0: nobody. */
  leaderOf(topic: string, partition = 0): number {
    const [first] = this.#up();
    const leader = first?.broker.view.image.topic(topic)?.partitions[partition]?.leader ?? -1;
    return leader > 0 && this.node(leader).up ? leader : 0;
  }

  request(id: number, request: BrokerRequest): number {
    this.#requests += 1;
    this.step(id, { kind: 'requested', requestId: this.#requests, request });
    return this.#requests;
  }

  /** Sends a call, in the newest version unless told otherwise; its response will be in `replies`. */
  send<Api extends ApiName>(
    id: number,
    api: Api,
    body: Partially<RequestOf<Api>>,
    options: { readonly version?: number; readonly client?: CallingClient } = {},
  ): number {
    const version = options.version ?? apis[api].max;
    const codec = apis[api].request as unknown as Message<unknown>;
    const bytes = concatBytes(codec.encode(codec.create(body), version).chunks as Uint8Array[]);
    const call = { api, version, body: codec.decode(bytes, version) } as unknown as KafkaCall;
    return this.request(id, { kind: 'call', call, client: options.client ?? anonymous });
  }

  /** Asks a broker and runs until it answers. */
  call<Api extends ApiName>(
    id: number,
    api: Api,
    body: Partially<RequestOf<Api>>,
    options: { readonly version?: number; readonly client?: CallingClient; readonly withinUs?: number } = {},
  ): ResponseOf<Api> {
    const requestId = this.send(id, api, body, options);
    this.runUntil(() => this.replies.has(requestId), options.withinUs);
    return this.answer(id, requestId, api, options.version);
  }

  /** A response that has come, as its client reads it. */
  answer<Api extends ApiName>(
    id: number,
    requestId: number,
    api: Api,
    version: number = apis[api].max,
  ): ResponseOf<Api> {
    const reply = present(this.replies.get(requestId), 'answered');
    assert(reply.kind === 'answered', `answered, not ${reply.kind}`);
    const codec = apis[api].response as unknown as Message<unknown>;
    const { segments } = this.node(id);
    const chunks = codec.encode(reply.body, version).chunks.map((chunk) => {
      if (chunk instanceof Uint8Array) return chunk;
      return segments.read(chunk.file, chunk.positionBytes, chunk.lengthBytes);
    });
    return codec.decode(concatBytes(chunks), version) as ResponseOf<Api>;
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

  step(id: number, event: BrokerEvent): readonly BrokerEffect[] {
    const node = this.node(id);
    if (!node.up) return [];
    const effects = node.broker.step(event, this.nowUs);
    for (const effect of effects) this.#carryOut(node, effect);
    if (node.store.lastSeq > node.reportedStored) {
      node.reportedStored = node.store.lastSeq;
      this.#deliver(node.id, { kind: 'stored', storeSeq: node.store.lastSeq }, 0);
    }
    return effects;
  }

  #up(): readonly Node[] {
    return [...this.nodes.values()].filter(({ up }) => up);
  }

  #start(id: NodeId, ports: BrokerPorts): ChronikBroker {
    this.#starts += 1;
    const port = 9_092 + 100 * (id - 1);
    const endpoint = {
      listener: testListener,
      host: 'localhost',
      port,
      securityProtocol: 'PLAINTEXT',
    } as const;
    const config = { ...this.#config, id, endpoints: [endpoint] };
    return ChronikBroker.recover(ports, config, seededPrng(`broker ${id} ${this.#starts}`), this.nowUs);
  }

  #advance(): void {
    if (this.nowUs >= this.#wallDueUs) {
      this.#wallDueUs = this.nowUs + wallClockEveryUs;
      for (const node of this.#up()) this.#wallClock(node);
    }
    this.#deliveries.sort((left, right) => left.atUs - right.atUs || left.order - right.order);
    let tickUs = this.#wallDueUs;
    for (const { broker } of this.#up()) tickUs = Math.min(tickUs, broker.deadlineUs);
    const next = this.#deliveries[0];
    if (next !== undefined && next.atUs <= Math.max(tickUs, this.nowUs)) {
      this.#deliveries.shift();
      this.nowUs = Math.max(this.nowUs, next.atUs);
      this.step(next.to, next.event);
      return;
    }
    // A broker with work to do says "now"; time passes all the same.
    this.nowUs = Math.max(this.nowUs + 1, tickUs);
    for (const node of this.#up()) {
      if (node.broker.deadlineUs <= this.nowUs) this.step(node.id, { kind: 'tick' });
    }
  }

  #wallClock(node: Node): void {
    this.step(node.id, { kind: 'wallClock', wallUs: wallBeginsUs + this.nowUs });
  }

  #carryOut(node: Node, effect: BrokerEffect): void {
    switch (effect.kind) {
      case 'persist':
        for (const { file, bytes } of effect.appends) node.segments.append(file, bytes);
        this.#deliver(node.id, { kind: 'synced', syncSeq: effect.syncSeq }, 0);
        break;
      case 'send':
        // Disks take no time: whatever the message waits for is durable before it arrives.
        for (const message of effect.messages) this.#carry(node, effect.to, message);
        break;
      case 'reply':
        this.replies.set(effect.requestId, effect.response);
        break;
      case 'cutSegments':
        for (const { file, lengthBytes } of effect.cuts) node.segments.cut(file, lengthBytes);
        break;
      case 'removeSegments':
        for (const file of effect.files) node.segments.remove(file);
        break;
      case 'sendSnapshot':
        this.#snapshot(node, effect);
        break;
      case 'stop':
        node.up = false;
        node.stopReason = effect.reason;
        break;
      default:
        unreachable(effect);
    }
  }

  #carry(node: Node, to: NodeId, message: BrokerMessage): void {
    const copies = this.onMessage(node.id, to, message);
    const bytes = encodeBrokerMessages([message], node.segments);
    for (let copy = 0; copy < copies; copy += 1) {
      const messages = decodeBrokerMessages(bytes);
      this.#deliver(to, { kind: 'received', from: node.id, messages }, latencyUs);
    }
  }

  #snapshot(node: Node, effect: Extract<BrokerEffect, { kind: 'sendSnapshot' }>): void {
    const view = node.store.view(effect.viewId);
    const target = this.node(effect.to);
    if (!target.up) {
      view.close();
      this.#deliver(node.id, { kind: 'snapshotFailed', to: effect.to }, latencyUs);
      return;
    }
    this.snapshots += 1;
    const stageId = target.store.openStage();
    for (const table of brokerTables) {
      target.store.stageRows(stageId, table, [...view.range(table, { from: '' })]);
    }
    view.close();
    const { header } = effect;
    this.#deliver(effect.to, { kind: 'snapshotReceived', from: node.id, stageId, header }, latencyUs);
    this.#deliver(node.id, { kind: 'snapshotSent', to: effect.to }, latencyUs);
  }

  #deliver(to: NodeId, event: BrokerEvent, delayUs: number): void {
    this.#order += 1;
    if (!this.node(to).up) return;
    this.#deliveries.push({ atUs: this.nowUs + delayUs, order: this.#order, to, event });
  }
}
