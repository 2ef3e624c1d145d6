import { present } from '../../base/assert.ts';
import { type GroupLog } from '../group/port.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { type TransactionEntry } from './entry.ts';

/** A partition of `__transaction_state` that this broker leads: the transactional ids in it, and how far it has been read. */
export class LedPartition {
  readonly partition: number;
  readonly leaderEpoch: LeaderEpoch;
  readonly log: GroupLog;
  readonly entries = new Map<string, TransactionEntry>();
  /** Where the log ended when this broker was elected: behind it are only its own records. */
  readonly loadEndOffset: Offset;
  /** The next to be read. */
  loadedOffset: Offset;
  loaded = false;
  /** Entries whose change is not durable, in the order of their offsets. */
  readonly #pending: TransactionEntry[] = [];
  /** So many of the oldest have had their time; who waited for them was answered. */
  #overdue = 0;

  constructor(given: {
    readonly partition: number;
    readonly leaderEpoch: LeaderEpoch;
    readonly log: GroupLog;
  }) {
    this.partition = given.partition;
    this.leaderEpoch = given.leaderEpoch;
    this.log = given.log;
    this.loadedOffset = given.log.logStartOffset;
    this.loadEndOffset = given.log.logEndOffset;
  }

  /** There is more to be read, below the high watermark, or nothing left to wait for. */
  get canLoad(): boolean {
    return this.loadedOffset < this.log.highWatermark || this.log.highWatermark >= this.loadEndOffset;
  }

  /** When the oldest change that somebody still waits for has had its time. */
  get deadlineUs(): number {
    return this.#pending[this.#overdue]?.pending?.deadlineUs ?? Infinity;
  }

  appended(entry: TransactionEntry): void {
    this.#pending.push(entry);
  }

  /** The oldest whose change is durable now. */
  takeDurable(highWatermark: Offset): TransactionEntry | undefined {
    const [first] = this.#pending;
    if (first === undefined) return undefined;
    const { endOffset } = present(first.pending, 'what waits has a change under way');
    if (endOffset > highWatermark) return undefined;
    if (this.#overdue > 0) this.#overdue -= 1;
    return this.#pending.shift();
  }

  /** The oldest that has had its time, each once; it may yet become durable. */
  takeOverdue(nowUs: number): TransactionEntry | undefined {
    if (this.deadlineUs > nowUs) return undefined;
    this.#overdue += 1;
    return this.#pending[this.#overdue - 1];
  }

  /** Those whose changes are not known to be durable. */
  takeAll(): readonly TransactionEntry[] {
    this.#overdue = 0;
    return this.#pending.splice(0);
  }
}
