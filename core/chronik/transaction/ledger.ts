import { assert, present } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { usPerMs } from '../../base/units.ts';
import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { partitionOfGroup } from '../group/placement.ts';
import { type GroupLog } from '../group/port.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { newEntry, type PendingChange, type TransactionEntry } from './entry.ts';
import { LedPartition } from './led-partition.ts';
import { loadTurn } from './loading.ts';
import { type DecidedTransaction, MarkerSender } from './marker-sender.ts';
import { type MarkerFound, type MarkerWritten } from './messages.ts';
import { type TransactionPort } from './port.ts';
import { refusalOfProducer } from './producer-checks.ts';
import { tombstoneBatch, transactionBatch } from './records.ts';
import { type TransactionSettings } from './settings.ts';
import { isDecided, type TransactionState } from './state.ts';

/** A transactional id that this broker coordinates. */
export interface CoordinatedId {
  readonly led: LedPartition;
  readonly entry: TransactionEntry;
}

/** Ids that one turn looks at for being forgotten. */
const expiredPerTurn = 1_000;

/**
 * What is recorded of transactions in the partitions of `__transaction_state` that this broker leads, and what becomes of
 * them: a change counts once it is durable; an outcome that is decided is told to every partition until all have their marker;
 * what nobody ends is aborted.
 */
export class TransactionLedger {
  readonly #settings: TransactionSettings;
  readonly #port: TransactionPort;
  readonly #led = new Map<number, LedPartition>();
  readonly #markers: MarkerSender;
  /** Told to all, but the record that says so was refused: to be written at the next look. */
  readonly #uncompleted = new Map<string, DecidedTransaction>();
  #wallMs = -1;
  /** When entries are looked at next: time-outs, and what could not be written. */
  #lookUs = Infinity;
  #expiryDueMs = -1;

  constructor(settings: TransactionSettings, port: TransactionPort) {
    this.#settings = settings;
    this.#port = port;
    this.#markers = new MarkerSender(port, settings);
  }

  /** When `tick` is to be called at the latest; 0: now. */
  get deadlineUs(): number {
    let deadlineUs = Math.min(this.#markers.deadlineUs, this.#lookUs);
    for (const led of this.#led.values()) {
      if (!led.loaded && led.canLoad) return 0;
      deadlineUs = Math.min(deadlineUs, led.deadlineUs);
    }
    return deadlineUs;
  }

  get wallMs(): number {
    return this.#wallMs;
  }

  *entries(): Iterable<TransactionEntry> {
    for (const led of this.#led.values()) yield* led.entries.values();
  }

  partitionLed(given: {
    readonly partition: number;
    readonly leaderEpoch: LeaderEpoch;
    readonly log: GroupLog;
  }): void {
    this.#led.set(given.partition, new LedPartition(given));
  }

  /** @returns what was led, whose changes under way are lost */
  partitionLeft(partition: number): LedPartition | undefined {
    const led = this.#led.get(partition);
    if (led === undefined) return undefined;
    this.#led.delete(partition);
    for (const entry of led.takeAll()) {
      const { reply } = present(entry.pending, 'what waits has a change under way');
      entry.pending = undefined;
      reply('NOT_COORDINATOR');
    }
    for (const id of led.entries.keys()) {
      this.#markers.forget(id);
      this.#uncompleted.delete(id);
    }
    return led;
  }

  /** Records below it are durable, and so is what rests on them. */
  highWatermarkMoved(partition: number, highWatermark: Offset, nowUs: number): void {
    const led = this.#led.get(partition);
    if (led === undefined) return;
    for (
      let entry = led.takeDurable(highWatermark);
      entry !== undefined;
      entry = led.takeDurable(highWatermark)
    ) {
      const pending = present(entry.pending, 'what waits has a change under way');
      entry.pending = undefined;
      entry.state = pending.state;
      pending.reply('NONE');
      pending.then(nowUs);
    }
  }

  markerFound(from: NodeId, found: MarkerFound): void {
    this.#markers.found(from, found);
  }

  markerWritten(written: MarkerWritten, nowUs: number): void {
    const decided = this.#markers.written(written, nowUs);
    if (decided !== undefined) this.#complete(decided, nowUs);
  }

  /** Wall time: stamps records, and decides which ids have expired. */
  wallClock(wallMs: number): void {
    this.#wallMs = wallMs;
    if (wallMs < this.#expiryDueMs) return;
    this.#expiryDueMs = wallMs + this.#settings.idExpirationCheckIntervalMs;
    for (const led of this.#led.values()) this.#expire(led);
  }

  /** A turn of loading; changes and transactions that have lasted too long; markers that were not answered. */
  tick(nowUs: number): void {
    for (const led of this.#led.values()) {
      if (!led.loaded && led.canLoad) {
        loadTurn(led, this.#settings.loadBytesPerTurn);
        if (led.loaded) this.#loaded(led, nowUs);
        break;
      }
    }
    for (const led of this.#led.values()) answerOverdue(led, nowUs);
    for (const decided of this.#markers.tick(nowUs)) this.#complete(decided, nowUs);
    if (nowUs >= this.#lookUs) this.#look(nowUs);
  }

  #loaded(led: LedPartition, nowUs: number): void {
    for (const entry of led.entries.values()) {
      if (isDecided(entry.state)) this.#tell({ led, entry }, nowUs);
      else if (entry.state.status === 'Ongoing') this.armTimeout(entry, nowUs);
    }
  }

  /** Nobody ends it: a newer producer has come, or it has lasted too long. Its producer is fenced. */
  abort(found: CoordinatedId, nowUs: number): void {
    const { entry } = found;
    const reply = (error: KafkaError): void => {
      // What is only late is under way: nothing else can be begun.
      if (error === 'NONE' || entry.pending !== undefined) return;
      this.#lookAt(entry, nowUs + this.#settings.markerRetryMs * usPerMs);
    };
    this.decide(found, { committed: false, fences: true, reply }, nowUs);
  }

  decide(
    found: CoordinatedId,
    given: {
      readonly committed: boolean;
      readonly fences: boolean;
      readonly reply: (error: KafkaError) => void;
    },
    nowUs: number,
  ): void {
    const { entry } = found;
    const { state } = entry;
    assert(state.status === 'Ongoing', 'only what is open is ended');
    const { timeoutUs } = entry;
    entry.timeoutUs = Infinity;
    const changed: TransactionState = {
      ...state,
      status: given.committed ? 'PrepareCommit' : 'PrepareAbort',
      producerEpoch: state.producerEpoch + (given.fences ? 1 : 0),
      updatedMs: this.#wallMs,
    };
    const { reply } = given;
    const then = (thenUs: number): void => this.#tell(found, thenUs);
    const refusal = this.change(found, changed, { then, reply }, nowUs);
    if (refusal === undefined) return;
    this.#lookAt(entry, Math.max(timeoutUs, nowUs));
    given.reply(refusal);
  }

  /** The outcome is durable: everybody hears of it. */
  #tell({ led, entry }: CoordinatedId, nowUs: number): void {
    const { transactionalId, state } = entry;
    const { producerId, producerEpoch, partitions } = state;
    const decided: DecidedTransaction = {
      ...{ transactionalId, producerId, producerEpoch, partitions },
      committed: state.status === 'PrepareCommit',
      coordinatorEpoch: led.leaderEpoch,
    };
    if (this.#markers.begin(decided, nowUs)) this.#complete(decided, nowUs);
  }

  /** Everybody has heard of it. */
  #complete(decided: DecidedTransaction, nowUs: number): void {
    const led = this.ledFor(decided.transactionalId);
    const entry = typeof led === 'string' ? undefined : led.entries.get(decided.transactionalId);
    if (typeof led === 'string' || entry === undefined || !isDecided(entry.state)) return;
    const { state } = entry;
    const status = decided.committed ? 'CompleteCommit' : 'CompleteAbort';
    const refusal = this.change(
      { led, entry },
      { ...state, status, partitions: [], updatedMs: this.#wallMs },
      { then: () => undefined, reply: () => undefined },
      nowUs,
    );
    if (refusal === undefined) return;
    this.#uncompleted.set(decided.transactionalId, decided);
    this.#lookUs = Math.min(this.#lookUs, nowUs + this.#settings.markerRetryMs * usPerMs);
  }

  #look(nowUs: number): void {
    this.#lookUs = Infinity;
    const uncompleted = [...this.#uncompleted.values()];
    this.#uncompleted.clear();
    for (const decided of uncompleted) this.#complete(decided, nowUs);
    for (const led of this.#led.values()) {
      for (const entry of led.entries.values()) {
        if (entry.timeoutUs > nowUs) this.#lookUs = Math.min(this.#lookUs, entry.timeoutUs);
        else if (entry.pending !== undefined)
          this.#lookAt(entry, nowUs + this.#settings.markerRetryMs * usPerMs);
        else this.abort({ led, entry }, nowUs);
      }
    }
  }

  armTimeout(entry: TransactionEntry, nowUs: number): void {
    this.#lookAt(entry, nowUs + entry.state.timeoutMs * usPerMs);
  }

  #lookAt(entry: TransactionEntry, atUs: number): void {
    entry.timeoutUs = atUs;
    this.#lookUs = Math.min(this.#lookUs, atUs);
  }

  /** Ids that nobody has used for long are forgotten. */
  #expire(led: LedPartition): void {
    if (!led.loaded) return;
    let left = expiredPerTurn;
    for (const entry of led.entries.values()) {
      const { state, transactionalId } = entry;
      const isIdle =
        state.status === 'Empty' || state.status === 'CompleteCommit' || state.status === 'CompleteAbort';
      if (!isIdle || entry.pending !== undefined || entry.drawing || state.updatedMs < 0) continue;
      if (this.#wallMs - state.updatedMs < this.#settings.idExpirationMs) continue;
      const appended = this.#port.append(led.partition, tombstoneBatch(transactionalId, this.#wallMs));
      if (appended.kind === 'refused') return;
      entry.pending = {
        state: { ...state, status: 'Dead' },
        endOffset: appended.endOffset,
        // Nobody waits for it, and it keeps nobody waiting who comes behind it.
        deadlineUs: 0,
        then: () => led.entries.delete(transactionalId),
        reply: () => undefined,
      };
      led.appended(entry);
      left -= 1;
      if (left === 0) return;
    }
  }

  /** @returns why the change was not appended; nothing has changed then */
  change(
    { led, entry }: CoordinatedId,
    state: TransactionState,
    follows: Pick<PendingChange, 'then' | 'reply'>,
    nowUs: number,
  ): KafkaError | undefined {
    assert(entry.pending === undefined, 'one change is under way at a time');
    const batch = transactionBatch(entry.transactionalId, state, this.#wallMs);
    const appended = this.#port.append(led.partition, batch);
    if (appended.kind === 'refused') return refusalOfAppend(appended.error);
    const deadlineUs = nowUs + this.#settings.changeTimeoutMs * usPerMs;
    entry.pending = { state, endOffset: appended.endOffset, deadlineUs, ...follows };
    led.appended(entry);
    return undefined;
  }

  find(
    transactionalId: string,
    claimed: { readonly producerId: number; readonly producerEpoch: number },
    version: number,
  ): CoordinatedId | KafkaError {
    if (transactionalId === '') return 'INVALID_REQUEST';
    const led = this.ledFor(transactionalId);
    if (typeof led === 'string') return led;
    const entry = led.entries.get(transactionalId);
    if (entry === undefined) return 'INVALID_PRODUCER_ID_MAPPING';
    return refusalOfProducer(entry, claimed, version) ?? { led, entry };
  }

  ledFor(transactionalId: string): LedPartition | 'NOT_COORDINATOR' | 'COORDINATOR_LOAD_IN_PROGRESS' {
    const count = this.#port.partitionCount();
    const led = count === 0 ? undefined : this.#led.get(partitionOfGroup(transactionalId, count));
    if (led === undefined) return 'NOT_COORDINATOR';
    return led.loaded ? led : 'COORDINATOR_LOAD_IN_PROGRESS';
  }

  /** @returns undefined: there are too many */
  newId(led: LedPartition, transactionalId: string): TransactionEntry | undefined {
    if (led.entries.size >= this.#settings.idsPerPartitionMax) return undefined;
    const entry = newEntry(transactionalId, {
      ...{ producerId: -1, producerEpoch: -1, timeoutMs: 0, status: 'Empty' },
      ...{ partitions: [], startedMs: -1, updatedMs: -1 },
    });
    led.entries.set(transactionalId, entry);
    return entry;
  }
}

/** Whoever waits for too long is told to try again; what he asked for may yet become durable. */
function answerOverdue(led: LedPartition, nowUs: number): void {
  for (let entry = led.takeOverdue(nowUs); entry !== undefined; entry = led.takeOverdue(nowUs)) {
    const pending = present(entry.pending, 'what waits has a change under way');
    entry.pending = { ...pending, reply: () => undefined };
    pending.reply('COORDINATOR_NOT_AVAILABLE');
  }
}

/** What clients are told where a record could not be appended: to try again, here or at another coordinator. */
function refusalOfAppend(error: string): KafkaError {
  if (error === 'NOT_LEADER_OR_FOLLOWER' || error === 'KAFKA_STORAGE_ERROR') return 'NOT_COORDINATOR';
  return 'COORDINATOR_NOT_AVAILABLE';
}
