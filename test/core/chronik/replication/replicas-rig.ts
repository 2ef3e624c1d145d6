import { present } from '../../../../core/base/assert.ts';
import { type NodeId, nodeId } from '../../../../core/base/ids.ts';
import { defaultLogConfig, type LogConfig } from '../../../../core/chronik/log/config.ts';
import { partitionDirectory } from '../../../../core/chronik/log/file-names.ts';
import { PartitionLog } from '../../../../core/chronik/log/partition-log.ts';
import {
  type CommandBody,
  type CommandName,
  createCommand,
  type MetadataCommand,
} from '../../../../core/chronik/metadata/commands.ts';
import { type MetadataOutcome } from '../../../../core/chronik/metadata/outcomes.ts';
import { type PartitionState } from '../../../../core/chronik/metadata/rows.ts';
import { type AlterPartitionProposal } from '../../../../core/chronik/replication/assignment.ts';
import {
  decodeReplicationMessages,
  encodeReplicationMessages,
} from '../../../../core/chronik/replication/message-codec.ts';
import { type ReplicationMessage } from '../../../../core/chronik/replication/messages.ts';
import { type ReplicationPort } from '../../../../core/chronik/replication/replication-port.ts';
import { Replication } from '../../../../core/chronik/replication/replication.ts';
import {
  type AppendEnd,
  type AppendOutcome,
  type AppendRequest,
  type DeleteRecordsEnd,
  type FetchedPartition,
} from '../../../../core/chronik/replication/requests.ts';
import {
  defaultReplicationSettings,
  type ReplicationSettings,
} from '../../../../core/chronik/replication/settings.ts';
import { type PartitionKey } from '../../../../core/chronik/types.ts';
import { type RecordBatch, scanBatches } from '../../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch } from '../../../../core/wire/kafka/records.ts';
import { Scene } from '../metadata/scene.ts';
import { LosingSegments } from './losing-segments.ts';

export const wallMs = 1_700_000_000_000;
export const topic = 'orders';

/** An entry of the metadata's log: which each broker applies in its own time. */
interface MetadataEntry {
  readonly command: MetadataCommand;
  readonly proposer: number;
  readonly outcomeFor: ((outcome: MetadataOutcome) => void) | undefined;
}

export interface Envelope {
  readonly from: number;
  readonly to: number;
  readonly message: ReplicationMessage;
}

/** What a broker has told whoever asked it. */
export type Told =
  | { readonly appended: number; readonly end: AppendEnd }
  | { readonly fetched: number; readonly partitions: readonly FetchedPartition[] }
  | { readonly deleted: number; readonly end: DeleteRecordsEnd }
  | { readonly led: number }
  | 'left'
  | { readonly highWatermark: number };

export interface RigOptions {
  /** Replicas of the topic's one partition, the preferred leader first. Default: brokers 1, 2 and 3. */
  readonly replicas?: readonly number[];
  readonly configs?: Readonly<Record<string, string>>;
  readonly settings?: Partial<ReplicationSettings>;
  readonly logConfig?: Partial<LogConfig>;
}

/**
 * Brokers that replicate one partition, with real logs, real metadata that each applies in its own time, and a network that does
 * what the test says. Messages go through the codec.
 */
export class ReplicasRig {
  nowUs = 0;
  readonly brokers = new Map<number, RigBroker>();
  readonly entries: MetadataEntry[] = [];
  /** On the way, oldest first. */
  network: Envelope[] = [];
  readonly settings: ReplicationSettings;
  readonly logConfig: LogConfig;
  /** The metadata as its log has it, whoever has applied it. */
  readonly truth = new Scene();
  readonly key: PartitionKey;

  constructor(options: RigOptions = {}) {
    const { replicas = [1, 2, 3], configs = {} } = options;
    this.settings = { ...defaultReplicationSettings, ...options.settings };
    this.logConfig = { ...defaultLogConfig, ...options.logConfig };
    for (const id of [...replicas].sort((left, right) => left - right)) {
      this.brokers.set(id, new RigBroker(this, id));
      this.register(id);
      this.unfence(id);
    }
    this.propose('createTopic', {
      name: topic,
      id: '00000000000000000000000000000009',
      partitionCount: -1,
      replicationFactor: -1,
      assignments: [{ partition: 0, brokers: replicas }],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    });
    this.key = { created: this.truth.state.index, partition: 0 };
  }

  broker(id: number): RigBroker {
    return present(this.brokers.get(id), `broker ${id} is there`);
  }

  get partition(): PartitionState {
    return this.truth.partition(topic);
  }

  /** Puts a command into the metadata's log. */
  propose<Name extends CommandName>(
    kind: Name,
    body: Partial<CommandBody<Name>>,
    given: { readonly proposer?: number; readonly then?: (outcome: MetadataOutcome) => void } = {},
  ): MetadataOutcome {
    const command = createCommand(kind, body) as unknown as MetadataCommand;
    this.entries.push({ command, proposer: given.proposer ?? 0, outcomeFor: given.then });
    return this.truth.apply(command);
  }

  /** A new life of a broker; what it has applied of the metadata it applies again. */
  register(id: number): void {
    const broker = this.broker(id);
    this.propose('registerBroker', {
      broker: nodeId(id),
      incarnation: (this.entries.length + 1).toString(16).padStart(32, '0'),
      endpoints: [{ listener: 'PLAINTEXT', host: `b${id}`, port: 9092, securityProtocol: 0 }],
    });
    broker.registeredAt = this.entries.length;
  }

  unfence(id: number): void {
    this.propose('unfenceBroker', { broker: nodeId(id), brokerEpoch: this.truth.epochOf(id) });
  }

  fence(id: number): void {
    this.propose('fenceBroker', { broker: nodeId(id), brokerEpoch: this.truth.epochOf(id) });
  }

  /** Everybody who runs applies everything. */
  applyAll(): void {
    for (const broker of this.brokers.values()) if (broker.isUp) broker.applyTo(this.entries.length);
  }

  /** Delivers one message, the oldest by default. */
  deliver(at = 0): void {
    const [envelope] = this.network.splice(at, 1);
    if (envelope === undefined) return;
    const to = this.broker(envelope.to);
    if (to.isUp) to.received(envelope);
  }

  /**
   * Lets things take their course: messages arrive, disks sync, metadata is applied, as long as any of that is left to do without
   * time passing.
   */
  settle(options: { readonly drops?: (envelope: Envelope) => boolean } = {}): void {
    for (let rounds = 0; ; rounds += 1) {
      if (rounds > 10_000) throw new Error('it does not come to rest');
      this.applyAll();
      for (const broker of this.brokers.values()) if (broker.isUp && broker.hasUnsynced) broker.sync();
      const dropped = options.drops;
      if (dropped !== undefined) this.network = this.network.filter((envelope) => !dropped(envelope));
      if (this.network.length === 0) {
        const isIdle = [...this.brokers.values()].every(
          (broker) => !broker.isUp || (!broker.hasUnsynced && broker.applied === this.entries.length),
        );
        if (isIdle) return;
      }
      this.deliver();
    }
  }

  /** Time passes, for those who run; each is ticked when it wants to be. */
  pass(durationUs: number, options: { readonly drops?: (envelope: Envelope) => boolean } = {}): void {
    const untilUs = this.nowUs + durationUs;
    for (;;) {
      this.settle(options);
      let nextUs = untilUs;
      for (const broker of this.brokers.values()) {
        if (broker.isUp) nextUs = Math.min(nextUs, broker.replication.deadlineUs);
      }
      this.nowUs = Math.max(nextUs, this.nowUs);
      for (const broker of this.brokers.values()) {
        if (broker.isUp && broker.replication.deadlineUs <= this.nowUs) broker.tick();
      }
      if (this.nowUs >= untilUs) break;
    }
    this.settle(options);
  }
}

/** A broker of the rig: its files and metadata outlive its replication. */
export class RigBroker {
  readonly id: number;
  readonly files = new LosingSegments();
  readonly #rig: ReplicasRig;
  isUp = true;
  /** Of the metadata's log: the entry that registered its present life. */
  registeredAt = 0;
  applied = 0;
  told: Told[] = [];
  /** How often it has asked whether what it has applied of the metadata is the newest. */
  confirmationsAsked = 0;
  replication: Replication;
  log: PartitionLog | undefined;
  #scene = new Scene();
  /** One sync covers what a step appends. */
  #syncSeq = 0;
  #hasAppended = false;
  #syncedSeq = 0;
  #token = 0;

  constructor(rig: ReplicasRig, id: number) {
    this.#rig = rig;
    this.id = id;
    this.replication = this.#newReplication();
  }

  get hasUnsynced(): boolean {
    return this.#syncedSeq < this.#syncSeq;
  }

  get view(): ReturnType<Replication['replica']> {
    return this.replication.replica(this.#rig.key);
  }

  get highWatermark(): number {
    return this.view?.highWatermark ?? -1;
  }

  get theLog(): PartitionLog {
    return present(this.log, 'the partition is here');
  }

  /** One step of it. */
  step<T>(act: () => T): T {
    const result = act();
    this.replication.settle(this.#rig.nowUs);
    this.replication.flush(this.#rig.nowUs);
    if (this.#hasAppended) this.#syncSeq += 1;
    this.#hasAppended = false;
    return result;
  }

  /** Values, one batch. @returns the outcome, with the token that it has */
  produce(values: readonly string[], given: Partial<AppendRequest> = {}): AppendOutcome & { token: number } {
    const records = values.map((value) => ({ timestampMs: wallMs, value: new TextEncoder().encode(value) }));
    return this.append(encodeBatch({ records }), given);
  }

  append(records: Uint8Array, given: Partial<AppendRequest> = {}): AppendOutcome & { token: number } {
    this.#token += 1;
    const token = this.#token;
    const request: AppendRequest = {
      key: this.#rig.key,
      records,
      acks: -1,
      token,
      deadlineUs: this.#rig.nowUs + 30_000_000,
      wallMs,
      origin: 'client',
      ...given,
    };
    return { ...this.step(() => this.replication.append(request)), token };
  }

  received({ from, message }: Envelope): void {
    this.step(() => {
      this.replication.received(nodeId(from), message, this.#rig.nowUs);
    });
  }

  sync(): void {
    this.#syncedSeq = this.#syncSeq;
    this.files.sync(() => undefined);
    this.step(() => {
      this.replication.synced(this.#syncedSeq, this.#rig.nowUs);
    });
  }

  tick(): void {
    this.step(() => {
      this.replication.tick(this.#rig.nowUs);
    });
  }

  /** Applies the metadata's log up to an entry, one a step. */
  applyTo(end: number): void {
    while (this.applied < end) {
      const entry = present(this.#rig.entries[this.applied], 'an entry that is there');
      const outcome = this.#scene.apply(entry.command);
      this.applied += 1;
      this.step(() => {
        if (this.applied > this.registeredAt && entry.proposer === this.id) entry.outcomeFor?.(outcome);
        this.#passOn();
      });
    }
  }

  /** What was decided before it asked for this is applied here. */
  confirmed(number: number): void {
    this.step(() => {
      this.replication.metadataConfirmed(number);
    });
  }

  /** The process dies, and of what was not synced the disk keeps so much. */
  crash(keptOf: (unsyncedBytes: number) => number = () => 0): void {
    this.isUp = false;
    this.files.crash(keptOf);
    this.log = undefined;
    this.#rig.network = this.#rig.network.filter(({ from }) => from !== this.id);
  }

  /** Its process starts anew: it knows what it had applied, and is nobody until it is registered again. */
  restart(): void {
    this.isUp = true;
    this.told = [];
    this.#syncSeq = 0;
    this.#syncedSeq = 0;
    this.registeredAt = Infinity;
    this.replication = this.#newReplication();
    this.step(() => {
      this.#passOn();
    });
  }

  takeTold(): readonly Told[] {
    const told = this.told;
    this.told = [];
    return told;
  }

  batches(): readonly RecordBatch[] {
    const log = this.theLog;
    const batches: RecordBatch[] = [];
    for (let offset = log.logStartOffset; ;) {
      const slice = log.read({
        fromOffset: offset,
        toOffset: log.logEndOffset,
        bytesMax: 1_000_000,
        minOneBatch: true,
      });
      if (slice === undefined) return batches;
      const { file, positionBytes, lengthBytes } = slice;
      batches.push(...scanBatches(this.files.read(file, positionBytes, lengthBytes)).batches);
      offset = (batches.at(-1)?.lastOffset ?? offset) + 1;
    }
  }

  /** `epoch:value` of every record. */
  records(): readonly string[] {
    return this.batches().flatMap((batch) =>
      decodeRecords(batch).map(({ value }) => `${batch.leaderEpoch}:${new TextDecoder().decode(value)}`),
    );
  }

  #newReplication(): Replication {
    return new Replication({ id: nodeId(this.id), settings: this.#rig.settings, port: this.#port() });
  }

  /** What a broker does with what it has applied. */
  #passOn(): void {
    const { state } = this.#scene;
    const rig = this.#rig;
    this.replication.brokersChanged(
      state.brokers.map(({ id, epoch, fenced, inControlledShutdown }) => ({
        id,
        brokerEpoch: epoch,
        isFenced: fenced || inControlledShutdown,
      })),
    );
    const found = state.topic(topic);
    const partition = found?.partitions[0];
    if (found !== undefined && partition?.replicas.includes(nodeId(this.id)) === true) {
      this.log ??= PartitionLog.recover(this.files, {
        directory: partitionDirectory(topic, { created: found.created, partition: 0 }),
        config: rig.logConfig,
      });
      const { minInsyncReplicas, cleanup } = state.topicConfig(found);
      const { replicas, isr, leader, leaderEpoch, partitionEpoch } = partition;
      const assignment = {
        key: { created: found.created, partition: 0 },
        topic,
        replicas,
        isr,
        leader,
        leaderEpoch,
        partitionEpoch,
        minInsyncReplicas,
        mayDeleteRecords: cleanup.delete,
        isThrottledAsLeader: false,
        isThrottledAsFollower: false,
      };
      this.replication.assign(assignment, this.log, rig.nowUs);
    }
    if (this.applied < this.registeredAt) return;
    const epoch = present(state.broker(nodeId(this.id)), 'it is registered').epoch;
    this.replication.registered(epoch, rig.nowUs);
  }

  #port(): ReplicationPort {
    const rig = this.#rig;
    const from = this.id;
    return {
      send: (to: NodeId, message) => {
        const bytes = encodeReplicationMessages([message], this.files);
        for (const decoded of decodeReplicationMessages(bytes)) {
          rig.network.push({ from, to, message: decoded });
        }
      },
      persist: (appends) => {
        for (const { file, bytes } of appends) this.files.append(file, bytes);
        this.#hasAppended = true;
        return this.#syncSeq + 1;
      },
      cut: (cuts) => {
        for (const { file, lengthBytes } of cuts) this.files.cut(file, lengthBytes);
      },
      proposeAlterPartitions: (proposals) => {
        for (const proposal of proposals) this.#propose(proposal);
      },
      confirmMetadata: () => {
        this.confirmationsAsked += 1;
        return this.confirmationsAsked;
      },
      appendEnded: (token, end) => this.told.push({ appended: token, end }),
      fetched: (token, partitions) => this.told.push({ fetched: token, partitions }),
      recordsDeleted: (token, end) => this.told.push({ deleted: token, end }),
      partitionLed: (_, leaderEpoch) => this.told.push({ led: leaderEpoch }),
      partitionLeft: () => this.told.push('left'),
      highWatermarkMoved: (_, highWatermark) => this.told.push({ highWatermark }),
    };
  }

  #propose({ key, leader, brokerEpoch, leaderEpoch, partitionEpoch, newIsr }: AlterPartitionProposal): void {
    const isr = newIsr.map(({ id, brokerEpoch: epoch }) => ({ broker: id, brokerEpoch: epoch }));
    const { created, partition } = key;
    const life = this.replication;
    this.#rig.propose(
      'alterPartition',
      {
        broker: leader,
        brokerEpoch,
        partitions: [{ created, partition, leaderEpoch, partitionEpoch, isr }],
      },
      {
        proposer: this.id,
        then: (outcome) => {
          const isRefused =
            outcome.kind === 'refused' ||
            (outcome.result.command === 'alterPartition' &&
              outcome.result.partitions.some(
                ({ refusal }) => refusal !== undefined && refusal.code !== 'NEW_LEADER_ELECTED',
              ));
          if (isRefused && life === this.replication) {
            life.alterPartitionAnswered(key, partitionEpoch, 'refused', this.#rig.nowUs);
          }
        },
      },
    );
  }
}
