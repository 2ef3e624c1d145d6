import { expect, test } from 'vitest';

import { type OpenSnapshot } from '../../../adapters/backup/open-snapshot.ts';
import { snapshotFormatVersion } from '../../../adapters/backup/format.ts';
import { SnapshotCheck } from '../../../adapters/backup/snapshot-reader.ts';
import { SnapshotRequest, type SnapshotResponse } from '../../../adapters/grpc/maintenance-messages.ts';
import { type CallContext, type ServerStreamMethod } from '../../../adapters/grpc/service.ts';
import { snapshotMethod, snapshotsMax } from '../../../adapters/grpc/services/snapshot.ts';
import { Cancellation } from '../../../adapters/runner/cancellation.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';

const context: CallContext = {
  signal: new Cancellation(),
  deadlineMs: Infinity,
  metadata: () => undefined,
  peer: 'a test',
};

/** A store, and how many views of it are open. */
class Source {
  open = 0;
  onClosed: () => void = () => undefined;
  readonly #store = new MemoryBackend(['rows']);
  readonly #bytesEstimate: number;

  constructor(bytesEstimate: number) {
    this.#bytesEstimate = bytesEstimate;
    for (let at = 0; at < 200; at += 1) {
      const key = `key ${String(at).padStart(3, '0')}`;
      this.#store.write([{ table: 'rows', key, value: new Uint8Array(1_000).fill(at) }]);
    }
  }

  openSnapshot(): OpenSnapshot {
    const view = this.#store.view(this.#store.openView());
    this.open += 1;
    return {
      memberId: 3n,
      bytesEstimate: this.#bytesEstimate,
      header: {
        formatVersion: snapshotFormatVersion,
        system: 'test',
        softwareVersion: '1',
        clusterId: 9n,
        memberName: 'a',
        appliedIndex: 7,
        appliedTerm: 2,
        revision: 5,
        compactRevision: 0,
        createdMs: 0,
        tables: ['rows'],
      },
      view: {
        get: (table, key) => view.get(table, key),
        range: (table, range) => view.range(table, range),
        close: () => {
          view.close();
          this.open -= 1;
          this.onClosed();
        },
      },
    };
  }
}

function begin(source: Source, stallMs?: number): () => AsyncIterator<SnapshotResponse> {
  const method = snapshotMethod(source, stallMs) as ServerStreamMethod<SnapshotRequest, SnapshotResponse>;
  return () => method.handle(SnapshotRequest.create(), context)[Symbol.asyncIterator]();
}

test.each([
  ['too low', 10],
  ['too high', 10_000_000],
])('what remains is more than nothing until the end, even where the estimate is %s', async (_, estimate) => {
  const source = new Source(estimate);
  const stream = begin(source)();
  const check = new SnapshotCheck();
  const remaining: number[] = [];
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
    const response = next.value as SnapshotResponse;
    expect(response.header).toEqual({ clusterId: 9n, memberId: 3n, revision: 5, raftTerm: 2 });
    check.push(response.blob);
    remaining.push(response.remainingBytes);
  }
  expect(check.finish('it').sizeBytes).toBeGreaterThan(200_000);
  expect(remaining.at(-1)).toBe(0);
  expect(remaining.slice(0, -1).every((bytes) => bytes > 0)).toBe(true);
  expect(remaining.length).toBeGreaterThan(4);
  expect(source.open).toBe(0);
});

test('so many at once and no more; one that ends, or whose client goes, makes room', async () => {
  const source = new Source(1);
  const open = begin(source);
  const streams = Array.from({ length: snapshotsMax }, open);
  for (const stream of streams) await stream.next();
  expect(source.open).toBe(snapshotsMax);
  await expect(open().next()).rejects.toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    message: expect.stringContaining(`at most ${snapshotsMax} at once`) as string,
  });
  await streams[0]?.return?.();
  expect(source.open).toBe(snapshotsMax - 1);
  const another = open();
  expect((await another.next()).done).toBe(false);
  for (const stream of [...streams, another]) await stream.return?.();
  expect(source.open).toBe(0);
});

test('a client that takes nothing is given up, and its view is closed before it comes back', async () => {
  const source = new Source(1);
  const closed = new Promise<void>((resolve) => (source.onClosed = resolve));
  const stream = begin(source, 1)();
  await stream.next();
  await closed;
  await expect(stream.next()).rejects.toMatchObject({ code: 'ABORTED' });
  expect(source.open).toBe(0);
});
