import { type MemberResponse } from './member-protocol.ts';
import { type Answers } from './answers.ts';
import { leaseKeyTable, leaseTable } from './lease/keys.ts';
import { StateHash } from './mvcc/state-hash.ts';
import { type Mvcc } from './mvcc/mvcc.ts';
import { type StorageBackend, type StoreView } from '../storage/backend.ts';

/** Checksums under way at once: each holds a read view, and views keep old pages of the store alive. */
export const hashJobsMax = 4;
/** Records that all checksums together take in at one turn. */
const recordsPerTurn = 4_096;

interface Job {
  readonly requestId: number;
  readonly view: StoreView;
  readonly hash: StateHash;
  readonly answer: (hash: number) => MemberResponse;
}

/** Checksums over the whole store, a slice a turn, each over a view of the moment it was asked for. */
export class HashJobs {
  readonly #store: StorageBackend;
  readonly #mvcc: Mvcc;
  readonly #answers: Answers;
  #jobs: Job[] = [];

  constructor(mvcc: Mvcc, answers: Answers) {
    this.#store = mvcc.store;
    this.#mvcc = mvcc;
    this.#answers = answers;
  }

  get isEmpty(): boolean {
    return this.#jobs.length === 0;
  }

  get isFull(): boolean {
    return this.#jobs.length >= hashJobsMax;
  }

  get size(): number {
    return this.#jobs.length;
  }

  /** Over the history up to `revision`, which was checked; 0 for the newest. */
  addHashKv(requestId: number, revision: number): void {
    const { compactRevision } = this.#mvcc;
    const hashRevision = revision === 0 ? this.#mvcc.revision : revision;
    const header = this.#answers.header(this.#mvcc.revision);
    this.#add(requestId, { revision: hashRevision, initial: 0, tables: [] }, (hash) => ({
      kind: 'hashKv',
      response: { header, hash, compactRevision, hashRevision },
    }));
  }

  /** Over everything that is replicated. */
  addHash(requestId: number): void {
    const header = this.#answers.header(this.#mvcc.revision);
    const initial = this.#answers.hashOfTheRest();
    const tables = [leaseTable, leaseKeyTable];
    this.#add(requestId, { revision: this.#mvcc.revision, initial, tables }, (hash) => ({
      kind: 'hash',
      response: { header, hash },
    }));
  }

  cancel(requestId: number): void {
    const job = this.#jobs.find((candidate) => candidate.requestId === requestId);
    if (job === undefined) return;
    this.#jobs = this.#jobs.filter((candidate) => candidate !== job);
    job.view.close();
  }

  /** One turn of the oldest. @returns the answer, when it is done */
  advance(): { readonly requestId: number; readonly response: MemberResponse } | undefined {
    const job = this.#jobs[0];
    if (job === undefined) return undefined;
    job.hash.advance(recordsPerTurn);
    if (!job.hash.done) return undefined;
    this.cancel(job.requestId);
    return { requestId: job.requestId, response: job.answer(job.hash.hash) };
  }

  #add(
    requestId: number,
    over: { readonly revision: number; readonly initial: number; readonly tables: readonly string[] },
    answer: (hash: number) => MemberResponse,
  ): void {
    const view = this.#store.view(this.#store.openView());
    const { compactRevision } = this.#mvcc;
    const hash = new StateHash(view, { compactRevision, ...over });
    this.#jobs.push({ requestId, view, hash, answer });
  }
}
