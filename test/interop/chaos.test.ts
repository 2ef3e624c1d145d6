import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { parseAddress } from '../../adapters/config/address.ts';
import { GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { HashKvRequest } from '../../core/chainfire/api/cluster.ts';
import { type ClientOutcome } from '../../core/chainfire/client/protocol.ts';
import { RangeRequest } from '../../core/chainfire/api/kv.ts';
import { requireLinearizable } from '../../sim/checkers/linearizability.ts';
import { Revisions } from '../../sim/checkers/revisions.ts';
import { History, historyToLines } from '../../sim/history.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type WorkloadPlan } from '../../sim/types.ts';
import { Cluster } from './cluster.ts';
import { crowdMix, liveAsUser, nowUs } from './crowd.ts';

/** How long members are killed for; shorter only by hand. */
const seconds = Number(process.env['PHOTON_CHAOS_SECONDS'] ?? '60');
const clients = 12;
const callTimeoutMs = 5_000;

const plan: WorkloadPlan = {
  clients,
  keys: 24,
  thinkUsMin: 1_000,
  thinkUsMax: 20_000,
  callTimeoutUs: callTimeoutMs * 1_000,
  mix: { ...crowdMix, compact: 1 },
};

interface Chaos {
  kills: number;
  pauses: number;
}

function connect(cluster: Cluster, prng: Prng): GrpcChainfireClient {
  const endpoints = cluster.members.map((member) => {
    const address = parseAddress(member.client);
    if (address === undefined) throw new Error(`${member.client} is an address`);
    return address;
  });
  return new GrpcChainfireClient({ endpoints, prng: prng.fork('client') });
}

/** Kills one member, sometimes two or all, and now and then holds one still; what is killed comes back. */
async function havoc(cluster: Cluster, prng: Prng, ended: () => boolean): Promise<Chaos> {
  const chaos: Chaos = { kills: 0, pauses: 0 };
  while (!ended()) {
    await pause(between(prng, 200, 2_500));
    const names = cluster.members.map((member) => member.name);
    for (let at = names.length - 1; at > 0; at -= 1) {
      const other = prng.below(at + 1);
      [names[at], names[other]] = [names[other] ?? '', names[at] ?? ''];
    }
    const draw = prng.below(10);
    if (draw === 0) {
      const pid = cluster.pid(names[0] ?? '');
      if (pid === undefined) continue;
      process.kill(pid, 'SIGSTOP');
      await pause(between(prng, 500, 3_000));
      process.kill(pid, 'SIGCONT');
      chaos.pauses += 1;
      continue;
    }
    const victims = names.slice(0, draw === 1 ? names.length : draw <= 3 ? 2 : 1);
    await Promise.all(victims.map((name) => cluster.end(name, 'SIGKILL')));
    chaos.kills += victims.length;
    await pause(between(prng, 0, 1_500));
    await Promise.all(victims.map((name) => cluster.startMember(name)));
  }
  return chaos;
}

test(
  `twelve users and no lie in ${seconds} s of killed members`,
  { timeout: (seconds + 240) * 1_000 },
  async () => {
    const seed = process.env['PHOTON_CHAOS_SEED'] ?? String(Date.now());
    const prng = seededPrng(seed);
    const cluster = await Cluster.start(3);
    cluster.showLogsOnFailure();
    const history = new History();
    try {
      const endMs = performance.now() + seconds * 1_000;
      const ended = (): boolean => performance.now() >= endMs;
      const [chaos] = await Promise.all([
        havoc(cluster, prng.fork('havoc'), ended),
        ...Array.from({ length: clients }, (_, client) => {
          const own = prng.fork(`client ${client}`);
          return liveAsUser({ client, plan, prng: own, connection: connect(cluster, own), history, ended });
        }),
      ]);

      // Everything that was acknowledged has to be in this answer: it is part of the history that is checked.
      const reader = connect(cluster, prng.fork('reader'));
      const request = { kind: 'range', request: RangeRequest.create({ key: '\0', rangeEnd: '\0' }) } as const;
      const position = history.began({ client: clients, callId: 1, request, startUs: nowUs() });
      const last = await reader.call(request, 60_000);
      history.ended(position, nowUs(), last);
      expect(last.kind).toBe('answered');
      reader.close();

      const count = (kind: ClientOutcome['kind']): number =>
        history.operations.filter((operation) => operation.outcome.kind === kind).length;
      console.log(
        `seed ${seed}: ${chaos.kills} kills, ${chaos.pauses} pauses, ${history.operations.length} operations: ` +
          `${count('answered')} answered, ${count('refused')} refused, ${count('failed')} failed, ${count('unknown')} unknown`,
      );
      // A run in which little happened proves little.
      expect(chaos.kills).toBeGreaterThanOrEqual(Math.floor(seconds / 6));
      expect(count('answered')).toBeGreaterThanOrEqual(seconds * 20);

      requireLinearizable('linearizability', history.operations);
      const nothingElse = { members: new Map(), watches: [], holds: [] };
      new Revisions().onEnd({ nowUs: nowUs(), history: history.operations, ...nothingElse });
      await expectEqualMembers(cluster, prng);
    } catch (error) {
      const file = join(tmpdir(), `photon-chaos-${seed}.jsonl`);
      writeFileSync(file, historyToLines(history.operations));
      process.stderr.write(`seed ${seed}; the history is in ${file}\n`);
      throw error;
    } finally {
      await cluster.remove();
    }
  },
);

/** Every member by itself has the same keys at the same revision. */
async function expectEqualMembers(cluster: Cluster, prng: Prng): Promise<void> {
  const hashes: string[] = [];
  let revision = 0;
  for (const member of cluster.members) {
    const address = parseAddress(member.client);
    if (address === undefined) throw new Error(`${member.client} is an address`);
    const one = new GrpcChainfireClient({ endpoints: [address], prng: prng.fork(member.name) });
    // A linearizable read first: the member then has applied everything that was acknowledged.
    const read = await one.call({ kind: 'range', request: RangeRequest.create({ key: 'x' }) }, 30_000);
    if (read.kind === 'answered' && read.response.kind === 'range') {
      revision = Math.max(revision, read.response.response.header?.revision ?? 0);
    }
    const hash = await one.call({ kind: 'hashKv', request: HashKvRequest.create({ revision }) }, 30_000);
    hashes.push(
      hash.kind === 'answered' && hash.response.kind === 'hashKv'
        ? `${hash.response.response.hash} at ${hash.response.response.compactRevision}`
        : `${member.name}: ${JSON.stringify(hash)}`,
    );
    one.close();
  }
  expect(new Set(hashes).size, hashes.join('; ')).toBe(1);
}
