import { expect, test } from 'vitest';

import { concatBytes } from '../../../../core/base/bytes.ts';
import { nodeId } from '../../../../core/base/ids.ts';
import { type GroupLog } from '../../../../core/chronik/group/port.ts';
import { TransactionCoordinator } from '../../../../core/chronik/transaction/coordinator.ts';
import { type MarkerMessage } from '../../../../core/chronik/transaction/messages.ts';
import {
  type TransactionApi,
  type TransactionClient,
  type TransactionPort,
} from '../../../../core/chronik/transaction/port.ts';
import { defaultTransactionSettings } from '../../../../core/chronik/transaction/settings.ts';
import { kafkaErrorOf } from '../../../../core/wire/kafka/error-codes.ts';
import { scanBatches } from '../../../../core/wire/kafka/record-batch.ts';

const client: TransactionClient = { id: 'client', principal: 'User:ANONYMOUS', host: '127.0.0.1' };
const leader = nodeId(2);
const sec = 1_000_000;

/** The one partition of `__transaction_state`, as a leader's log of it: batches with their offsets. */
class Log implements GroupLog {
  readonly batches: Uint8Array[] = [];
  readonly logStartOffset = 0;
  highWatermark = 0;

  get logEndOffset(): number {
    return this.batches.length;
  }

  append(batch: Uint8Array): number {
    const [header] = scanBatches(batch).batches;
    header?.stamp({ baseOffset: this.batches.length, leaderEpoch: 1 });
    this.batches.push(batch);
    return this.batches.length;
  }

  read(fromOffset: number): Uint8Array {
    return concatBytes(this.batches.slice(fromOffset, this.highWatermark));
  }
}

/** A coordinator with everything around it, each thing done when the test says. */
class Stage {
  readonly log: Log;
  readonly answers = new Map<number, { readonly errorCode?: number } & Record<string, unknown>>();
  readonly sent: MarkerMessage[] = [];
  readonly drawn: number[] = [];
  readonly coordinator: TransactionCoordinator;
  refusal: string | undefined;
  nowUs = 0;
  #requestId = 0;

  constructor(log = new Log()) {
    this.log = log;
    const port: TransactionPort = {
      partitionCount: () => 1,
      offsetsPartition: () => 7,
      append: (_, batch) =>
        this.refusal === undefined
          ? { kind: 'appended', endOffset: this.log.append(batch) }
          : { kind: 'refused', error: this.refusal },
      reply: (requestId, body) => this.answers.set(requestId, body as { errorCode: number }),
      allows: (_, { name }) => name !== 'forbidden',
      partitionKey: (topic, partition) => (topic === 'none' ? undefined : { created: 5, partition }),
      leaderOf: () => leader,
      send: (_, message) => this.sent.push(message),
      drawProducerId: (token) => this.drawn.push(token),
    };
    this.coordinator = new TransactionCoordinator({ settings: defaultTransactionSettings, port });
    this.coordinator.wallClock(1_000_000);
    this.coordinator.partitionLed({ partition: 0, leaderEpoch: 3, log: this.log });
    this.tick();
  }

  /** Whatever was appended is durable now. */
  replicate(): void {
    this.log.highWatermark = this.log.logEndOffset;
    this.coordinator.highWatermarkMoved(0, this.log.highWatermark, this.nowUs);
  }

  tick(afterUs = 0): void {
    this.nowUs += afterUs;
    while (this.coordinator.deadlineUs <= this.nowUs) this.coordinator.tick(this.nowUs);
  }

  ask(api: TransactionApi, body: unknown, version = 3): number {
    this.#requestId += 1;
    this.coordinator.request(this.#requestId, { api, version, body }, client, this.nowUs);
    return this.#requestId;
  }

  errorOf(requestId: number): string {
    const answer = this.answers.get(requestId);
    if (answer === undefined) return 'no answer';
    const topics = answer['resultsByTopicV3AndBelow'] as
      { resultsByPartition: { partitionErrorCode: number }[] }[] | undefined;
    return kafkaErrorOf(topics?.[0]?.resultsByPartition[0]?.partitionErrorCode ?? answer.errorCode ?? -1);
  }

  init(claimed = { producerId: -1, producerEpoch: -1 }, version = 4): number {
    const body = { transactionalId: 'orders', transactionTimeoutMs: 60_000, ...claimed };
    return this.ask('initProducerId', body, version);
  }

  /** A producer with this id, ready to begin. */
  ready(producerId = 9): { producerId: number; producerEpoch: number } {
    const request = this.init();
    const token = this.drawn.shift();
    if (token !== undefined) this.coordinator.producerIdDrawn(token, producerId, this.nowUs);
    this.replicate();
    expect(this.errorOf(request)).toBe('NONE');
    const { producerId: id, producerEpoch } = this.answers.get(request) as {
      producerId: number;
      producerEpoch: number;
    };
    return { producerId: id, producerEpoch };
  }

  add(producer: { producerId: number; producerEpoch: number }, topic = 'sales'): number {
    return this.ask('addPartitionsToTxn', {
      v3AndBelowTransactionalId: 'orders',
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [0] }],
    });
  }

  end(producer: { producerId: number; producerEpoch: number }, committed = true): number {
    return this.ask('endTxn', { transactionalId: 'orders', ...producer, committed });
  }

  /** The partition's leader finds something open and writes the marker. */
  writeMarkers(): MarkerMessage[] {
    const written: MarkerMessage[] = [];
    for (let message = this.sent.shift(); message !== undefined; message = this.sent.shift()) {
      const { attempt, key } = message;
      if (message.kind === 'markerQuery') {
        this.coordinator.markerFound(leader, {
          kind: 'markerFound',
          attempt,
          key,
          leaderEpoch: 4,
          firstOffset: 17,
        });
      } else if (message.kind === 'markerWrite') {
        written.push(message);
        this.coordinator.markerWritten({ kind: 'markerWritten', attempt, key, written: true }, this.nowUs);
      }
    }
    return written;
  }
}

test('a producer has its id and epoch when the record of it is durable, not before', () => {
  const stage = new Stage();
  const request = stage.init();
  stage.coordinator.producerIdDrawn(stage.drawn.shift() ?? 0, 9, stage.nowUs);
  expect(stage.errorOf(request)).toBe('no answer');
  expect(stage.errorOf(stage.init())).toBe('CONCURRENT_TRANSACTIONS');
  stage.replicate();
  expect(stage.answers.get(request)).toEqual({
    throttleTimeMs: 0,
    errorCode: 0,
    producerId: 9,
    producerEpoch: 0,
  });
  expect(stage.ready()).toEqual({ producerId: 9, producerEpoch: 1 });
});

test('a commit is answered when it is decided for good; its markers name what they end; then the next may begin', () => {
  const stage = new Stage();
  const producer = stage.ready();
  const added = stage.add(producer);
  stage.replicate();
  expect(stage.errorOf(added)).toBe('NONE');
  const ended = stage.end(producer);
  expect(stage.errorOf(ended)).toBe('no answer');
  expect(stage.sent).toEqual([]);
  stage.replicate();
  expect(stage.errorOf(ended)).toBe('NONE');
  expect(stage.errorOf(stage.add(producer))).toBe('CONCURRENT_TRANSACTIONS');
  expect(stage.writeMarkers()).toEqual([
    {
      ...{ kind: 'markerWrite', attempt: 1, key: { created: 5, partition: 0 } },
      ...{ producerId: 9, producerEpoch: 0, committed: true, coordinatorEpoch: 3 },
      ...{ leaderEpoch: 4, firstOffset: 17 },
    },
  ]);
  stage.replicate();
  expect(stage.errorOf(stage.end(producer))).toBe('NONE');
  expect(stage.errorOf(stage.end(producer, false))).toBe('INVALID_TXN_STATE');
  const again = stage.add(producer);
  stage.replicate();
  expect(stage.errorOf(again)).toBe('NONE');
});

test('a newer producer aborts what an older one has open, and fences it (KIP-360)', () => {
  const stage = new Stage();
  const old = stage.ready();
  stage.add(old);
  stage.replicate();
  expect(stage.errorOf(stage.init())).toBe('CONCURRENT_TRANSACTIONS');
  stage.replicate();
  expect(stage.writeMarkers()).toMatchObject([{ committed: false, producerEpoch: 1 }]);
  stage.replicate();
  expect(stage.ready()).toEqual({ producerId: 9, producerEpoch: 2 });
  expect(stage.errorOf(stage.end(old))).toBe('PRODUCER_FENCED');
  expect(stage.errorOf(stage.add({ producerId: 8, producerEpoch: 0 }))).toBe('INVALID_PRODUCER_ID_MAPPING');
  expect(stage.errorOf(stage.init(old))).toBe('PRODUCER_FENCED');
  expect(stage.errorOf(stage.init(old, 3))).toBe('INVALID_PRODUCER_EPOCH');
});

test('a producer that was not told of its new epoch is told of the same one (KIP-360)', () => {
  const stage = new Stage();
  const first = stage.ready();
  const unheard = stage.init(first);
  stage.replicate();
  expect(stage.answers.get(unheard)).toMatchObject({ errorCode: 0, producerEpoch: 1 });
  const again = stage.init(first);
  expect(stage.answers.get(again)).toMatchObject({ errorCode: 0, producerEpoch: 1 });
});

test('what nobody ends is aborted after its time, and its producer is fenced', () => {
  const stage = new Stage();
  const producer = stage.ready();
  stage.add(producer);
  stage.replicate();
  stage.tick(59 * sec);
  expect(stage.errorOf(stage.add(producer))).toBe('NONE');
  stage.tick(1 * sec);
  expect(stage.errorOf(stage.end(producer))).toBe('CONCURRENT_TRANSACTIONS');
  stage.replicate();
  expect(stage.writeMarkers()).toMatchObject([{ committed: false, producerEpoch: 1 }]);
  expect(stage.errorOf(stage.end(producer))).toBe('PRODUCER_FENCED');
});

test('a change that no replica takes is answered in time, and may still come to count', () => {
  const stage = new Stage();
  const producer = stage.ready();
  stage.add(producer);
  stage.replicate();
  const ended = stage.end(producer);
  stage.tick(5 * sec - 1);
  expect(stage.errorOf(ended)).toBe('no answer');
  stage.tick(1);
  expect(stage.errorOf(ended)).toBe('COORDINATOR_NOT_AVAILABLE');
  expect(stage.errorOf(stage.end(producer))).toBe('CONCURRENT_TRANSACTIONS');
  expect(stage.sent).toEqual([]);
  stage.answers.clear();
  stage.replicate();
  expect(stage.answers.size, 'nobody is answered twice').toBe(0);
  expect(stage.writeMarkers()).toMatchObject([{ committed: true, producerEpoch: 0 }]);
  stage.replicate();
  expect(stage.errorOf(stage.end(producer))).toBe('NONE');
});

test('an abort after its time that no replica takes is begun once', () => {
  const stage = new Stage();
  stage.add(stage.ready());
  stage.replicate();
  stage.tick(60 * sec);
  const { logEndOffset } = stage.log;
  for (let second = 0; second < 60; second += 1) stage.tick(1 * sec);
  expect(stage.log.logEndOffset).toBe(logEndOffset);
  stage.replicate();
  expect(stage.writeMarkers()).toMatchObject([{ committed: false, producerEpoch: 1 }]);
  stage.tick(60 * sec);
});

test('another coordinator goes on where the records end: markers of what was decided, and no others', () => {
  const first = new Stage();
  const producer = first.ready();
  first.add(producer);
  first.replicate();
  const ended = first.end(producer);
  first.replicate();
  expect(first.errorOf(ended)).toBe('NONE');
  // Its markers never leave.
  const second = new Stage(first.log);
  expect(second.writeMarkers()).toMatchObject([{ committed: true, producerId: 9, producerEpoch: 0 }]);
  second.replicate();
  const added = second.add(producer);
  second.replicate();
  expect(second.errorOf(added)).toBe('NONE');
});

test('an outcome that was not durable when the coordinator changed was told to nobody', () => {
  const first = new Stage();
  const producer = first.ready();
  first.add(producer);
  first.replicate();
  const ended = first.end(producer);
  first.coordinator.partitionLeft(0);
  expect(first.errorOf(ended)).toBe('NOT_COORDINATOR');
  expect(first.sent).toEqual([]);
  first.log.batches.pop();
  const second = new Stage(first.log);
  expect(second.sent).toEqual([]);
  const aborted = second.end(producer, false);
  second.replicate();
  expect(second.errorOf(aborted)).toBe('NONE');
});

test('a marker that gets no answer is asked for again, and answers to what was asked before count for nothing', () => {
  const stage = new Stage();
  const producer = stage.ready();
  stage.add(producer);
  stage.replicate();
  stage.end(producer);
  stage.replicate();
  const [lost] = stage.sent.splice(0);
  stage.tick(1 * sec);
  const [again] = stage.sent.splice(0);
  expect(lost).toMatchObject({ kind: 'markerQuery', attempt: 1 });
  expect(again).toMatchObject({ kind: 'markerQuery', attempt: 2 });
  const key = { created: 5, partition: 0 };
  stage.coordinator.markerFound(leader, {
    kind: 'markerFound',
    attempt: 1,
    key,
    leaderEpoch: 4,
    firstOffset: 3,
  });
  stage.coordinator.markerWritten({ kind: 'markerWritten', attempt: 1, key, written: true }, stage.nowUs);
  expect(stage.sent).toEqual([]);
  stage.coordinator.markerFound(leader, {
    kind: 'markerFound',
    attempt: 2,
    key,
    leaderEpoch: 4,
    firstOffset: 17,
  });
  expect(stage.sent.splice(0)).toMatchObject([{ kind: 'markerWrite', attempt: 2, firstOffset: 17 }]);
  // Something else is open there by now: from the beginning, a while later.
  stage.coordinator.markerWritten({ kind: 'markerWritten', attempt: 2, key, written: false }, stage.nowUs);
  expect(stage.sent).toEqual([]);
  stage.tick(1 * sec);
  expect(stage.writeMarkers()).toHaveLength(1);
});

test('where records find too few replicas nothing happens, and what had to be done is done later', () => {
  const stage = new Stage();
  const producer = stage.ready();
  stage.refusal = 'NOT_ENOUGH_REPLICAS';
  expect(stage.errorOf(stage.add(producer))).toBe('COORDINATOR_NOT_AVAILABLE');
  stage.refusal = undefined;
  stage.add(producer);
  stage.replicate();
  stage.end(producer);
  stage.replicate();
  stage.refusal = 'NOT_ENOUGH_REPLICAS';
  stage.writeMarkers();
  stage.refusal = undefined;
  stage.tick(1 * sec);
  stage.replicate();
  expect(stage.errorOf(stage.end(producer))).toBe('NONE');
  const added = stage.add(producer);
  stage.replicate();
  expect(stage.errorOf(added)).toBe('NONE');
});

test('bad requests change nothing: time-outs, names, permissions, partitions that are not there', () => {
  const stage = new Stage();
  const init = (fields: object): string =>
    stage.errorOf(
      stage.ask('initProducerId', {
        ...{ transactionalId: 'orders', transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 },
        ...fields,
      }),
    );
  expect(init({ transactionTimeoutMs: 900_001 })).toBe('INVALID_TRANSACTION_TIMEOUT');
  expect(init({ transactionTimeoutMs: 0 })).toBe('INVALID_TRANSACTION_TIMEOUT');
  expect(init({ transactionalId: '' })).toBe('INVALID_REQUEST');
  expect(init({ transactionalId: 'forbidden' })).toBe('TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
  const producer = stage.ready();
  expect(stage.errorOf(stage.add(producer, 'none'))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  expect(stage.errorOf(stage.add(producer, 'forbidden'))).toBe('TOPIC_AUTHORIZATION_FAILED');
  expect(stage.errorOf(stage.end(producer))).toBe('INVALID_TXN_STATE');
  expect(stage.log.batches).toHaveLength(1);
});
