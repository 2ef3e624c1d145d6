import { assert } from '../../base/assert.ts';
import { noBytes } from '../../base/bytes.ts';
import { usPerMs } from '../../base/units.ts';
import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import { type FetchRequest, type FetchResponse } from '../../wire/kafka/messages/fetch.ts';
import { noEpoch, noLeader } from '../types.ts';
import { type FetchedPartition, type FetchFrom } from '../replication/requests.ts';
import { errorNumber } from './errors.ts';
import { type Arrival, keyOf, type RequestContext } from './context.ts';

type PartitionResponse = FetchResponse['responses'][number]['partitions'][number];

/** A fetch on its way: its answer has a place for each partition that was asked for. */
interface Pending {
  readonly arrival: Arrival<FetchRequest>;
  readonly responses: readonly { readonly topic: string; readonly partitions: PartitionResponse[] }[];
  /** Where in `responses` the partitions are that replication was asked for, in its order. */
  readonly places: readonly { readonly topic: number; readonly partition: number }[];
}

/** The only isolation level beside read_uncommitted (KIP-98). */
const readCommitted = 1;
/** Session epochs of clients that want no session, or a new one (KIP-227). */
const finalEpoch = -1;
const initialEpoch = 0;

/**
 * Fetch: whole batches from the logs of partitions that this broker leads, named rather than copied. Answered at once where
 * there is enough, or an error; otherwise when there is, or when the client wants to wait no longer.
 *
 * Sessions (KIP-227) are not kept: every answer says so, and every client then sends whole requests.
 *
 * Source: KIP-74 (bounds), KIP-98 (isolation), KIP-320 (leader epochs), KIP-595 (diverging epochs).
 */
export class FetchRequests {
  readonly #context: RequestContext;
  /** By token. Bounded by replication, which answers at once beyond its bound. */
  readonly #waiting = new Map<number, Pending>();
  /** Of those that wait: whoever is gone needs no answer. */
  readonly #tokenOf = new Map<number, number>();

  constructor(context: RequestContext) {
    this.#context = context;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  requested(arrival: Arrival<FetchRequest>): void {
    const { body, requestId } = arrival;
    if (body.sessionEpoch !== finalEpoch && body.sessionEpoch !== initialEpoch) {
      this.#answerError(requestId, kafkaErrors.FETCH_SESSION_ID_NOT_FOUND);
      return;
    }
    const { pending, wanted, hasError } = this.#look(arrival);
    const token = this.#context.nextToken();
    // A client that hears of an error at once can act on it: whatever else there is comes along.
    const maxWaitUs = hasError ? 0 : Math.max(body.maxWaitMs, 0) * usPerMs;
    const fetched = this.#context.replication.fetch(
      {
        token,
        partitions: wanted,
        isolation: body.isolationLevel === readCommitted ? 'readCommitted' : 'readUncommitted',
        bytesMax: Math.min(Math.max(body.maxBytes, 0), this.#context.config.settings.fetchBytesMax),
        bytesMin: Math.max(body.minBytes, 0),
        deadlineUs: this.#context.nowUs + maxWaitUs,
      },
      this.#context.nowUs,
    );
    if (fetched !== undefined) {
      this.#answer(pending, fetched);
      return;
    }
    this.#waiting.set(token, pending);
    this.#tokenOf.set(requestId, token);
  }

  /** A fetch that waited has enough, or has waited long enough. */
  fetched(token: number, fetched: readonly FetchedPartition[]): void {
    const pending = this.#waiting.get(token);
    assert(pending !== undefined, 'a fetch ends once');
    this.#forget(token, pending.arrival.requestId);
    this.#answer(pending, fetched);
  }

  /** Its client is gone. */
  cancelled(requestId: number): void {
    const token = this.#tokenOf.get(requestId);
    if (token === undefined) return;
    this.#forget(token, requestId);
    this.#context.replication.cancelFetch(token);
  }

  #forget(token: number, requestId: number): void {
    this.#waiting.delete(token);
    this.#tokenOf.delete(requestId);
  }

  /** What of it is there to be asked for, and what is refused. */
  #look(arrival: Arrival<FetchRequest>): {
    readonly pending: Pending;
    readonly wanted: readonly FetchFrom[];
    readonly hasError: boolean;
  } {
    const { body, client } = arrival;
    const { authorization, image } = this.#context;
    const responses: { readonly topic: string; readonly partitions: PartitionResponse[] }[] = [];
    const wanted: FetchFrom[] = [];
    const places: { readonly topic: number; readonly partition: number }[] = [];
    let hasError = false;
    for (const { topic, partitions } of body.topics) {
      const mayRead = authorization.allows(client, 'read', 'topic', topic);
      const state = image.topic(topic);
      const answers: PartitionResponse[] = [];
      for (const from of partitions) {
        const key = mayRead ? keyOf(state, from.partition) : undefined;
        answers.push(blankResponse(from.partition, mayRead));
        if (key === undefined) {
          hasError = true;
          continue;
        }
        places.push({ topic: responses.length, partition: answers.length - 1 });
        wanted.push({
          key,
          fetchOffset: from.fetchOffset,
          currentLeaderEpoch: from.currentLeaderEpoch,
          lastFetchedEpoch: from.lastFetchedEpoch,
          bytesMax: Math.max(from.partitionMaxBytes, 0),
        });
      }
      responses.push({ topic, partitions: answers });
    }
    return { pending: { arrival, responses, places }, wanted, hasError };
  }

  #answer({ arrival, responses, places }: Pending, fetched: readonly FetchedPartition[]): void {
    assert(fetched.length === places.length, 'every partition that was asked for is answered');
    const isCommitted = arrival.body.isolationLevel === readCommitted;
    const namesLeader = arrival.version >= leaderNamedFrom;
    let bytes = 0;
    fetched.forEach((partition, at) => {
      const place = places[at];
      const answers = place === undefined ? undefined : responses[place.topic]?.partitions;
      assert(place !== undefined && answers !== undefined, 'every partition has its place');
      bytes += partition.records?.lengthBytes ?? 0;
      answers[place.partition] = responseOf(partition, { isCommitted, namesLeader });
    });
    const { principal, id: clientId } = arrival.client;
    const used = { principal, clientId, bytes };
    const throttleMs = this.#context.quotas.use('consumer_byte_rate', used, this.#context.nowUs);
    const body = { throttleTimeMs: throttleMs, errorCode: kafkaErrors.NONE, sessionId: 0, responses };
    this.#context.answer<'fetch'>(arrival.requestId, body, throttleMs);
  }

  #answerError(requestId: number, errorCode: number): void {
    const body = { throttleTimeMs: 0, errorCode, sessionId: 0, responses: [] };
    this.#context.answer<'fetch'>(requestId, body, 0);
  }
}

/** From this version on an answer may say who leads (KIP-595); in an older one there is no place for it. */
const leaderNamedFrom = 12;
const noDivergence = { epoch: -1, endOffset: -1 };
const unknownLeader = { leaderId: noLeader, leaderEpoch: noEpoch };
const noSnapshot = { endOffset: -1, epoch: -1 };

/** An answer for a partition that there is nothing of. */
function blankResponse(partitionIndex: number, mayRead: boolean): PartitionResponse {
  return {
    partitionIndex,
    errorCode: mayRead ? kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION : kafkaErrors.TOPIC_AUTHORIZATION_FAILED,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: noDivergence,
    currentLeader: unknownLeader,
    snapshotId: noSnapshot,
    abortedTransactions: undefined,
    preferredReadReplica: -1,
    records: noBytes,
  };
}

function responseOf(
  fetched: FetchedPartition,
  { isCommitted, namesLeader }: { readonly isCommitted: boolean; readonly namesLeader: boolean },
): PartitionResponse {
  const { divergence } = fetched;
  const currentLeader = namesLeader ? fetched.currentLeader : undefined;
  return {
    partitionIndex: fetched.key.partition,
    errorCode: errorNumber(fetched.error),
    highWatermark: fetched.highWatermark,
    lastStableOffset: fetched.lastStableOffset,
    logStartOffset: fetched.logStartOffset,
    divergingEpoch: divergence ?? noDivergence,
    currentLeader:
      currentLeader === undefined
        ? unknownLeader
        : { leaderId: currentLeader.leader, leaderEpoch: currentLeader.leaderEpoch },
    snapshotId: noSnapshot,
    abortedTransactions: isCommitted ? fetched.abortedTransactions : undefined,
    preferredReadReplica: -1,
    records: fetched.records ?? noBytes,
  };
}
