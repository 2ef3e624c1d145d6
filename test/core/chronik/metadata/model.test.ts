import '../../../property-seed.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { present } from '../../../../core/base/assert.ts';
import { nodeId } from '../../../../core/base/ids.ts';
import { createCommand, type MetadataCommand } from '../../../../core/chronik/metadata/commands.ts';
import { type PartitionState } from '../../../../core/chronik/metadata/rows.ts';
import { noLeader } from '../../../../core/chronik/types.ts';
import { describe, Scene, topicIdOf } from './scene.ts';

/** One step of a random life of a cluster, drawn in numbers that mean something only against the state that it meets. */
interface Step {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Whether epochs are those that hold, or others. */
  readonly isStale: boolean;
}

const brokers = [1, 2, 3, 4];
/** Most of what happens concerns the topic that is there from the beginning. */
const names = ['alpha', 'alpha', 'alpha', 'alpha', 'beta'];

const alpha = [
  [1, 2, 3],
  [2, 3, 4],
  [4, 1, 2],
];

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.nat(15),
    a: fc.nat(1_000),
    b: fc.nat(1_000),
    c: fc.nat(1_000),
    isStale: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
  }),
  { minLength: 1, maxLength: 120, size: 'max' },
);

function pick<T>(items: readonly T[], at: number): T {
  return present(items[at % items.length], 'there is something to choose from');
}

/** Some of them, in some order, without doubles: at least one. */
function someOf(items: readonly number[], seed: number): readonly number[] {
  const count = 1 + (seed % items.length);
  return items.map((_, at) => pick(items, at + seed)).slice(0, count);
}

function commandOf(scene: Scene, step: Step): MetadataCommand {
  const { state } = scene;
  const id = nodeId(pick(brokers, step.a));
  const epoch = (state.broker(id)?.epoch ?? 0) - (step.isStale ? 1 : 0);
  const life = { broker: id, brokerEpoch: Math.max(0, epoch) };
  const name = pick(names, step.a);
  const partition = step.b % 3;
  switch (step.kind) {
    case 0: {
      const endpoints = [{ listener: 'PLAINTEXT', host: `b${id}`, port: 9092, securityProtocol: 0 }];
      const incarnation = topicIdOf(state.index);
      return createCommand('registerBroker', { broker: id, incarnation, endpoints });
    }
    case 1:
    case 2:
      return createCommand('unfenceBroker', life);
    case 3:
      return createCommand('fenceBroker', life);
    case 4:
      return createCommand('beginControlledShutdown', life);
    case 5: {
      const configs = [
        { name: 'unclean.leader.election.enable', value: step.c % 4 === 0 ? 'true' : 'false' },
      ];
      const id32 = topicIdOf(state.index);
      const counts = { partitionCount: 1 + (step.b % 3), replicationFactor: 1 + (step.c % 3) };
      return createCommand('createTopic', { name, id: id32, ...counts, configs });
    }
    case 6:
      return step.c % 9 === 0
        ? createCommand('deleteTopic', { name })
        : createCommand('createPartitions', { topic: name, count: 1 + (step.c % 4) });
    case 7:
      return createCommand('electLeaders', {
        electionType: step.c % 2,
        all: step.b % 3 === 0,
        partitions: [{ topic: name, partition }],
      });
    case 8:
      return createCommand('alterReassignments', {
        partitions: [{ topic: name, partition, cancel: step.c % 4 === 0, replicas: someOf(brokers, step.c) }],
      });
    case 9:
      return createCommand('incrementalAlterConfigs', {
        resourceType: 2,
        resourceName: name,
        operations: [
          {
            name: 'unclean.leader.election.enable',
            operation: step.c % 2,
            value: step.b % 2 === 0 ? 'true' : 'false',
          },
        ],
      });
    default:
      return alterPartitionOf(scene, step, { name, partition });
  }
}

/** What a leader might ask for: it is drawn near what is right, so that much of it is granted. */
function alterPartitionOf(
  { state }: Scene,
  step: Step,
  { name, partition }: { readonly name: string; readonly partition: number },
): MetadataCommand {
  const topic = state.topic(name);
  const known = topic?.partitions[partition];
  const leader = known === undefined || known.leader === noLeader ? 1 : known.leader;
  const members = someOf(known?.replicas ?? brokers, step.c);
  const isr = [...new Set([leader, ...members])].map((broker) => ({
    broker,
    brokerEpoch: (state.broker(broker)?.epoch ?? 0) - (step.c % 7 === 0 ? 1 : 0),
  }));
  return createCommand('alterPartition', {
    broker: nodeId(leader),
    brokerEpoch: state.broker(leader)?.epoch ?? 0,
    partitions: [
      {
        created: topic?.created ?? 0,
        partition,
        leaderEpoch: known?.leaderEpoch ?? 0,
        partitionEpoch: (known?.partitionEpoch ?? 0) + (step.isStale ? 1 : 0),
        isr,
      },
    ],
  });
}

function partitionsOf(scene: Scene): ReadonlyMap<string, PartitionState> {
  const found = new Map<string, PartitionState>();
  for (const { created, partitions } of scene.state.topics()) {
    for (const [at, partition] of partitions.entries()) found.set(`${created}.${at}`, partition);
  }
  return found;
}

function allowsUnclean({ state }: Scene, key: string): boolean {
  const topic = present(state.topicByCreated(Number(key.split('.')[0])), 'the topic is there');
  return state.topicConfig(topic).uncleanLeaderElection;
}

function expectSound(scene: Scene, partition: PartitionState): void {
  const { replicas, isr, leader, adding, removing } = partition;
  expect(isr.length).toBeGreaterThan(0);
  expect(new Set(replicas).size).toBe(replicas.length);
  expect(replicas).toEqual(expect.arrayContaining([...isr]));
  expect(replicas).toEqual(expect.arrayContaining([...adding, ...removing]));
  expect(adding.filter((id) => removing.includes(id))).toEqual([]);
  if (leader !== noLeader) {
    expect(isr).toContain(leader);
    expect(scene.state.broker(leader)?.fenced).toBe(false);
  } else {
    // Whoever could lead would.
    expect(isr.filter((id) => scene.state.broker(id)?.fenced === false)).toEqual([]);
  }
  if (isr.length > 1) {
    expect(isr.filter((id) => !scene.state.isActive(id))).toEqual([]);
  }
}

function expectOnwards(before: PartitionState, after: PartitionState): void {
  if (after === before) return;
  expect(after.partitionEpoch).toBe(before.partitionEpoch + 1);
  expect(after.leaderEpoch).toBe(before.leaderEpoch + (after.leader === before.leader ? 0 : 1));
  expect(after.uncleanElections).toBeGreaterThanOrEqual(before.uncleanElections);
  if (after.uncleanElections > before.uncleanElections) return;
  // Somebody who has all that was acknowledged goes on having it: the leader was in sync before.
  if (after.leader !== noLeader && after.leader !== before.leader) {
    expect(before.isr.concat(after.isr)).toContain(after.leader);
  }
}

/** Whoever is in sync was so before, or was let in by the leader; but for an election that was allowed to be unclean. */
function expectIsrByConsent(
  command: MetadataCommand,
  before: PartitionState,
  after: PartitionState,
  isUncleanAllowed: boolean,
): void {
  if (after.uncleanElections > before.uncleanElections) {
    const isAskedFor = command.kind === 'electLeaders' && command.electionType === 1;
    expect(isUncleanAllowed || isAskedFor).toBe(true);
    return;
  }
  const joined = after.isr.filter((id) => !before.isr.includes(id));
  if (command.kind !== 'alterPartition') expect(joined).toEqual([]);
}

test('whatever happens, a partition has somebody in sync, led by one of them, and its epochs only rise', () => {
  fc.assert(
    fc.property(steps, (life) => {
      const scene = new Scene();
      scene.start(1, 2, 3, 4);
      scene.topic('alpha', alpha);
      for (const step of life) {
        const before = partitionsOf(scene);
        const command = commandOf(scene, step);
        const outcome = scene.apply(command);
        const after = partitionsOf(scene);
        if (outcome.kind === 'refused') expect(after).toEqual(before);
        for (const [key, partition] of after) {
          expectSound(scene, partition);
          const earlier = before.get(key);
          if (earlier === undefined) continue;
          expectOnwards(earlier, partition);
          expectIsrByConsent(command, earlier, partition, allowsUnclean(scene, key));
        }
      }
      expect(describe(scene.reloaded())).toEqual(describe(scene.state));
    }),
    { numRuns: 100 },
  );
});

test('a state that was loaded goes on as the one that was lived through', () => {
  fc.assert(
    fc.property(steps, fc.nat(80), (life, at) => {
      const whole = new Scene();
      const interrupted = new Scene();
      for (const scene of [whole, interrupted]) {
        scene.start(1, 2, 3, 4);
        scene.topic('alpha', alpha);
      }
      for (const [step, drawn] of life.entries()) {
        const command = commandOf(whole, drawn);
        const expected = whole.apply(command);
        if (step === at) interrupted.state.reload();
        expect(interrupted.apply(command)).toEqual(expected);
      }
      expect(interrupted.rows()).toBe(whole.rows());
      expect(describe(interrupted.state)).toEqual(describe(whole.state));
    }),
    { numRuns: 50 },
  );
});
