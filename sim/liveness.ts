import { type NodeId } from '../core/base/ids.ts';
import { type Prng } from '../core/base/prng.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Cluster, type MemberProcess } from './cluster.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import { membersOf } from '../core/raft/configuration.ts';
import { type Configuration, type Term } from '../core/raft/types.ts';
import { driftPpmMax } from './clock.ts';
import { type FaultInjector } from './faults/injector.ts';
import { type History } from './history.ts';
import { configurationsInForce, drawCore, isChanging, leavers } from './membership/core.ts';
import { clientAddress } from './network/conditions.ts';
import { type Network } from './network/network.ts';
import { Outsiders } from './outsiders.ts';
import { Probe } from './probe.ts';
import { Violation } from './types.ts';
import { type World } from './world.ts';

const million = 1_000_000;
/** How often it is looked whether the core has come so far. */
const lookUs = 50_000;
/** Elections that a core may need, each at most two time-outs long: ballots may split, and members are still starting. */
const electionsMax = 15;
/** For snapshots that lagging members need, and for the probes' time-outs. */
const catchUpUs = 20_000_000;

/** A client as this phase needs it. */
export interface FinishingClient {
  /** No call is under way. */
  readonly idle: boolean;
  /** Makes no new calls from now on but those that end its work. */
  stop(): void;
  /** What a watch of everything has not told it of yet, up to this revision; undefined when that is nothing. */
  behind(revision: number): string | undefined;
}

/**
 * The second half of a run. A random core that suffices is healed and restarted; whoever is outside of it stays down or cut
 * off or, worse, speaks without hearing, hears without speaking, comes and goes, is late, stops and goes on, or has a disk
 * that is slow, fails or is full (outsiders.ts). Clients finish what they have begun, ask again only where faults have left
 * them all but unserved, and read everything. Then, within the bound, there must be a leader in the core, every call must have
 * ended, each member of the core must answer a write and a read, and all of the core must have applied the same.
 *
 * Nobody keeps a lease any more by then. So within the longest time to live that is left, lengthened by what clocks may
 * drift, no lease may exist on any of the core; and whoever watches everything must have been told of all that there is.
 *
 * A removal that was asked for before may be on its way for long, and come about when the core already serves. Whoever is
 * removed then stops, as it must, and is no part of the core any more; from those who are left the same is expected.
 */
export class LivenessPhase {
  readonly #world: World;
  readonly #network: Network;
  readonly #cluster: Cluster;
  readonly #injector: FaultInjector;
  readonly #clients: readonly FinishingClient[];
  readonly #firstClient: number;
  readonly #history: History;
  readonly #prng: Prng;
  readonly #electionTimeoutUs: number;
  readonly #callTimeoutUs: number;
  readonly #clockDriftPpmMax: number;
  /** One for each member of the core, by its address. */
  #probes = new Map<NodeId, Probe<ChainfireMember>>();
  #core: readonly MemberProcess[] = [];
  /** Members that were removed and do not know it yet. */
  #leavers: readonly MemberProcess[] = [];
  #healedUs = 0;
  /** Who leads the core, and since when it was seen to. */
  #held: { readonly member: NodeId; readonly term: Term; readonly sinceUs: number } | undefined;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly cluster: Cluster;
    readonly injector: FaultInjector;
    readonly clients: readonly FinishingClient[];
    /** Number of the first of them; the others follow. Default: 0. */
    readonly firstClient?: number;
    readonly history: History;
    readonly prng: Prng;
    readonly electionTimeoutUs: number;
    readonly callTimeoutUs: number;
    /** What members allow for when they count leases. */
    readonly clockDriftPpmMax: number;
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#cluster = options.cluster;
    this.#injector = options.injector;
    this.#clients = options.clients;
    this.#firstClient = options.firstClient ?? 0;
    this.#history = options.history;
    this.#prng = options.prng;
    this.#electionTimeoutUs = options.electionTimeoutUs;
    this.#callTimeoutUs = options.callTimeoutUs;
    this.#clockDriftPpmMax = options.clockDriftPpmMax;
  }

  /** What a healed core is given. */
  get boundUs(): number {
    return electionsMax * 2 * this.#electionTimeoutUs + this.#callTimeoutUs + catchUpUs;
  }

  /** The members of the core that are up. */
  get members(): ReadonlyMap<NodeId, ChainfireMember> {
    const members = new Map<NodeId, ChainfireMember>();
    for (const { member, machine } of this.#core) if (machine !== undefined) members.set(member, machine);
    return members;
  }

  /** @throws Violation when the core does not get there in time */
  run(): void {
    for (const untilUs of this.waits()) this.#world.runUntil(untilUs);
  }

  /**
   * The same for whoever lets the world go on himself, and may stop it on the way: each time that it gives is to be reached
   * before it is asked for the next.
   *
   * @throws Violation when the core does not get there in time
   */
  *waits(): Generator<number, void> {
    this.#healedUs = this.#world.nowUs;
    const endUs = this.#healedUs + this.boundUs;
    this.#injector.end();
    const configurations = configurationsInForce(this.#cluster);
    this.#leavers = leavers(this.#cluster, configurations);
    this.#core = this.#drawCore(configurations);
    const outsiders = this.#breakOthers();
    for (const process of this.#leavers) process.resume();
    for (const process of this.#core) {
      process.resume();
      if (!process.alive) process.start();
    }
    for (const client of this.#clients) client.stop();
    yield* this.#reach(endUs, () => this.#whyNotLed());
    outsiders.release();
    yield* this.#reach(endUs, () => this.#whyNoLeader() ?? this.#whyNotIdle() ?? this.#whyUnsettled());
    this.#core = this.#core.filter(({ stopped }) => !stopped);
    this.#probe();
    yield* this.#reach(endUs, () => this.#whyUnsettled() ?? this.#whyNotServed() ?? this.#whyNotEqual());
    // From here on nobody keeps a lease, and every member counts what is left of it.
    const leasesEndUs = this.#world.nowUs + this.#leasesBoundUs();
    yield* this.#reach(leasesEndUs, () => this.#whyUnsettled() ?? this.#whyLeases() ?? this.#whyNotEqual());
    const toldEndUs = Math.max(endUs, leasesEndUs);
    yield* this.#reach(toldEndUs, () => this.#whyUnsettled() ?? this.#whyNotTold() ?? this.#whyNotEqual());
  }

  /**
   * The longest time to live of what there is, made longer by what the members allow for and by what the slowest clock makes
   * of that; then so long as an election and the entry that ends them may take.
   */
  #leasesBoundUs(): number {
    let ttlSeconds = 0;
    for (const { machine } of this.#core) {
      for (const lease of machine?.view.leases() ?? []) ttlSeconds = Math.max(ttlSeconds, lease.ttlSeconds);
    }
    const countedUs = ttlSeconds * (usPerSecond + this.#clockDriftPpmMax);
    return (
      Math.ceil((countedUs * million) / (million - driftPpmMax)) + electionsMax * 2 * this.#electionTimeoutUs
    );
  }

  /**
   * A majority, often of the least size. While a member is being repaired nobody can be spared: a quorum of *others* holds
   * what it has lost, which may be all of them. Nor while the members change: nobody knows yet whose word will count.
   */
  #drawCore(configurations: readonly Configuration[]): readonly MemberProcess[] {
    const isNeeded =
      this.#injector.hurt !== undefined ||
      this.#injector.membershipUnsettled ||
      isChanging(this.#cluster.lives.values());
    const everyone = isNeeded || this.#prng.chance(1, 3);
    return drawCore(this.#cluster, configurations, { everyone, prng: this.#prng });
  }

  #breakOthers(): Outsiders {
    const outsiders = new Outsiders({
      world: this.#world,
      network: this.#network,
      prng: this.#prng.fork('outsiders'),
      core: this.#core.map((process) => process.node),
      clients: this.#clients.map((_, at) => clientAddress(this.#firstClient + at)),
    });
    for (const process of this.#cluster.processes) {
      if (this.#core.includes(process) || this.#leavers.includes(process) || process.stopped) continue;
      this.#injector.leftOut(process, outsiders.break(process));
    }
    return outsiders;
  }

  #probe(): void {
    for (const [position, { node }] of this.#core.entries()) {
      const probe = new Probe({
        world: this.#world,
        calls: this.#cluster.calls,
        history: this.#history,
        client: this.#firstClient + this.#clients.length + position,
        node,
      });
      this.#probes.set(node, probe);
      probe.start();
    }
  }

  /** Lets the world go on until nothing is missing any more. */
  *#reach(endUs: number, missing: () => string | undefined): Generator<number, void> {
    for (;;) {
      this.#letGo();
      const what = missing();
      if (what === undefined) return;
      if (this.#world.nowUs >= endUs) {
        const core = this.#core.map(describe).join('; ');
        const afterUs = this.#world.nowUs - this.#healedUs;
        throw new Violation('liveness', `${what}, ${afterUs} µs after healing; the core: ${core}`, what);
      }
      yield Math.min(endUs, this.#world.nowUs + lookUs);
    }
  }

  /** Whoever has stopped and is no member by the leader's committed word has left. One that is a member is still waited for. */
  #letGo(): void {
    const raft = this.#leader?.raft;
    if (raft?.configurationSettled !== true) return;
    const members = membersOf(raft.configuration);
    const left = this.#core.filter(({ stopped, member }) => stopped && !members.includes(member));
    if (left.length === 0) return;
    this.#core = this.#core.filter((process) => !left.includes(process));
    for (const { node } of left) {
      this.#probes.get(node)?.giveUp();
      this.#probes.delete(node);
    }
  }

  get #leader(): ChainfireMember['view'] | undefined {
    return this.#core.find(({ machine }) => machine?.view.raft.role === 'leader')?.machine?.view;
  }

  /**
   * A leader that the core keeps without those outside of it: one that was there before may still live on what they said, or
   * on what a slow network has yet to deliver. Within two time-outs it has asked whether a quorum still hears it (check-quorum,
   * Raft thesis §6.2), and none but the core could answer.
   */
  #whyNotLed(): string | undefined {
    const raft = this.#leader?.raft;
    if (raft === undefined) return 'no leader';
    const held = this.#held;
    if (held?.member !== raft.id || held.term !== raft.term) {
      this.#held = { member: raft.id, term: raft.term, sinceUs: this.#world.nowUs };
      return 'no leader';
    }
    const heldUs = this.#world.nowUs - held.sinceUs;
    return heldUs < 2 * this.#electionTimeoutUs ? 'no leader that stays' : undefined;
  }

  #whyNoLeader(): string | undefined {
    return this.#leader === undefined ? 'no leader' : undefined;
  }

  /** A change of the members is under way, or somebody who is none any more still runs. */
  #whyUnsettled(): string | undefined {
    const view = this.#leader;
    if (view === undefined) return 'no leader';
    if (view.membership.change !== undefined || !view.raft.configurationSettled)
      return 'a change of the members does not end';
    const members = membersOf(view.raft.configuration);
    const running = [...this.#core, ...this.#leavers].find(
      ({ alive, member }) => alive && !members.includes(member),
    );
    return running === undefined ? undefined : `member ${running.member} was removed and goes on`;
  }

  #whyNotIdle(): string | undefined {
    const at = this.#clients.findIndex(({ idle }) => !idle);
    return at === -1 ? undefined : `a call of client ${this.#firstClient + at} has not ended`;
  }

  #whyNotServed(): string | undefined {
    for (const probe of this.#probes.values()) if (!probe.done) return probe.state;
    return undefined;
  }

  #whyLeases(): string | undefined {
    for (const { node, machine } of this.#core) {
      const [lease] = machine?.view.leases() ?? [];
      if (lease !== undefined)
        return `n${node} still has lease ${lease.id} of ${lease.ttlSeconds} s, which nobody keeps`;
    }
    return undefined;
  }

  #whyNotTold(): string | undefined {
    const revision = this.#core[0]?.machine?.view.revision ?? 0;
    for (const [at, finishing] of this.#clients.entries()) {
      const what = finishing.behind(revision);
      if (what !== undefined) return `client ${this.#firstClient + at}: ${what}`;
    }
    return undefined;
  }

  #whyNotEqual(): string | undefined {
    const first = this.#core[0]?.machine?.view;
    for (const { node, machine } of this.#core) {
      const view = machine?.view;
      if (view === undefined || first === undefined) return `n${node} is down`;
      if (view.raft.repairing) return `n${node} is still being repaired`;
      if (view.appliedIndex !== first.appliedIndex) return `n${node} has not applied what others have`;
      if (view.appliedHash !== first.appliedHash) return `n${node} has applied something else`;
    }
    return undefined;
  }
}

function describe({ node, machine }: MemberProcess): string {
  if (machine === undefined) return `n${node} down`;
  const { raft, appliedIndex } = machine.view;
  const log = `${raft.firstIndex}…${raft.lastIndex}, synced ${raft.syncedIndex}, commit ${raft.commitIndex}`;
  const repairing = raft.repairing ? ', repairing' : '';
  return `n${node} ${raft.role} of term ${raft.term} (leader ${raft.leader}), log ${log}, applied ${appliedIndex}${repairing}`;
}
