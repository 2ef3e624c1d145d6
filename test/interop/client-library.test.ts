import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Chainfire } from '../../adapters/client/chainfire.ts';
import { connect } from '../../adapters/client/connect.ts';
import { ChainfireError } from '../../adapters/client/errors.ts';
import { compare, operation } from '../../adapters/client/txn.ts';
import { type Changes, type Watch } from '../../adapters/client/watch.ts';
import { Cluster } from './cluster.ts';
import { etcdctl } from './command.ts';
import { startEtcd } from './etcd-server.ts';
import { freePorts } from './ports.ts';
import { describeWith } from './requirement.ts';

interface Server {
  readonly endpoint: string;
  stop(): Promise<void>;
}

async function startPhoton(): Promise<Server> {
  const cluster = await Cluster.start(1);
  return { endpoint: cluster.endpoints, stop: () => cluster.remove() };
}

async function thrown(promise: Promise<unknown>): Promise<ChainfireError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ChainfireError);
  return error as ChainfireError;
}

/** What a watch yields, up to and with this revision, as lines. */
async function told(watch: Watch, untilRevision: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for (;;) {
    const { value } = await watch.next();
    if (value === undefined) return lines;
    lines.push(...linesOf(value));
    if (value.revision >= untilRevision) return lines;
  }
}

function linesOf({ events }: Changes): readonly string[] {
  return events.map(({ kind, entry, previous }) => {
    const before = previous === undefined ? '' : ` before ${previous.value}`;
    return `${kind} ${entry.key}=${entry.value}${before}`;
  });
}

/** The whole library against one server: the same from Chainfire and from etcd. */
function suite(start: () => Promise<Server>): void {
  let server: Server;
  let db: Chainfire;
  beforeAll(async () => {
    server = await start();
    db = connect({ endpoints: [server.endpoint], timeoutMs: 20_000 });
  });
  afterAll(async () => {
    db?.close();
    await server?.stop();
  });

  test('values go in as text or bytes, and come out as both', async () => {
    const { revision } = await db.put('text', 'wert €');
    const text = await db.get('text');
    expect(text).toMatchObject({
      key: 'text',
      value: 'wert €',
      version: 1,
      modRevision: revision,
      lease: 0n,
    });
    const bytes = Uint8Array.from([0xff, 0, 10]);
    await db.put(bytes, bytes);
    const binary = await db.get(bytes);
    expect(binary?.valueBytes).toEqual(bytes);
    expect(binary?.keyBytes).toEqual(bytes);
    expect(() => binary?.value).toThrow('not UTF-8');
    expect(await db.get('absent')).toBeUndefined();
    expect((await db.put('text', 'neu', { previous: true })).previous?.value).toBe('wert €');
    expect((await db.get('text', { revision }))?.value).toBe('wert €');
    for (const consistency of ['linearizable', 'serializable', 'local'] as const) {
      expect((await db.get('text', { consistency }))?.value).toBe('neu');
    }
  });

  test('a large prefix comes in pages of one revision, whatever is written meanwhile', async () => {
    const keys = Array.from({ length: 500 }, (_, at) => `page/${String(at).padStart(4, '0')}`);
    for (let at = 0; at < keys.length; at += 100) {
      const puts = keys.slice(at, at + 100).map((key) => operation.put(key, 'x'.repeat(at)));
      await db
        .txn()
        .do(...puts)
        .commit();
    }
    const seen: string[] = [];
    for await (const entry of db.prefix('page/')) {
      if (seen.length === 10) await db.deletePrefix('page/');
      seen.push(entry.key);
    }
    expect(seen).toEqual(keys);
    expect(await db.count('page/')).toBe(0);
    expect((await db.deletePrefix('page/')).deleted).toBe(0);
  });

  test('compare and swap tells what it found, and what it made of it', async () => {
    const made = await db.compareAndSwap('cas', 'absent', 'a');
    expect(made).toMatchObject({ swapped: true, current: { value: 'a', version: 1 } });
    const refused = await db.compareAndSwap('cas', 'absent', 'b');
    expect(refused).toMatchObject({ swapped: false, current: { value: 'a', version: 1 } });
    const swapped = await db.compareAndSwap('cas', { version: 1 }, 'b');
    expect(swapped).toMatchObject({
      swapped: true,
      current: { value: 'b', version: 2 },
      previous: { value: 'a', version: 1 },
    });
    expect(await db.compareAndSwap('cas', { value: 'a' }, 'c')).toMatchObject({ swapped: false });
    const { modRevision } = (await db.get('cas')) ?? { modRevision: 0 };
    expect(await db.compareAndSwap('cas', { modRevision }, 'c')).toMatchObject({ swapped: true });
    expect(await db.compareAndSwap('nowhere', { version: 3 }, 'c')).toMatchObject({
      swapped: false,
      current: undefined,
    });
  });

  test('a transaction does one thing or the other, at one revision', async () => {
    const first = await db
      .txn()
      .when(compare.absent('t'))
      .do(operation.put('t', '1'), operation.get('t'))
      .otherwise(operation.get('t'))
      .commit();
    expect(first).toMatchObject({
      succeeded: true,
      results: [{ kind: 'put' }, { kind: 'get', entries: [{ value: '1', modRevision: first.revision }] }],
    });
    const second = await db
      .txn()
      .when(compare.value('t', '=', 'other'))
      .otherwise(operation.delete('t', { previous: true }))
      .commit();
    expect(second).toMatchObject({
      succeeded: false,
      results: [{ kind: 'delete', deleted: 1, previous: [{ value: '1' }] }],
    });
  });

  test('what is refused, surely not done and unknown are told apart', async () => {
    expect(await thrown(db.put('', 'x'))).toMatchObject({ outcome: 'refused', code: 'EMPTY_KEY' });
    expect(await thrown(db.get('a', { revision: 1_000_000 }))).toMatchObject({ code: 'FUTURE_REVISION' });
    const [port = 0] = await freePorts(1);
    const nobody = connect({ endpoints: [`127.0.0.1:${port}`], timeoutMs: 300 });
    expect(await thrown(nobody.put('a', 'x'))).toMatchObject({ outcome: 'failed', code: 'NOT_DONE' });
    nobody.close();
    expect(await thrown(nobody.put('a', 'x'))).toMatchObject({ outcome: 'failed' });
  });

  test('a watch tells history and what follows, with what was before', async () => {
    const { revision } = await db.put('w/a', '1');
    await db.put('w/a', '2');
    await using watch = db.watch({ prefix: 'w/' }, { fromRevision: revision, previous: true });
    await db.put('other', 'x');
    const last = await db.txn().do(operation.delete('w/a'), operation.put('w/b', '3')).commit();
    expect(await told(watch, last.revision)).toEqual([
      'put w/a=1',
      'put w/a=2 before 1',
      'delete w/a= before 2',
      'put w/b=3',
    ]);
  });

  test('a watch from now on tells everything behind its `ready`', async () => {
    const controller = new AbortController();
    const watch = db.watch('now', { signal: controller.signal, without: 'deletes' });
    const ready = await watch.ready;
    await db.put('now', '1');
    await db.delete('now');
    const { revision } = await db.put('now', '2');
    expect(revision).toBe(ready + 3);
    expect(await told(watch, revision)).toEqual(['put now=1', 'put now=2']);
    const ended = watch.next();
    controller.abort();
    expect(await ended).toEqual({ done: true, value: undefined });
  });

  test('a watch of what is compacted ends with the first revision that is left', async () => {
    await db.put('c', '1');
    const { revision } = await db.put('c', '2');
    await db.compact(revision);
    const error = await thrown(db.watch('c', { fromRevision: 1 }).next());
    expect(error).toMatchObject({ outcome: 'refused', code: 'COMPACTED', compactRevision: revision });
    // At the compacted revision itself it begins.
    await using watch = db.watch('c', { fromRevision: revision });
    expect(await told(watch, revision)).toEqual(['put c=2']);
  });

  test('a reader that is slow misses nothing, and holds up nobody', async () => {
    await using slow = db.watch({ prefix: 'flood/' }, { bufferBytesMax: 2_000 });
    await using quick = db.watch({ prefix: 'flood/' });
    await Promise.all([slow.ready, quick.ready]);
    let revision = 0;
    const expected: string[] = [];
    for (let at = 0; at < 100; at += 1) {
      ({ revision } = await db.put(`flood/${at}`, 'v'.repeat(500)));
      expected.push(`put flood/${at}=${'v'.repeat(500)}`);
    }
    expect(await told(quick, revision)).toEqual(expected);
    expect(await told(slow, revision)).toEqual(expected);
  });

  test('a lease lives longer than its time while it is kept, and takes its keys along when it is revoked', async () => {
    const lease = await db.lease(2);
    await db.put('session', 'me', { lease });
    expect((await lease.state({ keys: true })).keys).toEqual(
      [Buffer.from('session')].map((key) => Uint8Array.from(key)),
    );
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(lease.remainingMs).toBeGreaterThan(0);
    expect((await db.get('session'))?.lease).toBe(lease.id);
    await lease.revoke();
    expect(await db.get('session')).toBeUndefined();
    expect((await db.leaseState(lease.id)).ttlSeconds).toBe(-1);
    expect(lease.signal.aborted).toBe(false);
  });

  test('a lease that somebody revokes is lost; one that is released ends by itself', async () => {
    const lease = await db.lease(2);
    const other = connect({ endpoints: [server.endpoint] });
    await (await other.keepLease(lease.id)).revoke();
    expect(await lease.lost).toMatchObject({ code: 'LEASE_LOST' });
    expect(lease.signal.aborted).toBe(true);
    expect(await thrown(other.keepLease(lease.id))).toMatchObject({ code: 'LEASE_NOT_FOUND' });
    other.close();

    const released = await db.lease(1);
    await db.put('released', 'x', { lease: released });
    await using watch = db.watch('released', { without: 'puts' });
    await watch.ready;
    released.release();
    expect((await watch.next()).value).toMatchObject({ events: [{ kind: 'delete' }] });
  });

  test('a lock passes from one to the next in the order in which they asked, with rising tokens', async () => {
    const first = await db.lock('mutex');
    const order: string[] = [];
    const waits = [];
    for (const name of ['b', 'c', 'd']) {
      waits.push(
        db.lock('mutex').then(async (lock) => {
          order.push(name);
          await lock.unlock();
          return lock.token;
        }),
      );
      await expect.poll(() => db.count('mutex/')).toBe(1 + waits.length);
    }
    expect(order).toEqual([]);
    await first.unlock();
    const tokens = await Promise.all(waits);
    expect(order).toEqual(['b', 'c', 'd']);
    expect([first.token, ...tokens]).toEqual(
      [first.token, ...tokens].toSorted((left, right) => left - right),
    );
    expect(await db.count('mutex/')).toBe(0);
  });

  test('whoever gives up waiting leaves nothing behind', async () => {
    const held = await db.lock('busy');
    expect(await thrown(db.lock('busy', { timeoutMs: 200 }))).toMatchObject({
      outcome: 'failed',
      code: 'NOT_DONE',
    });
    const controller = new AbortController();
    const aborted = thrown(db.lock('busy', { signal: controller.signal }));
    await expect.poll(() => db.count('busy/')).toBe(2);
    controller.abort();
    expect(await aborted).toMatchObject({ code: 'ABORTED' });
    const lease = await db.lease(30);
    const lost = thrown(db.lock('busy', { lease }));
    await expect.poll(() => db.count('busy/')).toBe(2);
    const other = connect({ endpoints: [server.endpoint] });
    await (await other.keepLease(lease.id)).revoke();
    other.close();
    await expect.poll(() => db.count('busy/')).toBe(1);
    await held.unlock();
    expect(await lost).toMatchObject({ code: 'LEASE_LOST' });
    expect(await db.count('busy/')).toBe(0);
  });

  test('an election has one leader, who proclaims, resigns, and is observed', async () => {
    const election = db.election('chief');
    expect(await election.leader()).toBeUndefined();
    const observed: (string | undefined)[] = [];
    const controller = new AbortController();
    const observing = (async () => {
      for await (const leader of election.observe({ signal: controller.signal }))
        observed.push(leader?.value);
    })();
    const anna = await election.campaign('anna');
    expect((await election.leader())?.value).toBe('anna');
    await expect.poll(() => observed.at(-1)).toBe('anna');
    const waiting = election.campaign('berta');
    await anna.proclaim('anna again');
    await expect.poll(() => observed.at(-1)).toBe('anna again');
    await expect.poll(() => db.count('chief/')).toBe(2);
    await anna.resign();
    const berta = await waiting;
    expect(berta.token).toBeGreaterThan(anna.token);
    await expect.poll(() => observed.at(-1)).toBe('berta');
    expect(await thrown(anna.proclaim('still me'))).toMatchObject({ code: 'NOT_LEADER' });
    await berta.resign();
    await expect.poll(() => observed.at(-1)).toBe(undefined);
    controller.abort();
    await observing;
    expect(observed).toEqual([undefined, 'anna', 'anna again', 'berta', undefined]);
  });
}

describe('the client library and Chainfire', () => suite(startPhoton));

describeWith(['etcd'], 'the client library and etcd', () => suite(startEtcd));

describeWith(['etcd', 'etcdctl'], 'the client library beside etcdctl', () => {
  test('etcdctl lock waits for ours, and ours for etcdctl', async () => {
    const server = await startEtcd();
    const db = connect({ endpoints: [server.endpoint] });
    try {
      const ours = await db.lock('shared');
      const theirs = etcdctl(server.endpoint, ['lock', 'shared', 'echo', 'theirs']);
      await expect.poll(() => db.count('shared/')).toBe(2);
      await ours.unlock();
      expect((await theirs).stdout).toContain('theirs');
      const holding = etcdctl(server.endpoint, ['lock', 'shared', 'sleep', '2']);
      await expect.poll(() => db.count('shared/')).toBe(1);
      const began = performance.now();
      await (await db.lock('shared')).unlock();
      expect(performance.now() - began).toBeGreaterThan(1_000);
      expect((await holding).code).toBe(0);
    } finally {
      db.close();
      await server.stop();
    }
  });
});
