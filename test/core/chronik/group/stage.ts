import { expect } from 'vitest';

import { concatBytes } from '../../../../core/base/bytes.ts';
import { type Prng } from '../../../../core/base/prng.ts';
import { GroupCoordinator } from '../../../../core/chronik/group/coordinator.ts';
import { partitionOfGroup } from '../../../../core/chronik/group/placement.ts';
import {
  type GroupApi,
  type GroupAppend,
  type GroupCall,
  type GroupClient,
  type GroupLog,
  type GroupPermission,
  type GroupPort,
} from '../../../../core/chronik/group/port.ts';
import { defaultGroupSettings, type GroupSettings } from '../../../../core/chronik/group/settings.ts';
import { apis, type RequestOf, type ResponseOf } from '../../../../core/wire/kafka/apis.ts';
import { type KafkaError, kafkaErrorOf } from '../../../../core/wire/kafka/error-codes.ts';
import { type Message, type Partially } from '../../../../core/wire/kafka/schema.ts';
import { RecordBatch } from '../../../../core/wire/kafka/record-batch.ts';
import { seededPrng } from '../../../../sim/prng.ts';

/** A partition of `__consumer_offsets`: batches as they were appended, and how far they are durable. */
export class OffsetsLog implements GroupLog {
  readonly logStartOffset = 0;
  logEndOffset = 0;
  highWatermark = 0;
  batches: RecordBatch[] = [];

  append(bytes: Uint8Array): number {
    const batch = new RecordBatch(bytes.slice());
    expect(batch.isIntact()).toBe(true);
    batch.stamp({ baseOffset: this.logEndOffset, leaderEpoch: 0 });
    this.batches.push(batch);
    this.logEndOffset = batch.lastOffset + 1;
    return this.logEndOffset;
  }

  /** What is not durable is gone, as on a leader that was not elected again. */
  truncate(): void {
    this.batches = this.batches.filter((batch) => batch.lastOffset < this.highWatermark);
    this.logEndOffset = this.highWatermark;
  }

  read(fromOffset: number, bytesMax: number): Uint8Array {
    const read: Uint8Array[] = [];
    let bytes = 0;
    for (const batch of this.batches) {
      if (batch.lastOffset < fromOffset) continue;
      if (batch.lastOffset >= this.highWatermark) break;
      if (read.length > 0 && bytes + batch.sizeBytes > bytesMax) break;
      read.push(batch.bytes);
      bytes += batch.sizeBytes;
    }
    return concatBytes(read);
  }
}

const wallStartMs = 1_700_000_000_000;

/** A coordinator over logs in memory; time passes when it is told to. Everything goes through the wire's codec. */
export class Stage {
  readonly settings: GroupSettings;
  readonly logs: OffsetsLog[];
  readonly client: GroupClient = { id: 'reader', principal: 'User:ANONYMOUS', host: '/127.0.0.1' };
  /** Permissions that are withheld. */
  readonly denied = new Set<string>();
  readonly topics = new Map<string, number>([
    ['orders', 4],
    ['bills', 4],
  ]);
  /** Whether what is appended is durable at once. */
  durable = true;
  /** What every append is refused with. */
  refusal: KafkaError | undefined = undefined;
  nowUs = 0;
  coordinator: GroupCoordinator;
  readonly #replies = new Map<number, unknown>();
  readonly #calls = new Map<number, { readonly api: GroupApi; readonly version: number }>();
  #requestId = 0;
  readonly #prng: Prng;
  #leaderEpoch = 0;

  constructor(
    given: {
      readonly settings?: Partial<GroupSettings>;
      readonly partitions?: number;
      readonly seed?: string;
    } = {},
  ) {
    this.settings = { ...defaultGroupSettings, initialRebalanceDelayMs: 0, ...given.settings };
    this.logs = Array.from({ length: given.partitions ?? 1 }, () => new OffsetsLog());
    this.#prng = seededPrng(given.seed ?? 'groups');
    this.coordinator = this.newCoordinator();
    this.lead();
  }

  get wallMs(): number {
    return wallStartMs + Math.floor(this.nowUs / 1_000);
  }

  /** Sends a request; `version` is the latest unless given. @returns its number */
  send<A extends GroupApi>(
    api: A,
    fields: Partially<RequestOf<A>>,
    version: number = apis[api].max,
    client: GroupClient = this.client,
  ): number {
    const requestId = ++this.#requestId;
    this.#calls.set(requestId, { api, version });
    const message = apis[api].request as unknown as Message<unknown>;
    const body = carried(message, message.create(fields as object), version);
    this.coordinator.wallClock(this.wallMs);
    this.coordinator.request(requestId, { api, version, body } as GroupCall, client, this.nowUs);
    if (this.durable) this.settle();
    return requestId;
  }

  /** Sends a request that is answered at once. */
  ask<A extends GroupApi>(
    api: A,
    fields: Partially<RequestOf<A>>,
    version?: number,
    client?: GroupClient,
  ): ResponseOf<A> {
    return this.answer<A>(this.send(api, fields, version, client));
  }

  isAnswered(requestId: number): boolean {
    return this.#replies.has(requestId);
  }

  answer<A extends GroupApi>(requestId: number): ResponseOf<A> {
    expect(this.#replies.has(requestId), `request ${requestId} is answered`).toBe(true);
    return this.#replies.get(requestId) as ResponseOf<A>;
  }

  /** Everything appended is durable. */
  settle(): void {
    for (const [partition, log] of this.logs.entries()) {
      while (log.highWatermark < log.logEndOffset) {
        log.highWatermark = log.logEndOffset;
        this.coordinator.highWatermarkMoved(partition, log.highWatermark, this.nowUs);
      }
    }
  }

  /** Everything appended below an offset of the one partition is durable. */
  settleTo(offset: number): void {
    const [log] = this.logs;
    if (log === undefined) throw new Error('there is a partition');
    log.highWatermark = offset;
    this.coordinator.highWatermarkMoved(0, offset, this.nowUs);
  }

  /** Time passes, and the coordinator is woken whenever it wants to be. */
  pass(ms: number): void {
    const untilUs = this.nowUs + ms * 1_000;
    for (;;) {
      const { deadlineUs } = this.coordinator;
      if (deadlineUs > untilUs) break;
      this.nowUs = Math.max(this.nowUs, deadlineUs);
      this.coordinator.wallClock(this.wallMs);
      this.coordinator.tick(this.nowUs);
      if (this.durable) this.settle();
      // Expiry and loading go on at once; nothing else may.
    }
    this.nowUs = untilUs;
    this.coordinator.wallClock(this.wallMs);
  }

  /** The broker leads every partition, anew, and has read them. */
  lead(): void {
    this.#leaderEpoch += 1;
    for (const [partition, log] of this.logs.entries()) {
      this.coordinator.partitionLed({ partition, leaderEpoch: this.#leaderEpoch, log }, this.nowUs);
    }
    this.coordinator.wallClock(this.wallMs);
    this.pass(0);
  }

  /** Another broker takes over: what was not durable is there or not, or is there and not durable yet. */
  failOver(unsynced: 'kept' | 'lost' | 'waits'): void {
    const former = this.coordinator;
    for (const partition of this.logs.keys()) former.partitionLeft(partition);
    for (const log of this.logs) {
      if (unsynced === 'lost') log.truncate();
      else if (unsynced === 'kept') log.highWatermark = log.logEndOffset;
    }
    this.coordinator = this.newCoordinator();
    this.lead();
  }

  /** A batch of somebody else's in a group's partition. */
  append(groupId: string, bytes: Uint8Array): { readonly partition: number; readonly endOffset: number } {
    const partition = partitionOfGroup(groupId, this.logs.length);
    const endOffset = (this.logs[partition] as OffsetsLog).append(bytes);
    return { partition, endOffset };
  }

  newCoordinator(): GroupCoordinator {
    return new GroupCoordinator({ settings: this.settings, port: this.#port(), prng: this.#prng });
  }

  #port(): GroupPort {
    return {
      partitionCount: () => this.logs.length,
      append: (partition, batch): GroupAppend => {
        if (this.refusal !== undefined) return { kind: 'refused', error: this.refusal };
        return { kind: 'appended', endOffset: (this.logs[partition] as OffsetsLog).append(batch) };
      },
      reply: (requestId, body) => {
        expect(this.#replies.has(requestId), `request ${requestId} is answered once`).toBe(false);
        const call = this.#calls.get(requestId);
        if (call === undefined) throw new Error(`request ${requestId} was never asked`);
        const message = apis[call.api].response as unknown as Message<unknown>;
        this.#replies.set(requestId, carried(message, body, call.version));
      },
      allows: (_client, { operation, resource, name }: GroupPermission) =>
        !this.denied.has(`${operation} ${resource} ${name}`),
      authorizedOperations: () => 0b1000,
      partitionExists: (topic, partition) => partition < (this.topics.get(topic) ?? 0),
    };
  }
}

/** A message as the other side reads it. */
function carried<T>(message: Message<T>, value: T, version: number): T {
  return message.decode(concatBytes(message.encode(value, version).chunks as readonly Uint8Array[]), version);
}

/** The name of an error that an answer has. */
export function errorIn(answer: { readonly errorCode: number }): KafkaError {
  return kafkaErrorOf(answer.errorCode);
}
