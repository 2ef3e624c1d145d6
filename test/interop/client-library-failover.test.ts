import { expect, onTestFinished, test } from 'vitest';

import { type Chainfire } from '../../adapters/client/chainfire.ts';
import { connect } from '../../adapters/client/connect.ts';
import { ChainfireError } from '../../adapters/client/errors.ts';
import { Cluster } from './cluster.ts';

/** Three members, a client that knows them all, and a stop to both at the end. */
async function started(): Promise<{ readonly cluster: Cluster; readonly db: Chainfire }> {
  const cluster = await Cluster.start(3);
  const db = connect({ endpoints: cluster.endpoints.split(','), timeoutMs: 20_000 });
  onTestFinished(async () => {
    db.close();
    await cluster.remove();
  });
  cluster.showLogsOnFailure();
  return { cluster, db };
}

/** Kills each member in turn and starts it again; at most one is away at a time. */
async function killEachInTurn(cluster: Cluster): Promise<void> {
  for (const { name } of cluster.members) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await cluster.end(name, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await cluster.startMember(name);
  }
}

/** Puts `prefix` 0, 1, 2 … until `done`; @returns how many were surely or perhaps written, and the last revision. */
async function writeUntil(
  db: Chainfire,
  prefix: string,
  done: Promise<void>,
): Promise<{ readonly acknowledged: readonly number[]; readonly revision: number }> {
  let isDone = false;
  void done.then(() => (isDone = true));
  const acknowledged: number[] = [];
  for (let at = 0; !isDone; at += 1) {
    try {
      await db.put(`${prefix}${at}`, String(at));
      acknowledged.push(at);
    } catch (error) {
      if (!(error instanceof ChainfireError)) throw error;
    }
  }
  const { revision } = await db.put(`${prefix}end`, 'end');
  return { acknowledged, revision };
}

test('watches resume, a lease is kept and a lock stays held while every member is killed in turn', async () => {
  const { cluster, db } = await started();
  const lease = await db.lease(5);
  await db.put('session', 'me', { lease });
  const lock = await db.lock('held', { lease });
  const watch = db.watch({ prefix: 'k/' });
  const slow = db.watch({ prefix: 'k/' }, { bufferBytesMax: 1_000, previous: true });
  await Promise.all([watch.ready, slow.ready]);

  const { acknowledged, revision } = await writeUntil(db, 'k/', killEachInTurn(cluster));
  expect(acknowledged.length).toBeGreaterThan(100);

  const history: string[] = [];
  for await (const { key, modRevision } of db.prefix('k/')) history.push(`${modRevision} ${key}`);
  history.sort((left, right) => parseInt(left, 10) - parseInt(right, 10));
  for (const one of [watch, slow]) {
    const told: string[] = [];
    for await (const changes of one) {
      for (const { entry } of changes.events) told.push(`${entry.modRevision} ${entry.key}`);
      if (changes.revision >= revision) break;
    }
    // Once, in order, nothing left out: the store itself is the witness.
    expect(told).toEqual(history);
  }
  for (const at of acknowledged) expect(history.some((line) => line.endsWith(` k/${at}`))).toBe(true);

  expect(lease.signal.aborted).toBe(false);
  expect((await db.get('session'))?.lease).toBe(lease.id);
  expect(await db.count('held/')).toBe(1);
  await lock.unlock();
  expect(await db.count('held/')).toBe(0);
});

test('a client that is cut off from every member loses its lease in time, before the members end it', async () => {
  const { cluster, db } = await started();
  const lease = await db.lease(3);
  await db.put('session', 'me', { lease });
  // Stopped, not killed: connections stay open and nobody answers.
  const pids = cluster.members.map(({ name }) => cluster.pid(name) ?? 0);
  const stoppedMs = performance.now();
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    expect(await lease.lost).toMatchObject({ code: 'LEASE_LOST' });
    expect(performance.now() - stoppedMs).toBeLessThan(3_500);
    expect(lease.remainingMs).toBe(0);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  // Whatever the members make of the time in which they stood still, the key goes in the end.
  await expect.poll(() => db.get('session'), { timeout: 20_000 }).toBeUndefined();
});
