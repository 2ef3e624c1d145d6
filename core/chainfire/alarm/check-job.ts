import { bytesPerKib } from '../../base/units.ts';
import { type StateForm } from '../../base/capture.ts';
import { type StorageBackend, type StoreView } from '../../storage/backend.ts';
import { historyTable } from '../mvcc/keys.ts';
import { StateHash } from '../mvcc/state-hash.ts';
import { memberTables } from '../tables.ts';

/** What one turn takes in at most, or one record that is larger: a heartbeat waits no longer than that. */
const recordsPerTurn = 1_000;
const bytesPerTurn = 256 * bytesPerKib;

/** Everything that is replicated, behind the history. */
const tables = memberTables.filter((table) => table !== historyTable);

interface Job {
  /** Log position of the request that it answers. */
  readonly index: number;
  readonly viewId: number;
  readonly view: StoreView;
  readonly hash: StateHash;
}

/** The checksum of a member's whole store as it was at a request for it; one at a time, the latest. */
export class CheckJob {
  readonly #store: StorageBackend;
  #job: Job | undefined;

  constructor(store: StorageBackend) {
    this.#store = store;
  }

  get isUnderWay(): boolean {
    return this.#job !== undefined;
  }

  /** All of the state at `index` is written, and nothing behind it: a view of now is of that place. */
  begin(at: { readonly index: number; readonly revision: number; readonly compactRevision: number }): void {
    this.abort();
    const viewId = this.#store.openView();
    const view = this.#store.view(viewId);
    const { index, revision, compactRevision } = at;
    this.#job = {
      index,
      viewId,
      view,
      hash: new StateHash(view, { compactRevision, revision, initial: 0, tables }),
    };
  }

  abort(): void {
    this.#job?.view.close();
    this.#job = undefined;
  }

  /** One turn. @returns the checksum, when it is done */
  advance(): { readonly index: number; readonly hash: number } | undefined {
    const job = this.#job;
    if (job === undefined) return undefined;
    job.hash.advance(recordsPerTurn, bytesPerTurn);
    if (!job.hash.done) return undefined;
    this.abort();
    return { index: job.index, hash: job.hash.hash };
  }

  /** Where it is restored, the view that was open is open, under the same number. */
  passState(form: StateForm): void {
    const blank: { index: number; viewId: number; hash: StateHash | undefined } = {
      index: 0,
      viewId: 0,
      hash: undefined,
    };
    const passed = form.optional('job', this.#job, blank, (fields, job) => {
      const index = fields.number('index', job.index);
      const viewId = fields.number('viewId', job.viewId);
      const view = this.#store.view(viewId);
      const hash =
        job.hash ?? new StateHash(view, { compactRevision: 0, revision: 0, initial: 0, tables: [] });
      fields.part('hash', hash);
      return { index, viewId, hash };
    });
    if (!form.restores) return;
    const { index, viewId, hash } = passed ?? {};
    this.#job =
      index === undefined || viewId === undefined || hash === undefined
        ? undefined
        : { index, viewId, hash, view: this.#store.view(viewId) };
  }
}
