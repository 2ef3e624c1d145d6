import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';

import { type Chainfire } from '../../adapters/client/chainfire.ts';
import { connect } from '../../adapters/client/connect.ts';
import { ChainfireError } from '../../adapters/client/errors.ts';
import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import { HashKvRequest, StatusRequest } from '../../core/chainfire/api/cluster.ts';
import { bytesPerMib } from '../../core/base/units.ts';
import { Cluster, type MemberPlace, photonFile } from './cluster.ts';
import { runCommand } from './command.ts';
import { RawClient } from './raw-client.ts';

/** How long members are under load before the crash, and again behind it. */
const seconds = Number(process.env['PHOTON_RECORD_SECONDS'] ?? '5');
const valueBytes = 1_024;
const segmentBytesMax = bytesPerMib;
/** Room for what a fast machine does in five seconds, and the crash stays in it in longer runs, too. */
const segmentsMax = Math.max(12, 4 * seconds);

const recordingOf = ({ dataDir }: MemberPlace): string => join(dataDir, 'recording');
const flags = (member: MemberPlace): readonly string[] => [
  ...['--record', recordingOf(member)],
  ...['--record-segment-bytes-max', String(segmentBytesMax), '--record-segments-max', String(segmentsMax)],
  // What a checkpoint holds of the log: small, so that several fit into a ring that a test fills.
  ...['--log-cache-bytes-max', String(bytesPerMib)],
];

interface ReplayedSegment {
  readonly boot: number;
  readonly segment: number;
  readonly stepsBefore: number;
  readonly steps: number;
  readonly checkpoints: number;
  readonly ending: string;
  readonly stateEqual?: boolean;
}

interface ReplayReport {
  readonly segments: readonly ReplayedSegment[];
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

async function replay(cluster: Cluster, member: MemberPlace): Promise<ReplayReport> {
  const json = join(cluster.dir, `${member.name}.json`);
  const args = [photonFile, 'sim', 'replay', '--recording', recordingOf(member), '--json', json];
  const result = await runCommand(process.execPath, args, { timeoutMs: 240_000 });
  expect(result.stderr).toBe('');
  expect(result.code).toBe(0);
  return JSON.parse(readFileSync(json, 'utf8')) as ReplayReport;
}

/** Everything that clients do, from several connections, until the time is over; failures are part of it. */
async function loadFor(cluster: Cluster, forMs: number): Promise<number> {
  const endMs = performance.now() + forMs;
  let answered = 0;
  const userOf = async (number: number): Promise<void> => {
    const db = connect({ endpoints: cluster.endpoints.split(','), timeoutMs: 3_000 });
    const watch = db.watch({ prefix: `key/${number % 4}` }, { previous: true });
    const seen = drain(watch);
    for (let turn = 0; performance.now() < endMs; turn += 1) {
      try {
        await call(db, number, turn);
        answered += 1;
      } catch (error) {
        if (!(error instanceof ChainfireError)) throw error;
      }
    }
    watch.close();
    await seen;
    db.close();
  };
  await Promise.all([...Array.from({ length: 8 }, (_, number) => userOf(number)), maintain(cluster, endMs)]);
  return answered;
}

async function drain(watch: ReturnType<Chainfire['watch']>): Promise<void> {
  try {
    for await (const changes of watch) void changes;
  } catch (error) {
    // Compaction has overtaken it.
    if (!(error instanceof ChainfireError)) throw error;
  }
}

async function call(db: Chainfire, user: number, turn: number): Promise<void> {
  const key = `key/${user % 4}/${turn % 50}`;
  const value = new Uint8Array(valueBytes).fill(turn & 0xff);
  switch (turn % 10) {
    case 0:
      await db.get(key);
      break;
    case 1:
      await db.count('key/');
      break;
    case 2:
      await db.compareAndSwap(key, 'absent', value);
      break;
    case 3: {
      const lease = await db.lease(2);
      await db.put(`${key}/leased`, value, { lease });
      // Every other one is left to expire.
      if (turn % 20 === 3) await lease.revoke();
      else lease.release();
      break;
    }
    case 4:
      await db.delete(key, { previous: true });
      break;
    case 5: {
      const { revision } = await db.put(key, value);
      if (user === 0 && turn % 100 === 5) await db.compact(Math.max(1, revision - 500));
      break;
    }
    default:
      await db.put(key, value, { previous: true });
  }
}

/** Checksums, which hold views of the store over many steps. */
async function maintain(cluster: Cluster, endMs: number): Promise<void> {
  while (performance.now() < endMs) {
    for (const { client } of cluster.members) {
      const raw = new RawClient(client);
      await raw.unary(memberMethods.hashKv, HashKvRequest.create());
      raw.close();
    }
    await pause(100);
  }
}

async function leaderOf(cluster: Cluster): Promise<MemberPlace> {
  for (const member of cluster.members) {
    const raw = new RawClient(member.client);
    const status = await raw.unary(memberMethods.status, StatusRequest.create());
    raw.close();
    if ('header' in status && status.leader === status.header?.memberId) return member;
  }
  throw new Error('nobody leads');
}

test(
  `what real members did is done again, bit for bit: ${seconds} s of load, kill -9 of the leader in it, a restart, and as long again`,
  { timeout: 300_000 + 10_000 * seconds },
  async () => {
    const cluster = await Cluster.start(3, flags);
    onTestFinished(() => cluster.remove());
    cluster.showLogsOnFailure();
    const leader = await leaderOf(cluster);

    const before = loadFor(cluster, seconds * 1_000);
    await pause(seconds * 700);
    await cluster.end(leader.name, 'SIGKILL');
    expect(await before).toBeGreaterThan(100);
    await cluster.startMember(leader.name);
    expect(await loadFor(cluster, seconds * 1_000)).toBeGreaterThan(100);
    for (const { name } of cluster.members)
      expect(await cluster.end(name, 'SIGTERM')).toMatchObject({ code: 0 });

    for (const member of cluster.members) {
      const files = readdirSync(recordingOf(member));
      const bytes = files.reduce((sum, name) => sum + statSync(join(recordingOf(member), name)).size, 0);
      // What waits in memory when a segment is full is written before the next begins.
      expect(bytes).toBeLessThan((segmentsMax + 1) * segmentBytesMax);
      const { segments, problems } = await replay(cluster, member);
      expect(problems).toEqual([]);
      const last = segments.at(-1);
      expect(last?.ending).toBe('ended');
      expect(segments.length).toBeGreaterThan(1);
      // Every segment that another one of its boot follows: the replay came to the state that the next begins with.
      const followed = segments.filter(({ boot }, at) => segments[at + 1]?.boot === boot);
      for (const segment of followed)
        expect(segment).toMatchObject({ ending: 'continued', stateEqual: true });
      for (const segment of segments) expect(segment.steps).toBeGreaterThan(0);
      expect(Math.max(...segments.map(({ checkpoints }) => checkpoints))).toBeGreaterThan(1);
      expect(last?.boot).toBe(member.name === leader.name ? 2 : 1);
      if (member.name !== leader.name) continue;
      const killed = segments.filter(({ boot }) => boot === 1).at(-1);
      // The ring may be too small to hold the first boot's end still; where it is there, it is cut, and equal up to there.
      if (killed !== undefined) expect(killed.ending).toBe('cut');
    }
  },
);

test('a recording in a directory of another member is refused by name, and one that fails does not hurt the member', async () => {
  const cluster = await Cluster.plan(1);
  onTestFinished(() => cluster.remove());
  const recording = join(cluster.dir, 'recording');
  const recorded = await Cluster.start(1, ['--record', recording]);
  onTestFinished(() => recorded.remove());
  await recorded.end('a', 'SIGTERM');
  const args = [photonFile, 'chainfire', 'serve', ...cluster.serveFlags('a'), '--record', recording];
  const refused = await runCommand(process.execPath, [...args, '--initial-cluster-token', 'another']);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('holds a recording of chainfire member 1 (a) of cluster');

  const unwritable = await Cluster.start(1, ['--record', join(photonFile, 'below-a-file')]);
  onTestFinished(() => unwritable.remove());
  expect(readFileSync(unwritable.place('a').logFile, 'utf8')).toContain('"message":"cannot record"');
  const db = connect({ endpoints: [unwritable.place('a').client] });
  await db.put('still', 'serves');
  db.close();
});
