import { between, type Prng } from '../../../core/base/prng.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import { type Configuration, type RaftNodeEffect } from '../../../core/raft/types.ts';
import { Cluster, group1, ids, type TestMember } from './cluster.ts';
import { Invariants } from './invariants.ts';
import { testPrng } from './test-prng.ts';

export interface FuzzPlan {
  readonly seed: number;
  readonly members: number;
  /** How many of them are voters at first. */
  readonly voters: number;
  readonly steps: number;
  readonly crashes: boolean;
  readonly changes: boolean;
  /** Damage to durable parts of one member's log at a time. */
  readonly damage?: boolean;
  /** Reads on leases; clocks run up to this much too fast or too slow, in millionths, which is the bound that is stated. */
  readonly leaseDriftPpm?: number;
}

/** One random life of a cluster: everything that can happen to it happens, in an order that the seed decides. */
export class Fuzz {
  readonly cluster: Cluster;
  readonly invariants: Invariants;
  readonly #plan: FuzzPlan;
  readonly #prng: Prng;
  readonly #snapshots: { readonly from: NodeId; readonly to: NodeId }[] = [];
  /** The member that was damaged last. */
  #damaged: NodeId | undefined;
  /** Times that a member came back knowing that it may have lost something. */
  repairs = 0;
  damages = 0;
  #commands = 0;
  #reads = 0;

  constructor(plan: FuzzPlan) {
    this.#plan = plan;
    this.#prng = testPrng(plan.seed);
    const { leaseDriftPpm } = plan;
    this.cluster = new Cluster({
      driftPpm: drawDrifts(plan, this.#prng),
      members: plan.members,
      seed: plan.seed,
      initial: {
        voters: ids(...Array.from({ length: plan.voters }, (_, at) => at + 1)),
        outgoing: [],
        learners: [],
      },
      // Small bounds, so that a short run meets all of them.
      options: {
        electionTimeoutUs: 1_000_000,
        heartbeatIntervalUs: 100_000,
        appendBytesMax: 200,
        inflightAppendsMax: 3,
        inflightBytesMax: 1_000,
        uncommittedBytesMax: 2_000,
        cacheBytesMax: 1_000,
        segmentBytesMax: 2_000,
        pendingReadsMax: 8,
        leaseReads: leaseDriftPpm === undefined ? undefined : { clockDriftPpmMax: leaseDriftPpm },
      },
    });
    this.invariants = new Invariants(this.cluster);
    const check = this.cluster.observe;
    this.cluster.observe = (member, effects) => {
      check(member, effects);
      this.#collect(member, effects);
    };
  }

  run(): void {
    for (let step = 0; step < this.#plan.steps; step += 1) {
      this.#act();
      if (step % 64 === 0) this.invariants.checkLogs();
    }
    this.invariants.checkLogs();
  }

  /** Heals everything and lets the cluster find itself; returns the leader. */
  heal(): TestMember {
    const { cluster } = this;
    cluster.cut.clear();
    for (const member of cluster.members.values()) if (!member.up) cluster.restart(member.id);
    for (let round = 0; round < 60; round += 1) {
      cluster.run(500_000);
      for (const { from, to } of this.#snapshots.splice(0)) this.#snapshot(from, to);
      cluster.settle();
    }
    const leader = cluster.leader;
    if (leader === undefined) throw new Error('no leader after healing');
    cluster.propose(leader.id, 'healed');
    for (let round = 0; round < 4; round += 1) {
      cluster.run(500_000);
      for (const { from, to } of this.#snapshots.splice(0)) this.#snapshot(from, to);
    }
    this.invariants.checkLogs();
    return leader;
  }

  #collect(member: TestMember, effects: readonly RaftNodeEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'snapshotNeeded') this.#snapshots.push({ from: member.id, to: effect.to });
    }
  }

  #act(): void {
    const prng = this.#prng;
    const draw = prng.below(1_000);
    if (draw < 500) this.#deliver();
    else if (draw < 700) this.#onUp((member) => this.cluster.sync(member.id));
    else if (draw < 800) this.#pass(between(prng, 1_000, 60_000));
    else if (draw < 870) this.#onUp((member) => this.#propose(member));
    else if (draw < 910) this.#onUp((member) => this.#read(member));
    else if (draw < 930) this.#finishSnapshot();
    else if (draw < 945) this.#onUp((member) => this.#compact(member));
    else if (draw < 955) this.#partition();
    else if (draw < 965) this.#pass(between(prng, 500_000, 1_500_000));
    else if (draw < (this.#plan.damage === true ? 978 : 975)) this.#crashOrRestart();
    else if (draw < 983) this.#change();
    else if (draw < 986) this.#transfer();
    else this.#deliver();
  }

  #deliver(): void {
    const { packets } = this.cluster;
    if (packets.length === 0) return;
    // Mostly in order; sometimes any, twice, or not at all.
    const at = this.#prng.chance(1, 4) ? this.#prng.below(packets.length) : 0;
    const [packet] = packets.splice(at, 1);
    if (packet === undefined || this.#prng.chance(1, 25)) return;
    if (this.#prng.chance(1, 25)) packets.push(packet);
    this.cluster.deliver(packet);
  }

  #pass(us: number): void {
    const { cluster } = this;
    cluster.nowUs += us;
    for (const member of cluster.members.values()) {
      if (cluster.isDue(member)) cluster.step(member.id, { kind: 'tick' });
    }
  }

  #propose(member: TestMember): void {
    const count = between(this.#prng, 1, 3);
    const commands = Array.from({ length: count }, () => {
      this.#commands += 1;
      return `${this.#commands}${'.'.repeat(this.#prng.below(60))}`;
    });
    this.cluster.propose(member.id, ...commands);
  }

  #read(member: TestMember): void {
    this.#reads += 1;
    this.invariants.readAsked(member, this.#reads);
    this.cluster.step(member.id, { kind: 'readRequested', group: group1, context: this.#reads });
  }

  #compact(member: TestMember): void {
    const index = Math.max(0, member.store.index - this.#prng.below(12));
    if (index > 0) this.cluster.step(member.id, { kind: 'compacted', group: group1, index });
  }

  #finishSnapshot(): void {
    const snapshot = this.#snapshots.shift();
    if (snapshot !== undefined) this.#snapshot(snapshot.from, snapshot.to);
  }

  #snapshot(from: NodeId, to: NodeId): void {
    const { cluster } = this;
    if (!cluster.member(from).up) return;
    const arrives = cluster.member(to).up && this.#prng.chance(3, 4);
    if (arrives) cluster.sendSnapshot(from, to);
    cluster.step(from, { kind: arrives ? 'snapshotSent' : 'snapshotFailed', group: group1, to });
  }

  #partition(): void {
    const { cut, members } = this.cluster;
    if (cut.size > 0 && this.#prng.chance(2, 3)) return cut.clear();
    const isolated = between(this.#prng, 1, members.size);
    for (const id of members.keys()) {
      if (id === isolated) continue;
      if (this.#prng.chance(2, 3)) cut.add(`${id}>${isolated}`);
      if (this.#prng.chance(2, 3)) cut.add(`${isolated}>${id}`);
    }
  }

  #crashOrRestart(): void {
    if (!this.#plan.crashes) return;
    const all = [...this.cluster.members.values()];
    const member = all[this.#prng.below(all.length)] as TestMember;
    if (member.up) {
      this.cluster.crash(member.id, this.#prng.below(1 << 30));
      return;
    }
    if (this.#plan.damage === true) this.#damage(member);
    if (this.cluster.restart(member.id).view.repairing) this.repairs += 1;
  }

  /**
   * Only one member at a time may lack what it acknowledged, and only where it can find out: in files so old that later
   * ones bear witness to them.
   */
  #damage(member: TestMember): void {
    const last = this.#damaged === undefined ? undefined : this.cluster.member(this.#damaged);
    if (last !== undefined && last !== member && (!last.up || last.view.repairing)) return;
    if (last === member && member.view.repairing) return;
    const files = member.segments.list('log/').slice(0, -2);
    if (files.length === 0) return;
    const { file, lengthBytes } = files[this.#prng.below(files.length)] as (typeof files)[number];
    member.segments.damage(file, this.#prng.below(lengthBytes));
    this.#damaged = member.id;
    this.damages += 1;
  }

  #change(): void {
    const { leader } = this.cluster;
    if (!this.#plan.changes || leader === undefined) return;
    const chosen = [...this.cluster.members.keys()].filter(() => this.#prng.chance(3, 4));
    const learners = chosen.filter((id) => chosen[0] !== id && this.#prng.chance(1, 5));
    const configuration: Configuration = {
      voters: chosen.filter((id) => !learners.includes(id)),
      outgoing: [],
      learners,
    };
    this.cluster.step(leader.id, { kind: 'configurationProposed', group: group1, configuration });
  }

  #transfer(): void {
    const { leader } = this.cluster;
    const to = between(this.#prng, 1, this.#plan.members) as NodeId;
    if (leader !== undefined) this.cluster.step(leader.id, { kind: 'transferRequested', group: group1, to });
  }

  #onUp(act: (member: TestMember) => void): void {
    const up = [...this.cluster.members.values()].filter((member) => member.up);
    if (up.length > 0) act(up[this.#prng.below(up.length)] as TestMember);
  }
}

/** Each clock at one end of what is allowed or the other. */
function drawDrifts(plan: FuzzPlan, prng: Prng): ReadonlyMap<number, number> {
  const drifts = new Map<number, number>();
  const { leaseDriftPpm } = plan;
  if (leaseDriftPpm === undefined) return drifts;
  for (let id = 1; id <= plan.members; id += 1)
    drifts.set(id, prng.chance(1, 2) ? leaseDriftPpm : -leaseDriftPpm);
  return drifts;
}
