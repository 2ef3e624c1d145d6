import '../../../property-seed.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { nodeId } from '../../../../core/base/ids.ts';
import { ReplicasRig, type RigBroker } from './replicas-rig.ts';

/** One step of a random life, drawn in numbers that mean something only against the state that they meet. */
interface Step {
  readonly kind: keyof typeof weights;
  readonly a: number;
  readonly b: number;
}

const weights = {
  produce: 6,
  produceForLeader: 2,
  deliver: 30,
  drop: 2,
  double: 2,
  sync: 10,
  pass: 4,
  apply: 8,
  crash: 1,
  restart: 3,
  unfence: 3,
  fence: 1,
  read: 3,
} as const;

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      ...Object.entries(weights).map(([kind, weight]) => ({
        weight,
        arbitrary: fc.constant(kind as keyof typeof weights),
      })),
    ),
    a: fc.nat(1_000),
    b: fc.nat(1_000),
  }),
  { minLength: 1, maxLength: 400, size: 'max' },
);

/** What the world was told, and must never be taken back. */
class Life {
  readonly rig: ReplicasRig;
  /** By offset: records that were acknowledged to a producer with acks=−1, or read by a consumer. */
  readonly told = new Map<number, string>();
  readonly #waiting = new Map<RigBroker, Map<number, { baseOffset: number; values: readonly string[] }>>();
  #values = 0;

  constructor(minInsyncReplicas: number) {
    this.rig = new ReplicasRig({ configs: { 'min.insync.replicas': String(minInsyncReplicas) } });
    this.rig.settle();
  }

  take({ kind, a, b }: Step): void {
    const { rig } = this;
    const brokers = [...rig.brokers.values()];
    const broker = brokers[a % brokers.length] as RigBroker;
    switch (kind) {
      case 'produce':
        for (const each of brokers) {
          if (each.isUp && each.view?.role === 'leader')
            this.#produce(each, b % 4 === 0 ? 1 : -1, 1 + (a % 3));
        }
        break;
      case 'produceForLeader':
        if (broker.isUp) this.#produce(broker, 0, 1);
        break;
      case 'deliver':
        if (rig.network.length > 0) rig.deliver(b % 3 === 0 ? a % rig.network.length : 0);
        break;
      case 'drop':
        if (rig.network.length > 0) rig.network.splice(a % rig.network.length, 1);
        break;
      case 'double': {
        const envelope = rig.network[a % Math.max(rig.network.length, 1)];
        if (envelope !== undefined && rig.network.length < 100) rig.network.push(envelope);
        break;
      }
      case 'sync':
        if (broker.isUp) broker.sync();
        break;
      case 'pass':
        // Long enough for a silent follower to be late, in steps that are none of them.
        for (let count = b % 5 === 0 ? 10 : 1; count > 0; count -= 1) {
          rig.nowUs += 1_100_000;
          for (const each of brokers) if (each.isUp) each.tick();
        }
        break;
      case 'apply':
        if (broker.isUp) broker.applyTo(Math.min(broker.applied + 1 + (b % 3), rig.entries.length));
        break;
      case 'crash':
        if (!broker.isUp) break;
        broker.crash((unsyncedBytes) => (b % 2 === 0 ? 0 : b % (unsyncedBytes + 1)));
        this.#waiting.delete(broker);
        break;
      case 'restart':
        if (broker.isUp) break;
        broker.restart();
        rig.register(broker.id);
        break;
      case 'unfence':
        // The controller does so once the broker has applied its registration.
        if (broker.isUp && broker.applied >= broker.registeredAt) rig.unfence(broker.id);
        break;
      case 'fence':
        rig.fence(broker.id);
        break;
      case 'read':
        if (broker.isUp) this.#read(broker);
        break;
    }
    for (const each of brokers) this.#listen(each);
  }

  /** Everything that holds at any time. */
  check(): void {
    const { partition, brokers } = this.rig;
    const endOfTold = Math.max(-1, ...this.told.keys()) + 1;
    for (const id of partition.isr) {
      const broker = brokers.get(id);
      if (broker?.isUp === true && broker.log !== undefined) {
        expect(broker.log.logEndOffset, `broker ${id} is in sync`).toBeGreaterThanOrEqual(endOfTold);
      }
    }
    const elected = brokers.get(partition.leader);
    if (elected?.isUp === true && elected.log !== undefined) this.#expectToHold(elected);
  }

  /** Logs are the same below what is committed. */
  checkAgreement(): void {
    const up = [...this.rig.brokers.values()].filter(({ isUp, view }) => isUp && view !== undefined);
    for (const left of up) {
      for (const right of up) {
        if (left.id >= right.id) continue;
        const end = Math.min(left.highWatermark, right.highWatermark);
        expect(left.records().slice(0, end)).toEqual(right.records().slice(0, end));
      }
    }
  }

  /** Everything is mended: then all is as it should be, within a bound. */
  heal(): void {
    const { rig } = this;
    rig.network = [];
    for (const broker of rig.brokers.values()) {
      if (broker.isUp) continue;
      broker.restart();
      rig.register(broker.id);
    }
    rig.settle();
    for (const { id } of rig.brokers.values()) rig.unfence(id);
    rig.pass(30_000_000);
    expect([...rig.partition.isr].sort()).toEqual([1, 2, 3].map(nodeId));
    const leader = rig.broker(rig.partition.leader);
    this.#produce(leader, -1, 2);
    rig.pass(2_000_000);
    this.#listen(leader);
    for (const broker of rig.brokers.values()) {
      this.#expectToHold(broker);
      expect(broker.records()).toEqual(leader.records());
      expect(broker.highWatermark).toBe(leader.theLog.logEndOffset);
    }
    expect(this.#waiting.get(leader)?.size).toBe(0);
  }

  #expectToHold(broker: RigBroker): void {
    const records = broker.records().map((record) => record.slice(record.indexOf(':') + 1));
    for (const [offset, value] of this.told) {
      expect(records[offset], `broker ${broker.id} at ${offset}`).toBe(value);
    }
  }

  #produce(broker: RigBroker, acks: -1 | 0 | 1, count: number): void {
    const values = Array.from({ length: count }, () => {
      this.#values += 1;
      return `v${this.#values}`;
    });
    const outcome = broker.produce(values, { acks });
    if (outcome.kind === 'refused' || acks !== -1) return;
    if (outcome.kind !== 'waits') throw new Error(`an append that was to wait: ${outcome.kind}`);
    const waiting = this.#waiting.get(broker) ?? new Map<number, never>();
    waiting.set(outcome.token, { baseOffset: outcome.baseOffset, values } as never);
    this.#waiting.set(broker, waiting);
  }

  #listen(broker: RigBroker): void {
    for (const told of broker.takeTold()) {
      if (typeof told !== 'object' || !('appended' in told)) continue;
      const wait = this.#waiting.get(broker)?.get(told.appended);
      this.#waiting.get(broker)?.delete(told.appended);
      if (told.end !== 'NONE' || wait === undefined) continue;
      wait.values.forEach((value, at) => {
        this.#tell(wait.baseOffset + at, value);
      });
    }
  }

  #read(broker: RigBroker): void {
    const { view } = broker;
    if (view?.role !== 'leader') return;
    const readable = broker.records().slice(0, view.highWatermark);
    readable.forEach((record, offset) => {
      this.#tell(offset, record.slice(record.indexOf(':') + 1));
    });
  }

  #tell(offset: number, value: string): void {
    const before = this.told.get(offset);
    if (before !== undefined) expect(before, `told of ${offset}`).toBe(value);
    this.told.set(offset, value);
  }
}

test.each([1, 2])(
  'whatever is lost, doubled, late, cut off or crashed, no acknowledged record is lost, and logs agree (min.insync.replicas %i)',
  (minInsyncReplicas) => {
    fc.assert(
      fc.property(steps, (taken) => {
        const life = new Life(minInsyncReplicas);
        taken.forEach((step, at) => {
          life.take(step);
          life.check();
          if (at % 10 === 0) life.checkAgreement();
        });
        life.checkAgreement();
        life.heal();
      }),
      { numRuns: 60 },
    );
  },
);
