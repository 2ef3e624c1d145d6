import { present } from '../base/assert.ts';
import { bytesPerMib } from '../base/units.ts';
import { type StateForm } from '../base/capture.ts';
import { type ResponseHeader } from './api/kv.ts';
import { type MemberResponse } from './member-protocol.ts';
import { type Answers } from './answers.ts';
import { leaseKeyTable, leaseTable } from './lease/keys.ts';
import { namespaceLeaseTable, namespaceTable } from './namespace/keys.ts';
import { StateHash } from './mvcc/state-hash.ts';
import { type Mvcc } from './mvcc/mvcc.ts';
import { type StorageBackend, type StoreView } from '../storage/backend.ts';

/** Checksums under way at once: each holds a read view, and views keep old pages of the store alive. */
export const hashJobsMax = 4;
/** Records that all checksums together take in at one turn. */
const recordsPerTurn = 4_096;
const bytesPerTurn = bytesPerMib;

/** What is answered beside the checksum. */
interface Answer {
  readonly header: ResponseHeader;
  /** Of the history alone. */
  readonly history: { readonly compactRevision: number; readonly hashRevision: number } | undefined;
}

interface Job {
  readonly requestId: number;
  readonly viewId: number;
  readonly view: StoreView;
  readonly hash: StateHash;
  readonly answer: Answer;
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
    const history = { compactRevision, hashRevision };
    this.#add(requestId, { revision: hashRevision, initial: 0, tables: [] }, { header, history });
  }

  /** Over everything that is replicated. */
  addHash(requestId: number): void {
    const header = this.#answers.header(this.#mvcc.revision);
    const initial = this.#answers.hashOfTheRest();
    const tables = [leaseTable, leaseKeyTable, namespaceTable, namespaceLeaseTable];
    this.#add(requestId, { revision: this.#mvcc.revision, initial, tables }, { header, history: undefined });
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
    job.hash.advance(recordsPerTurn, bytesPerTurn);
    if (!job.hash.done) return undefined;
    this.cancel(job.requestId);
    return { requestId: job.requestId, response: responseOf(job.answer, job.hash.hash) };
  }

  #add(
    requestId: number,
    over: { readonly revision: number; readonly initial: number; readonly tables: readonly string[] },
    answer: Answer,
  ): void {
    const viewId = this.#store.openView();
    const view = this.#store.view(viewId);
    const { compactRevision } = this.#mvcc;
    const hash = new StateHash(view, { compactRevision, ...over });
    this.#jobs.push({ requestId, viewId, view, hash, answer });
  }

  /** Where it is restored, views that were open are open, under the same numbers. */
  passState(form: StateForm): void {
    const jobs = form.list<Omit<Job, 'view' | 'hash'> & { readonly hash: StateHash | undefined }>(
      'jobs',
      this.#jobs,
      { requestId: 0, viewId: 0, hash: undefined, answer: { header: noHeader, history: undefined } },
      (row, job) => {
        const requestId = row.number('requestId', job.requestId);
        const viewId = row.number('viewId', job.viewId);
        const hash = job.hash ?? this.#blankHash(viewId);
        row.part('hash', hash);
        return { requestId, viewId, hash, answer: row.data('answer', job.answer) };
      },
    );
    if (!form.restores) return;
    this.#jobs = jobs.map((job) => {
      const view = this.#store.view(job.viewId);
      return { ...job, view, hash: present(job.hash, 'a checksum was restored') };
    });
  }

  #blankHash(viewId: number): StateHash {
    const view = this.#store.view(viewId);
    return new StateHash(view, { compactRevision: 0, revision: 0, initial: 0, tables: [] });
  }
}

const noHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

function responseOf({ header, history }: Answer, hash: number): MemberResponse {
  if (history === undefined) return { kind: 'hash', response: { header, hash } };
  const { compactRevision, hashRevision } = history;
  return { kind: 'hashKv', response: { header, hash, compactRevision, hashRevision } };
}
