import { present } from '../../core/base/assert.ts';
import { type SendSnapshotEffect } from '../../core/base/effects.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type StorageBackend, type StoreView } from '../../core/storage/backend.ts';
import { type RunnerCounters } from './counters.ts';
import { type PeerTransport } from './ports.ts';

export interface SnapshotEnded {
  readonly kind: 'snapshotSent' | 'snapshotFailed';
  readonly to: NodeId;
}

/** Views of the store that are being streamed to peers; each is closed once, at its stream's end or at the runner's. */
export class SnapshotSends<Header> {
  readonly #store: StorageBackend | undefined;
  readonly #transport: Pick<PeerTransport<never, Header>, 'sendSnapshot'>;
  readonly #counters: RunnerCounters;
  readonly #onEnded: (event: SnapshotEnded) => void;
  readonly #views = new Set<StoreView>();

  constructor(given: {
    readonly store: StorageBackend | undefined;
    readonly transport: Pick<PeerTransport<never, Header>, 'sendSnapshot'>;
    readonly counters: RunnerCounters;
    readonly onEnded: (event: SnapshotEnded) => void;
  }) {
    this.#store = given.store;
    this.#transport = given.transport;
    this.#counters = given.counters;
    this.#onEnded = given.onEnded;
  }

  begin({ to, header, viewId }: SendSnapshotEffect<Header>): void {
    const store = present(this.#store, 'a machine that sends snapshots has a store');
    const view = store.view(viewId);
    this.#views.add(view);
    this.#transport.sendSnapshot(to, header, view, store.tables).then(
      () => this.#ended(view, { kind: 'snapshotSent', to }),
      () => this.#ended(view, { kind: 'snapshotFailed', to }),
    );
  }

  closeAll(): void {
    for (const view of this.#views) view.close();
    this.#views.clear();
  }

  #ended(view: StoreView, event: SnapshotEnded): void {
    if (this.#views.delete(view)) view.close();
    if (event.kind === 'snapshotSent') this.#counters.snapshotsSent += 1;
    else this.#counters.snapshotsFailed += 1;
    this.#onEnded(event);
  }
}
