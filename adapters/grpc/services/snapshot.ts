import { type OpenSnapshot, type SnapshotSource } from '../../backup/open-snapshot.ts';
import { digestBytes } from '../../backup/format.ts';
import { snapshotBytes } from '../../backup/snapshot-writer.ts';
import { snapshotPath, SnapshotRequest, SnapshotResponse } from '../maintenance-messages.ts';
import { type Method, serverStream } from '../service.ts';
import { StatusError } from '../status.ts';

/** Each holds a read view, and a view keeps the pages of the store that were replaced since. */
export const snapshotsMax = 4;
/** A client that takes nothing for so long is given up, for the sake of those pages. */
const stallMsDefault = 60_000;

/**
 * `Maintenance.Snapshot`: the store as it is when it is asked for, while everything else goes on.
 *
 * `remaining_bytes` is an estimate until the last message, where it is 0: how long the stream is, is known at its end.
 */
export function snapshotMethod(source: SnapshotSource, stallMs = stallMsDefault): Method {
  let open = 0;
  return serverStream(snapshotPath, SnapshotRequest, SnapshotResponse, async function* () {
    if (open >= snapshotsMax) {
      throw new StatusError(
        'RESOURCE_EXHAUSTED',
        `etcdserver: too many requests (${open} snapshots are being sent already, at most ${snapshotsMax} at once; try again later)`,
      );
    }
    const snapshot = source.openSnapshot();
    open += 1;
    const lease = new ViewLease(snapshot, stallMs, () => (open -= 1));
    try {
      yield* responsesOf(snapshot, lease);
    } finally {
      lease.end();
    }
  });
}

/** Closes the view when its reader has done with it, or stands still. */
class ViewLease {
  readonly #snapshot: OpenSnapshot;
  readonly #stallMs: number;
  readonly #onEnd: () => void;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(snapshot: OpenSnapshot, stallMs: number, onEnd: () => void) {
    this.#snapshot = snapshot;
    this.#stallMs = stallMs;
    this.#onEnd = onEnd;
  }

  /** The reader is about to be waited for. */
  waiting(): void {
    this.#timer = setTimeout(() => this.end(), this.#stallMs);
    this.#timer.unref();
  }

  /** @throws StatusError when it took too long */
  resumed(): void {
    clearTimeout(this.#timer);
    if (!this.#ended) return;
    throw new StatusError(
      'ABORTED',
      `the snapshot was given up: nothing of it was taken for ${this.#stallMs} ms`,
    );
  }

  end(): void {
    clearTimeout(this.#timer);
    if (this.#ended) return;
    this.#ended = true;
    this.#snapshot.view.close();
    this.#onEnd();
  }
}

async function* responsesOf(
  snapshot: OpenSnapshot,
  lease: ViewLease,
): AsyncGenerator<SnapshotResponse, void, undefined> {
  const { header: about, view, bytesEstimate, memberId } = snapshot;
  const { clusterId, revision, appliedTerm } = about;
  const header = { clusterId, memberId, revision, raftTerm: appliedTerm };
  let sentBytes = 0;
  // One piece behind: only then is the last known to be the last.
  let pending: Uint8Array | undefined;
  for await (const blob of snapshotBytes(about, view)) {
    if (pending !== undefined) {
      sentBytes += pending.length;
      // Never 0 before the end, whatever the estimate is worth.
      const remainingBytes = Math.max(digestBytes, bytesEstimate - sentBytes);
      lease.waiting();
      yield { header, remainingBytes, blob: pending };
      lease.resumed();
    }
    pending = blob;
  }
  if (pending !== undefined) yield { header, remainingBytes: 0, blob: pending };
}
