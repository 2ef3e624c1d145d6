import fc from 'fast-check';
import { expect, test } from 'vitest';
import { usPerSecond } from '../../../../core/base/units.ts';
import { TestCluster } from '../cluster.ts';
import { ask } from '../requests.ts';

const leases = 4;
const size = 3;

const member = fc.integer({ min: 1, max: size });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('keep' as const),
      member,
      lease: fc.integer({ min: 1, max: leases }),
    }),
  },
  { weight: 2, arbitrary: member.map((one) => ({ kind: 'crash' as const, member: one })) },
  { weight: 3, arbitrary: member.map((one) => ({ kind: 'restart' as const, member: one })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), from: member, to: member }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'heal' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'elsewhere' as const }) },
);
const life = fc.array(fc.tuple(step, fc.integer({ min: 1, max: 1_500_000 })), { maxLength: 60, size: 'max' });
/** Half of the bound each way, so that two clocks differ by no more than the bound. */
const clocks = fc.array(fc.constantFrom(-500, 0, 500), { minLength: size, maxLength: size });

/** A client's view of leases that it keeps with a key each: what it may rely on. */
class Client {
  readonly cluster = new TestCluster(size, { trailingEntries: 20 });
  /** When the last grant or keepalive that was acknowledged was sent, and when that stops to mean anything. */
  readonly #heldUntilUs = new Map<bigint, number>();
  readonly #asked = new Map<number, { lease: bigint; sentUs: number }>();
  readonly #cuts = new Set<string>();

  constructor(clockPpm: readonly number[]) {
    let at = 0;
    for (const node of this.cluster.nodes.values()) node.clockPpm = clockPpm[at++] as number;
    this.cluster.onMessage = (from, to) => (this.#cuts.has(`${from}-${to}`) ? 0 : 1);
    this.cluster.elect();
    for (let lease = 1n; lease <= leases; lease += 1n) {
      const sentUs = this.cluster.nowUs;
      this.cluster.call(1, ask.grant(2 + Number(lease), lease));
      this.cluster.call(1, ask.put(`key of ${lease}`, 'x', { lease }));
      this.#heldUntilUs.set(lease, sentUs + this.#ttlUs(lease));
    }
  }

  do(one: typeof step extends fc.Arbitrary<infer Step> ? Step : never): void {
    const { cluster } = this;
    const up = [...cluster.nodes.values()].filter((node) => node.up).length;
    switch (one.kind) {
      case 'keep': {
        if (!cluster.node(one.member).up) return;
        const lease = BigInt(one.lease);
        const requestId = cluster.send(one.member, ask.keepAlive(lease));
        this.#asked.set(requestId, { lease, sentUs: cluster.nowUs });
        break;
      }
      case 'crash':
        if (cluster.node(one.member).up && up === size) cluster.crash(one.member);
        break;
      case 'restart':
        if (!cluster.node(one.member).up) cluster.restart(one.member);
        break;
      case 'cut':
        this.#cuts.add(`${one.from}-${one.to}`);
        break;
      case 'heal':
        this.#cuts.clear();
        break;
      case 'elsewhere':
        // Others write, so that followers fall behind what the log keeps.
        for (let id = 1; id <= size; id += 1) {
          for (let at = 0; at < 10; at += 1)
            if (cluster.node(id).up) cluster.send(id, ask.put(`other ${at}`, 'x'));
        }
        break;
    }
  }

  run(forUs: number): void {
    for (let ranUs = 0; ranUs < forUs; ranUs += 100_000) {
      this.cluster.run(Math.min(100_000, forUs - ranUs));
      this.#listen();
      this.#check();
    }
  }

  end(): void {
    this.#cuts.clear();
    for (const [id, node] of this.cluster.nodes) if (!node.up) this.cluster.restart(id);
    this.cluster.elect();
    this.run(8 * usPerSecond);
    for (const { member: one } of this.cluster.nodes.values()) {
      expect(one.view.leaseCount).toBe(0);
      expect(one.view.appliedHash).toBe(this.cluster.member(1).view.appliedHash);
    }
    const kvs = this.cluster.call(1, ask.all());
    expect(kvs.kind === 'range' && kvs.response.kvs.filter(({ key }) => key.startsWith('key'))).toEqual([]);
  }

  #listen(): void {
    for (const [requestId, { lease, sentUs }] of this.#asked) {
      const reply = this.cluster.replies.get(requestId);
      if (reply === undefined) continue;
      this.#asked.delete(requestId);
      if (reply.kind !== 'leaseKeepAlive' || reply.response.ttlSeconds === 0) continue;
      const untilUs = Math.max(sentUs + this.#ttlUs(lease), this.#heldUntilUs.get(lease) ?? 0);
      this.#heldUntilUs.set(lease, untilUs);
    }
  }

  /** What the member that has come furthest says: nobody ends what the client still may rely on. */
  #check(): void {
    const up = [...this.cluster.nodes.values()].filter((node) => node.up);
    const furthest = up.reduce((left, right) =>
      right.member.view.appliedIndex > left.member.view.appliedIndex ? right : left,
    ).member.view;
    const alive = new Set(furthest.leases().map(({ id }) => id));
    for (const [lease, untilUs] of this.#heldUntilUs) {
      if (this.cluster.nowUs >= untilUs) continue;
      expect(alive.has(lease)).toBe(true);
      expect(furthest.leaseKeys(lease)).toEqual([`key of ${lease}`]);
    }
  }

  #ttlUs(lease: bigint): number {
    return (2 + Number(lease)) * usPerSecond;
  }
}

test('no lease ends while its client may rely on it, whatever happens to members and between them; all end at last', () => {
  fc.assert(
    fc.property(life, clocks, (steps, clockPpm) => {
      const client = new Client(clockPpm);
      for (const [one, forUs] of steps) {
        client.do(one);
        client.run(forUs);
      }
      client.end();
    }),
    { numRuns: 40 },
  );
}, 120_000);
