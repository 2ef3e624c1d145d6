import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { parseAddress } from '../../adapters/config/address.ts';
import { GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { type Prng } from '../../core/base/prng.ts';
import {
  type Member,
  MemberAddRequest,
  MemberListRequest,
  MemberRemoveRequest,
  MoveLeaderRequest,
  StatusRequest,
} from '../../core/chainfire/api/cluster.ts';
import { RangeRequest } from '../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { requireLinearizable } from '../../sim/checkers/linearizability.ts';
import { Revisions } from '../../sim/checkers/revisions.ts';
import { History, historyToLines } from '../../sim/history.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type WorkloadPlan } from '../../sim/types.ts';
import { Cluster, type MemberPlace } from './cluster.ts';
import { crowdMix, liveAsUser, nowUs } from './crowd.ts';

const users = 8;
const callTimeoutMs = 20_000;
/** What users do between two changes of the cluster, so that each of them happens under load. */
const callsBetween = 150;

const plan: WorkloadPlan = {
  clients: users,
  keys: 24,
  thinkUsMin: 1_000,
  thinkUsMax: 10_000,
  callTimeoutUs: callTimeoutMs * 1_000,
  mix: crowdMix,
};

/** A cluster that begins with `a` alone; its operator, and its users, who never stop. */
class Stage {
  readonly cluster: Cluster;
  readonly history = new History();
  readonly losses: Loss[] = [];
  readonly #prng: Prng;
  /** Who runs and is a member, or is to be one. */
  readonly #present = new Set<string>();
  readonly #ids = new Map<string, bigint>();
  #ended = false;
  #crowd: Promise<unknown> = Promise.resolve();
  #progress: () => void = () => undefined;

  private constructor(cluster: Cluster, prng: Prng) {
    this.cluster = cluster;
    this.#prng = prng;
  }

  static async begin(prng: Prng): Promise<Stage> {
    const cluster: Cluster = await Cluster.plan(5, (member) => stage.#flags(member));
    const stage: Stage = new Stage(cluster, prng);
    stage.#present.add('a');
    await cluster.startMember('a');
    stage.#ids.set('a', 1n);
    stage.#crowd = Promise.all(Array.from({ length: users }, (_, client) => stage.#user(client)));
    return stage;
  }

  /** The first begins the cluster; every other is told of itself and of whoever is there when it starts. */
  #flags(member: MemberPlace): readonly string[] {
    const entry = (name: string): string => `${name}=${this.cluster.place(name).peer}`;
    if (member.name === 'a') return ['--initial-cluster', entry('a')];
    const names = new Set([...this.#present, member.name]);
    const initialCluster = [...names].map(entry).join(',');
    return ['--initial-cluster', initialCluster, '--initial-cluster-state', 'existing'];
  }

  /** Waits until the users have done some more. */
  async load(): Promise<void> {
    const enough = this.history.operations.length + callsBetween;
    while (this.history.operations.length < enough) {
      await new Promise<void>((resolve) => (this.#progress = resolve));
    }
  }

  /** Adds a member, starts it, and waits until it votes. */
  async grow(name: string): Promise<void> {
    const peerUrls = [`http://${this.cluster.place(name).peer}`];
    const added = await this.#operate('memberAdd', {
      kind: 'memberAdd',
      request: MemberAddRequest.create({ peerUrls }),
    });
    if (added.kind !== 'memberAdd') throw new Error(`an answer of kind ${added.kind}`);
    this.#ids.set(name, added.response.member?.id ?? 0n);
    this.#present.add(name);
    await this.cluster.startMember(name);
    await this.#untilMembers((members) =>
      members.some((member) => member.name === name && !member.isLearner),
    );
  }

  /** Removes a member, and waits for its process to end by itself. @returns how it ended */
  async shrink(name: string): Promise<number | null> {
    const exited = this.cluster.exitOf(name);
    this.#present.delete(name);
    await this.#operate('memberRemove', {
      kind: 'memberRemove',
      request: MemberRemoveRequest.create({ id: this.idOf(name) }),
    });
    return (await exited).code;
  }

  async moveLeader(to: string): Promise<void> {
    const leader = await this.leader();
    const request: MemberRequest = {
      kind: 'moveLeader',
      request: MoveLeaderRequest.create({ targetId: this.idOf(to) }),
    };
    const outcome = await this.#ask([leader], request);
    expect(outcome, 'moveLeader').toMatchObject({ kind: 'answered' });
    expect(await this.leader()).toBe(to);
  }

  /** Stops every member in order, one after the other, and starts it again. */
  async restartEach(): Promise<void> {
    for (const name of [...this.#present]) {
      expect(await this.cluster.end(name, 'SIGTERM')).toEqual({ code: 0, signal: null });
      await this.cluster.startMember(name);
      await this.load();
    }
  }

  /** Takes a member away: what is under way on it meanwhile may get no answer. */
  async losing(what: string, take: () => Promise<void>): Promise<void> {
    const fromUs = nowUs();
    await take();
    const toUs = nowUs();
    await this.load();
    this.losses.push({ what, fromUs, toUs });
  }

  async kill(name: string): Promise<void> {
    await this.cluster.end(name, 'SIGKILL');
  }

  idOf(name: string): bigint {
    const id = this.#ids.get(name);
    if (id === undefined) throw new Error(`${name} was never added`);
    return id;
  }

  async members(): Promise<readonly Member[]> {
    const request = MemberListRequest.create({ linearizable: true });
    const list = await this.#operate('memberList', { kind: 'memberList', request });
    return list.kind === 'memberList' ? list.response.members : [];
  }

  async leader(): Promise<string> {
    for (;;) {
      const status = await this.#ask([...this.#present], { kind: 'status', request: StatusRequest.create() });
      const id =
        status.kind === 'answered' && status.response.kind === 'status'
          ? status.response.response.leader
          : 0n;
      for (const [name, own] of this.#ids) if (own === id && this.#present.has(name)) return name;
      await this.load();
    }
  }

  /** The users go home; what they leave behind is read once more, as a part of the history. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#crowd;
    const request = { kind: 'range', request: RangeRequest.create({ key: '\0', rangeEnd: '\0' }) } as const;
    const position = this.history.began({ client: users, callId: 1, request, startUs: nowUs() });
    const last = await this.#ask([...this.#present], request);
    this.history.ended(position, nowUs(), last);
    expect(last.kind).toBe('answered');
  }

  async #untilMembers(satisfied: (members: readonly Member[]) => boolean): Promise<void> {
    while (!satisfied(await this.members())) await this.load();
  }

  /** What cannot be carried out yet is asked for again; everything else has to work. */
  async #operate(what: string, request: MemberRequest) {
    for (;;) {
      const outcome = await this.#ask([...this.#present], request);
      if (outcome.kind === 'answered') return outcome.response;
      const isEarly =
        outcome.kind === 'refused' &&
        ['UNHEALTHY', 'MEMBER_CHANGE_IN_PROGRESS', 'NOT_ENOUGH_STARTED_MEMBERS'].includes(
          outcome.refusal.code,
        );
      if (!isEarly) throw new Error(`${what}: ${JSON.stringify(outcome)}`);
      await this.load();
    }
  }

  async #ask(names: readonly string[], request: MemberRequest) {
    const client = this.#client(names, 'operator');
    const outcome = await client.call(request, callTimeoutMs);
    client.close();
    return outcome;
  }

  #client(names: readonly string[], label: string): GrpcChainfireClient {
    const endpoints = names.map((name) => {
      const address = parseAddress(this.cluster.place(name).client);
      if (address === undefined) throw new Error(`${name} has an address`);
      return address;
    });
    return new GrpcChainfireClient({ endpoints, prng: this.#prng.fork(label) });
  }

  /** One that knows all addresses there will ever be: asks, waits for what becomes of it, thinks, asks again. */
  #user(client: number): Promise<void> {
    const prng = this.#prng.fork(`user ${client}`);
    const names = this.cluster.members.map((member) => member.name);
    return liveAsUser({
      client,
      plan,
      prng,
      connection: this.#client(names, `user ${client}`),
      history: this.history,
      ended: () => this.#ended,
      callEnded: () => this.#progress(),
    });
  }
}

interface Loss {
  readonly what: string;
  readonly fromUs: number;
  readonly toUs: number;
}

/** What got no answer: by what it was lost with, and what was lost with nothing. */
function unanswered(history: History, losses: readonly Loss[]) {
  // A precondition that does not hold is an answer.
  const failures = history.operations.filter(
    ({ outcome }) => outcome.kind === 'unknown' || outcome.kind === 'failed',
  );
  const lossOf = ({ startUs, endUs = Infinity }: (typeof failures)[number]): Loss | undefined =>
    losses.find((loss) => startUs <= loss.toUs && endUs >= loss.fromUs);
  const counts = losses.map((loss) => ({
    what: loss.what,
    calls: failures.filter((failure) => lossOf(failure) === loss).length,
  }));
  return { counts, elsewhere: failures.filter((failure) => lossOf(failure) === undefined) };
}

test('a cluster grows from one to five and shrinks to three under load: only what is under way on a member that is killed or removed is lost', async () => {
  const seed = process.env['PHOTON_CHAOS_SEED'] ?? String(Date.now());
  const stage = await Stage.begin(seededPrng(seed));
  const { cluster, history } = stage;
  cluster.showLogsOnFailure();
  try {
    await stage.load();
    for (const name of ['b', 'c', 'd', 'e']) {
      await stage.grow(name);
      await stage.load();
    }
    expect((await stage.members()).map(({ name, isLearner }) => [name, isLearner])).toEqual(
      ['a', 'b', 'c', 'd', 'e'].map((name) => [name, false]),
    );

    await stage.moveLeader((await stage.leader()) === 'd' ? 'e' : 'd');
    await stage.load();
    await stage.restartEach();

    const victim = await stage.leader();
    await stage.losing('the killed member', () => stage.kill(victim));
    await cluster.startMember(victim);
    await stage.load();

    // The first, of whom all others have heard at their start, and then whoever leads: both go by themselves.
    await stage.losing('the first', async () => expect(await stage.shrink('a')).toBe(2));
    const leader = await stage.leader();
    await stage.losing('the leader', async () => expect(await stage.shrink(leader)).toBe(2));
    const left = (await stage.members()).map(({ name }) => name);
    expect(left).toHaveLength(3);
    expect(left).not.toContain('a');
    expect(left).not.toContain(leader);
    // Each finds the others again, though those that it was told of have left.
    for (const name of left) {
      await cluster.end(name, 'SIGTERM');
      await cluster.startMember(name);
      await stage.load();
    }
    await stage.close();

    const { counts, elsewhere } = unanswered(history, stage.losses);
    console.log(`seed ${seed}: ${history.operations.length} calls; lost with ${JSON.stringify(counts)}`);
    expect(elsewhere).toEqual([]);
    // Each user has one call under way at most.
    for (const { calls } of counts) expect(calls).toBeLessThanOrEqual(users);
    requireLinearizable('linearizability', history.operations);
    const nothingElse = { members: new Map(), watches: [], holds: [] };
    new Revisions().onEnd({ nowUs: nowUs(), history: history.operations, ...nothingElse });
  } catch (error) {
    const file = join(tmpdir(), `photon-membership-${seed}.jsonl`);
    writeFileSync(file, historyToLines(history.operations));
    process.stderr.write(`seed ${seed}; the history is in ${file}\n`);
    throw error;
  } finally {
    await cluster.remove();
  }
});
