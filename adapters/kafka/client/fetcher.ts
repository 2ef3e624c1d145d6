import { setTimeout as pause } from 'node:timers/promises';

import { apis, type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import { endMarkerOf } from '../../../core/wire/kafka/control-records.ts';
import { isRetriable, kafkaErrorOf } from '../../../core/wire/kafka/error-codes.ts';
import { type RecordBatch, scanBatches } from '../../../core/wire/kafka/record-batch.ts';
import { type LogRecord } from '../../../core/wire/kafka/records.ts';
import { type KafkaCluster } from './cluster.ts';
import { recordsOf } from './compression.ts';
import { KafkaClientError, refusedBy } from './errors.ts';

export interface Position {
  readonly topic: string;
  readonly partition: number;
  /** Of the next record. */
  readonly offset: number;
}

export interface Fetched extends Position {
  /** From the position asked for on. */
  readonly records: readonly LogRecord[];
  /** Where to go on: behind the records, and behind what is not for readers. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  /** Set when the log has no such offset. */
  readonly outOfRange: boolean;
}

export interface FetchOptions {
  readonly isolation: 'readUncommitted' | 'readCommitted';
  /** How long a broker may wait for something to come. */
  readonly waitMs: number;
  readonly partitionBytesMax: number;
}

const fetchBytesMax = 50 * 1_048_576;
/** How long a broker may take beyond what it was told to wait. */
const answerMs = 10_000;
/** Before whoever leads now is looked for. */
const pauseMs = 200;

type PartitionData = ResponseOf<'fetch'>['responses'][number]['partitions'][number];

/**
 * Reads on from these positions, of each broker what it leads.
 *
 * @throws KafkaClientError when a partition cannot be read, not only for now
 */
export async function fetchOnce(
  cluster: KafkaCluster,
  positions: readonly Position[],
  options: FetchOptions,
): Promise<readonly Fetched[]> {
  const byLeader = await cluster.retrying(async () => ({
    kind: 'done',
    value: await groupByLeader(cluster, positions),
  }));
  const answers = await Promise.all(
    [...byLeader].map(([leader, own]) => fetchFrom(cluster, leader, own, options)),
  );
  return answers.flat();
}

async function groupByLeader(
  cluster: KafkaCluster,
  positions: readonly Position[],
): Promise<ReadonlyMap<number, readonly Position[]>> {
  const byLeader = new Map<number, Position[]>();
  for (const position of positions) {
    const leader = await cluster.leaderOf(position.topic, position.partition);
    const own = byLeader.get(leader);
    if (own === undefined) byLeader.set(leader, [position]);
    else own.push(position);
  }
  return byLeader;
}

async function fetchFrom(
  cluster: KafkaCluster,
  leader: number,
  positions: readonly Position[],
  { isolation, waitMs, partitionBytesMax }: FetchOptions,
): Promise<readonly Fetched[]> {
  const topics = [...new Set(positions.map(({ topic }) => topic))].map((topic) => ({
    topic,
    partitions: positions
      .filter((position) => position.topic === topic)
      .map(({ partition, offset }) => ({
        partition,
        fetchOffset: offset,
        partitionMaxBytes: partitionBytesMax,
      })),
  }));
  const body = apis.fetch.request.create({
    maxWaitMs: waitMs,
    minBytes: 1,
    maxBytes: fetchBytesMax,
    isolationLevel: isolation === 'readCommitted' ? 1 : 0,
    topics,
  });
  let answer: ResponseOf<'fetch'>;
  try {
    // Once: whoever leads when this broker is gone is to be asked soon, not this one again and again.
    const connection = await cluster.connectionTo(leader, answerMs);
    answer = await connection.call('fetch', body, { timeoutMs: waitMs + answerMs });
  } catch (error) {
    if (!(error instanceof KafkaClientError) || error.outcome === 'refused') throw error;
    for (const { topic } of positions) cluster.forgetTopic(topic);
    await pause(pauseMs);
    return [];
  }
  const topError = kafkaErrorOf(answer.errorCode);
  if (topError !== 'NONE') {
    if (!isRetriable(topError)) throw refusedBy('fetch', topError);
    await pause(pauseMs);
    return [];
  }
  const fetched: Fetched[] = [];
  for (const { topic, partitions } of answer.responses) {
    for (const data of partitions) {
      const position = positions.find((one) => one.topic === topic && one.partition === data.partitionIndex);
      if (position === undefined) continue;
      const one = fetchedOf(cluster, position, data, isolation);
      if (one !== undefined) fetched.push(one);
    }
  }
  return fetched;
}

/** Undefined: nothing for now. */
function fetchedOf(
  cluster: KafkaCluster,
  position: Position,
  data: PartitionData,
  isolation: FetchOptions['isolation'],
): Fetched | undefined {
  const error = kafkaErrorOf(data.errorCode);
  const base = { ...position, highWatermark: data.highWatermark, outOfRange: false };
  if (error === 'OFFSET_OUT_OF_RANGE') {
    return { ...base, records: [], nextOffset: position.offset, outOfRange: true };
  }
  if (error !== 'NONE') {
    cluster.forgetTopic(position.topic);
    if (isRetriable(error)) return undefined;
    throw refusedBy(`${position.topic}-${position.partition}`, error);
  }
  if (data.records === undefined || !(data.records instanceof Uint8Array)) {
    return { ...base, records: [], nextOffset: position.offset };
  }
  // The last batch may be cut short: it comes whole the next time.
  const { batches } = scanBatches(data.records);
  const aborted = isolation === 'readCommitted' ? (data.abortedTransactions ?? []) : [];
  const records = visibleRecords(batches, aborted).filter(({ offset }) => offset >= position.offset);
  const last = batches.at(-1);
  return { ...base, records, nextOffset: last === undefined ? position.offset : last.lastOffset + 1 };
}

type AbortedTransaction = NonNullable<PartitionData['abortedTransactions']>[number];

/** Without markers, and without what aborted transactions wrote. */
export function visibleRecords(
  batches: readonly RecordBatch[],
  aborted: readonly AbortedTransaction[],
): readonly LogRecord[] {
  const waiting = [...aborted].sort((left, right) => left.firstOffset - right.firstOffset);
  const open = new Set<number>();
  return batches.flatMap((batch) => {
    while (waiting[0] !== undefined && waiting[0].firstOffset <= batch.lastOffset) {
      open.add(waiting[0].producerId);
      waiting.shift();
    }
    if (batch.isControl) {
      const [marker] = recordsOf(batch);
      if (marker !== undefined && endMarkerOf(marker)?.outcome === 'abort') open.delete(batch.producerId);
      return [];
    }
    if (batch.isTransactional && open.has(batch.producerId)) return [];
    if (!batch.isIntact()) {
      throw new KafkaClientError(`the batch at offset ${batch.baseOffset} is damaged`, 'failed');
    }
    return recordsOf(batch);
  });
}
