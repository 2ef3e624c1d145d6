import { type StateForm } from '../base/capture.ts';
import { type StorageBackend } from '../storage/backend.ts';
import { type StateMachine } from './apply.ts';
import { type Backlog } from '../raft/backlog.ts';
import { type MemberConfig } from './member-protocol.ts';
import { compactionTurn, isCompacted } from './mvcc/compaction.ts';
import { type Mvcc } from './mvcc/mvcc.ts';

/**
 * Frees what compaction released, a few records a turn, with a pause behind each: a million records take minutes in which every
 * request meets a short turn now and then, rather than seconds in which all of them wait. How far it has come is in the store, and
 * nothing that is replicated depends on it.
 */
export class Freeing {
  readonly #store: StorageBackend;
  readonly #mvcc: Mvcc;
  readonly #backlog: Backlog;
  readonly #state: StateMachine;
  readonly #recordsMax: number;
  readonly #pauseUs: number;
  #notBeforeUs = 0;

  constructor(given: {
    readonly config: Pick<MemberConfig, 'compactionBatch' | 'compactionPauseUs'>;
    readonly store: StorageBackend;
    readonly mvcc: Mvcc;
    readonly backlog: Backlog;
    readonly state: StateMachine;
  }) {
    this.#store = given.store;
    this.#mvcc = given.mvcc;
    this.#backlog = given.backlog;
    this.#state = given.state;
    this.#recordsMax = given.config.compactionBatch;
    this.#pauseUs = given.config.compactionPauseUs;
  }

  /** Everything that compaction released is freed here. */
  get isDone(): boolean {
    return isCompacted(this.#mvcc);
  }

  /** When `turn` has something to do. Where the disk is behind it waits for the disk. */
  get dueUs(): number {
    return this.isDone || this.#backlog.isFull ? Infinity : this.#notBeforeUs;
  }

  turn(nowUs: number): void {
    if (this.dueUs > nowUs) return;
    this.#notBeforeUs = nowUs + this.#pauseUs;
    const batch = compactionTurn(this.#mvcc, this.#recordsMax);
    if (batch === undefined) return;
    let bytes = 0;
    for (const { key } of batch) bytes += key.length;
    this.#backlog.written(this.#store.write(batch), bytes, this.#state.index);
  }

  passState(form: StateForm): void {
    this.#notBeforeUs = form.number('notBeforeUs', this.#notBeforeUs);
  }
}
