import { awaitHealth } from '../system-run.ts';
import { type World } from '../world.ts';
import { type SimulatedAdmin } from './clients/admin.ts';
import { type SimulatedConsumer } from './clients/consumer.ts';
import { type TransactionalProducer } from './clients/transactional-producer.ts';
import { type SimulatedGroupMember } from './clients/group-member.ts';
import { type SimulatedProducer } from './clients/producer.ts';
import { type ChronikFaults } from './faults.ts';
import { type ChronikState, type KnownPartition } from './state.ts';

const lookUs = 100_000;

export interface ChronikClients {
  readonly admin: SimulatedAdmin;
  readonly producers: readonly SimulatedProducer[];
  readonly consumers: readonly SimulatedConsumer[];
  /** Members, by group. */
  readonly groups: readonly (readonly SimulatedGroupMember[])[];
  readonly transactional: readonly TransactionalProducer[];
}

/**
 * The second half of a run: everything is healed, every broker runs, and producers make nothing new. Within the bound there
 * must be a controller, every broker must be unfenced and have applied the same, every batch must have come to an end,
 * reassignments must be complete, every replica must be in sync and hold the same as its leader, consumers must have read
 * it all, and the members of every group must be of one generation and have committed in it.
 */
export class ChronikLiveness {
  readonly #world: World;
  readonly #state: ChronikState;
  readonly #faults: ChronikFaults;
  readonly #clients: ChronikClients;
  readonly #boundUs: number;

  constructor(options: {
    readonly world: World;
    readonly state: ChronikState;
    readonly faults: ChronikFaults;
    readonly clients: ChronikClients;
    readonly boundUs: number;
  }) {
    this.#world = options.world;
    this.#state = options.state;
    this.#faults = options.faults;
    this.#clients = options.clients;
    this.#boundUs = options.boundUs;
  }

  /** @throws Violation when it does not come about in time */
  run(): void {
    this.#faults.heal();
    const { admin, producers, consumers, groups, transactional } = this.#clients;
    admin.stop();
    for (const producer of [...producers, ...transactional]) producer.stop();
    for (const members of groups) for (const member of members) member.stop();
    // One that takes little at a time and thinks about it for long may have a backlog of minutes.
    for (const consumer of consumers) consumer.hurry();
    awaitHealth(this.#world, { lookUs, boundUs: this.#boundUs, lacking: () => this.#lacking() });
    for (const consumer of consumers) consumer.stop();
    // Calls that are under way end by their time-outs.
    this.#world.runUntil(this.#world.nowUs + lookUs);
  }

  /** What is still missing; undefined when nothing is. */
  #lacking(): string | undefined {
    const { cluster, image } = this.#state;
    const { admin, producers, consumers, groups, transactional } = this.#clients;
    if (image === undefined) return 'no broker has applied any metadata';
    if (!admin.ready) return 'the topics of the run are not all made';
    for (const process of cluster.processes) {
      const view = process.machine?.view;
      if (view === undefined) return `n${process.node} does not run`;
      if (view.controller === undefined) return `n${process.node} knows no controller`;
      if (image.broker(process.node)?.fenced !== false || view.isFenced) return `n${process.node} is fenced`;
      if (view.appliedIndex !== image.index) {
        return `n${process.node} has applied the metadata up to ${view.appliedIndex}, of ${image.index}`;
      }
    }
    for (const [position, producer] of producers.entries()) {
      if (!producer.idle) return `producer ${position} waits for ${producer.waitsFor}`;
    }
    for (const [position, members] of groups.entries()) {
      const lacking = lackingOfGroup(members);
      if (lacking !== undefined) return `group ${position}: ${lacking}`;
    }
    for (const [position, producer] of transactional.entries()) {
      if (!producer.idle) return `transactional producer ${position} has not ended its last transaction`;
    }
    for (const known of this.#state.partitions()) {
      const lacking = this.#lackingOf(known);
      if (lacking !== undefined) return `${known.topic.name}-${known.partition} ${lacking}`;
    }
    for (const [position, consumer] of consumers.entries()) {
      const behind = this.#behind(consumer);
      if (behind !== undefined) return `consumer ${position} ${behind}`;
    }
    return undefined;
  }

  #lackingOf({ id, state }: KnownPartition): string | undefined {
    if (state.adding.length > 0 || state.removing.length > 0) {
      return `is being reassigned from ${state.removing.join(', ')} to ${state.adding.join(', ')}`;
    }
    if (state.leader < 0) return 'has no leader';
    if (state.isr.length !== state.replicas.length) {
      return `has ${state.isr.join(', ')} in sync, of ${state.replicas.join(', ')}`;
    }
    const leading = state.replicas.find((node) => node === state.leader);
    const leader = leading === undefined ? undefined : this.#state.replica(leading, id);
    if (leader?.role !== 'leader') return `is to be led by n${state.leader}, which does not`;
    if (leader.highWatermark !== leader.logEndOffset) {
      return `has its high watermark at ${leader.highWatermark}, of ${leader.logEndOffset}`;
    }
    if (leader.lastStableOffset !== leader.highWatermark) {
      return `has a transaction open at ${leader.lastStableOffset}, below ${leader.highWatermark}`;
    }
    for (const node of state.replicas) {
      const replica = this.#state.replica(node, id);
      if (replica === undefined) return `has no replica on n${node}`;
      if (replica.logEndOffset !== leader.logEndOffset || replica.highWatermark !== leader.highWatermark) {
        return `ends on n${node} at ${replica.logEndOffset} (high watermark ${replica.highWatermark}), where its leader n${leader.node} ends at ${leader.logEndOffset}`;
      }
    }
    return undefined;
  }

  #behind(consumer: SimulatedConsumer): string | undefined {
    for (const { topic, partition, offset } of consumer.positions) {
      const known = this.#state.partitionNamed(topic, partition);
      if (known === undefined) continue;
      const leader = known.state.replicas.find((node) => node === known.state.leader);
      const end = leader === undefined ? 0 : (this.#state.replica(leader, known.id)?.lastStableOffset ?? 0);
      if (offset < end) return `has read ${topic}-${partition} up to ${offset}, of ${end}`;
    }
    return undefined;
  }
}

function lackingOfGroup(members: readonly SimulatedGroupMember[]): string | undefined {
  for (const [position, member] of members.entries()) {
    if (member.lacks !== undefined) return `member ${position} ${member.lacks}`;
  }
  const generations = new Set(members.map(({ generation }) => generation));
  return generations.size > 1 ? `its members are of generations ${[...generations].join(', ')}` : undefined;
}
