import { assert, unreachable } from '../core/base/assert.ts';
import { type NodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { type FaultAtlas, type AtlasMember, type LogEnd } from './atlas.ts';
import { type Cluster, type MemberProcess } from './cluster.ts';
import { type Address, clientAddress, type Condition } from './network/conditions.ts';
import { type Network } from './network/network.ts';
import { type CrashMoment, type CrashScope, type Fault, type FaultKind } from './types.ts';
import { type World } from './world.ts';

type FaultOf<Kind extends FaultKind> = Extract<Fault, { readonly kind: Kind }>;
type NetworkFault = FaultOf<'partition' | 'oneWay' | 'clientCut' | 'lossy' | 'clog' | 'slowNetwork' | 'flap'>;

/** A crash that waits for its moment strikes within this time after it: a sync takes about so long. */
const syncStrikeUsMax = 2_000;
/** What supervises a process that ended by a full disk starts it again after so long. */
const fullRestartUsMin = 100_000;
const fullRestartUsMax = 3_000_000;
/** A fault whose moment does not come is given up. */
const momentPatienceUs = 20_000_000;

/**
 * Applies the faults of a schedule at their times, each independent of the others and with its own randomness, and counts
 * those that had an effect: a partition that no packet met and a crash of a process that was down count for nothing.
 */
export class FaultInjector {
  readonly #world: World;
  readonly #network: Network;
  readonly #cluster: Cluster;
  readonly #prng: Prng;
  readonly #atlas: FaultAtlas;
  readonly #noted: (what: string) => void;
  readonly #damaged: (node: NodeId) => void;
  readonly #fired = new Map<FaultKind, number>();
  /** Conditions of the network that are in force, with the fault that each belongs to. */
  readonly #conditions = new Map<Fault, readonly Condition[]>();
  /** What each member's next failing sync is blamed on. */
  readonly #armed = new Map<NodeId, FaultOf<'syncFails'>>();
  /** Disks without room, with the fault that took it. */
  readonly #full = new Map<NodeId, FullDisk>();
  /** One-way cuts that wait for a member of theirs to be elected. */
  readonly #awaitingElection = new Set<FaultOf<'oneWay'>>();
  /** Crashes that wait for a moment. */
  readonly #waiting = new Set<() => void>();
  #over = false;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly cluster: Cluster;
    readonly prng: Prng;
    readonly atlas: FaultAtlas;
    /** Told what happens, for the trace. */
    readonly noted: (what: string) => void;
    /** Told of a disk that has lost what it had acknowledged. */
    readonly damaged: (node: NodeId) => void;
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#cluster = options.cluster;
    this.#prng = options.prng;
    this.#atlas = options.atlas;
    this.#noted = options.noted;
    this.#damaged = options.damaged;
  }

  /** How often each kind had an effect. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return Object.fromEntries([...this.#fired].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** A member whose disk was damaged, and that has not yet got back what it lost. */
  get hurt(): NodeId | undefined {
    return this.#atlas.hurt;
  }

  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) {
      this.#world.at(fault.atUs, () => {
        if (!this.#over) this.#begin(fault, this.#prng.fork(JSON.stringify(fault)));
      });
    }
  }

  /** This member has become the leader, and nothing that it says as one has left it yet. */
  elected(node: NodeId): void {
    for (const fault of this.#awaitingElection) {
      if (!fault.from.includes(node)) continue;
      this.#awaitingElection.delete(fault);
      this.#beginConditions(fault, this.#prng.fork(JSON.stringify(fault)));
    }
  }

  /** A sync of this member failed, and its process with it. */
  syncFailed(process: MemberProcess): void {
    const fault = this.#armed.get(process.node);
    assert(fault !== undefined, 'a sync fails only when a fault says so');
    this.#armed.delete(process.node);
    this.#fire(fault, `sync of n${process.node} failed`);
    this.#startLater(process, fault.downUs);
  }

  /** An append of this member did not fit, and its process has ended. It is started again and again. */
  diskFull(process: MemberProcess): void {
    const full = this.#full.get(process.node);
    assert(full !== undefined, 'a disk is full only when a fault says so');
    if (!full.hit) this.#fire(full.fault, `n${process.node} stops: its disk is full`);
    full.hit = true;
    this.#startLater(process, between(full.prng, fullRestartUsMin, fullRestartUsMax));
  }

  /** No fault begins any more, and the network and the disks are as they should be. What is down stays down. */
  end(): void {
    this.#over = true;
    for (const fault of [...this.#conditions.keys()]) this.#endConditions(fault);
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
    this.#awaitingElection.clear();
    this.#armed.clear();
    this.#full.clear();
    for (const process of this.#cluster.processes) {
      process.segments.heal();
      process.store.slow(1);
    }
  }

  #begin(fault: Fault, prng: Prng): void {
    switch (fault.kind) {
      case 'crash':
        this.#crash(fault, prng);
        break;
      case 'crashAll':
        this.#crashAll(fault);
        break;
      case 'pause':
        this.#pause(fault);
        break;
      case 'oneWay':
        if (fault.moment === undefined) this.#beginConditions(fault, prng);
        else this.#awaitElection(fault);
        break;
      case 'partition':
      case 'clientCut':
      case 'lossy':
      case 'clog':
      case 'slowNetwork':
        this.#beginConditions(fault, prng);
        break;
      case 'flap':
        this.#beginConditions(fault, prng);
        this.#flap(fault, 'up');
        break;
      case 'lostSync':
        this.#lostSync(fault);
        break;
      case 'diskFull':
        this.#diskFull(fault, prng);
        break;
      case 'slowDisk':
        this.#slowDisk(fault);
        break;
      case 'syncFails':
        this.#armed.set(fault.node, fault);
        this.#cluster.process(fault.node).segments.failNextSync();
        break;
      case 'bitRot':
        this.#bitRot(fault, prng);
        break;
      case 'clockDrift':
        this.#drift(fault);
        break;
      default:
        unreachable(fault);
    }
  }

  #crash(fault: FaultOf<'crash'>, prng: Prng): void {
    const process = this.#cluster.process(fault.node);
    const scope = fault.scope ?? 'machine';
    if (fault.moment === undefined) {
      if (process.alive) this.#strike(fault, process, scope);
      return;
    }
    const { moment } = fault;
    const waiting = process.crashAt(moment, () => {
      this.#waiting.delete(waiting);
      this.#strikeAt(moment, prng, () => {
        if (process.alive) this.#strike(fault, process, scope);
      });
    });
    this.#waiting.add(waiting);
    this.#world.after(momentPatienceUs, () => {
      if (this.#waiting.delete(waiting)) waiting();
    });
  }

  /** While a sync is under way any time is as good as another; after an installation it is now or never. */
  #strikeAt(moment: CrashMoment, prng: Prng, strike: () => void): void {
    if (moment === 'installing') strike();
    else this.#world.after(prng.below(syncStrikeUsMax), strike);
  }

  #strike(fault: FaultOf<'crash'>, process: MemberProcess, scope: CrashScope): void {
    this.#fire(
      fault,
      `crash of n${process.node} (${scope}${fault.moment === undefined ? '' : `, ${fault.moment}`})`,
    );
    process.crash(scope);
    this.#startLater(process, fault.downUs);
  }

  #crashAll(fault: FaultOf<'crashAll'>): void {
    const alive = this.#cluster.processes.filter((process) => process.alive);
    if (alive.length === 0) return;
    this.#fire(fault, 'crash of every member');
    for (const process of alive) {
      process.crash(fault.scope ?? 'machine');
      this.#startLater(process, fault.downUs);
    }
  }

  #pause(fault: FaultOf<'pause'>): void {
    const process = this.#cluster.process(fault.node);
    if (!process.pause()) return;
    this.#fire(fault, `pause of n${fault.node}`);
    const { boot } = process;
    this.#world.after(fault.forUs, () => {
      if (process.boot === boot) process.resume();
    });
  }

  #slowDisk(fault: FaultOf<'slowDisk'>): void {
    const { segments, store } = this.#cluster.process(fault.node);
    const { durable } = segments;
    segments.slow(fault.factor);
    store.slow(fault.factor);
    this.#world.after(fault.forUs, () => {
      if (this.#over) return;
      segments.slow(1);
      store.slow(1);
      if (segments.durable > durable) this.#fire(fault, `disk of n${fault.node} is as fast as before`);
    });
  }

  #bitRot(fault: FaultOf<'bitRot'>, prng: Prng): void {
    const process = this.#cluster.process(fault.node);
    const raft = process.machine?.view.raft;
    if (raft === undefined || raft.repairing) return;
    const end: LogEnd = { index: raft.syncedIndex, term: raft.termAt(raft.syncedIndex) ?? 0 };
    if (!this.#atlas.allows(fault.node, end)) return;
    process.crash('machine');
    const rotten = this.#atlas.rot(atlasMember(process), end, prng);
    if (rotten !== undefined) {
      this.#fire(fault, `rot on n${fault.node} in ${rotten.file}, sector ${rotten.sector}`);
      this.#damaged(fault.node);
    }
    this.#startLater(process, fault.downUs);
  }

  /** Where the loss is not allowed in the end, the disk has written everything after all. */
  #lostSync(fault: FaultOf<'lostSync'>): void {
    const process = this.#cluster.process(fault.node);
    const { segments, boot } = process;
    if (!process.alive || segments.lying) return;
    const { appended } = segments;
    segments.beginLies();
    this.#noted(`syncs of n${fault.node} lie`);
    this.#world.after(fault.forUs, () => {
      const raft = process.machine?.view.raft;
      // A crash of the machine has ended the lies; a start since has written what must not be lost.
      if (this.#over || !segments.lying || process.boot !== boot || raft === undefined || raft.repairing) {
        segments.forgiveLies();
        return;
      }
      const end: LogEnd = { index: raft.syncedIndex, term: raft.termAt(raft.syncedIndex) ?? 0 };
      if (segments.appended === appended || !this.#atlas.mayLose(atlasMember(process), end)) {
        segments.forgiveLies();
        return;
      }
      segments.revealLies();
      process.crash('machine');
      this.#atlas.lost(fault.node, end);
      this.#fire(fault, `n${fault.node} lost its power and up to ${segments.appended - appended} appends`);
      this.#damaged(fault.node);
      this.#startLater(process, fault.downUs);
    });
  }

  #diskFull(fault: FaultOf<'diskFull'>, prng: Prng): void {
    const { segments } = this.#cluster.process(fault.node);
    const full = { fault, prng, hit: false };
    this.#full.set(fault.node, full);
    segments.fill(true);
    this.#noted(`the disk of n${fault.node} is full`);
    this.#world.after(fault.forUs, () => {
      if (this.#full.get(fault.node) !== full) return;
      this.#full.delete(fault.node);
      segments.fill(false);
      this.#noted(`the disk of n${fault.node} has room again`);
    });
  }

  #drift(fault: FaultOf<'clockDrift'>): void {
    const process = this.#cluster.process(fault.node);
    process.drift(fault.driftPpm);
    if (process.alive) this.#fire(fault, `clock of n${fault.node} drifts by ${fault.driftPpm} ppm`);
  }

  #beginConditions(fault: NetworkFault, prng: Prng): void {
    const conditions = conditionsOf(fault, prng);
    this.#conditions.set(fault, conditions);
    for (const condition of conditions) this.#network.begin(condition);
    this.#noted(`${fault.kind} begins`);
    this.#world.after(fault.forUs, () => {
      this.#endConditions(fault);
    });
  }

  /** Until the fault is over, what is down comes up and what is up goes down, each at its time. */
  #flap(fault: FaultOf<'flap'>, next: 'up' | 'down'): void {
    this.#world.after(next === 'up' ? fault.downUs : fault.upUs, () => {
      const conditions = this.#conditions.get(fault);
      if (conditions === undefined) return;
      for (const condition of conditions) {
        if (next === 'up') this.#network.end(condition);
        else this.#network.begin(condition);
      }
      this.#flap(fault, next === 'up' ? 'down' : 'up');
    });
  }

  #awaitElection(fault: FaultOf<'oneWay'>): void {
    this.#awaitingElection.add(fault);
    this.#world.after(momentPatienceUs, () => {
      this.#awaitingElection.delete(fault);
    });
  }

  #endConditions(fault: Fault): void {
    const conditions = this.#conditions.get(fault);
    if (conditions === undefined) return;
    this.#conditions.delete(fault);
    let hits = 0;
    for (const condition of conditions) {
      this.#network.end(condition);
      hits += condition.hits;
    }
    if (hits > 0) this.#fire(fault, `${fault.kind} ends, ${hits} packets hit`);
  }

  #startLater(process: MemberProcess, downUs: number): void {
    const { boot } = process;
    this.#world.after(downUs, () => {
      if (this.#over || process.boot !== boot || process.alive) return;
      this.#noted(`start of n${process.node}`);
      process.start();
    });
  }

  #fire(fault: Fault, what: string): void {
    this.#fired.set(fault.kind, (this.#fired.get(fault.kind) ?? 0) + 1);
    this.#noted(what);
  }
}

interface FullDisk {
  readonly fault: FaultOf<'diskFull'>;
  readonly prng: Prng;
  /** It has stopped a process. */
  hit: boolean;
}

export function atlasMember(process: MemberProcess): AtlasMember {
  return {
    node: process.node,
    segments: process.segments,
    get raft() {
      return process.machine?.view.raft;
    },
  };
}

function conditionsOf(fault: NetworkFault, prng: Prng): readonly Condition[] {
  switch (fault.kind) {
    case 'partition':
      return [cut(fault.side, fault.otherSide), cut(fault.otherSide, fault.side)];
    case 'oneWay':
      return [cut(fault.from, fault.to)];
    case 'flap': {
      const [left, right] = fault.between;
      return [cut([left], [right]), cut([right], [left])];
    }
    case 'clientCut': {
      const clients = fault.clients.map(clientAddress);
      const requests = fault.direction === 'answers' ? [] : [cut(clients, fault.nodes)];
      const answers = fault.direction === 'requests' ? [] : [cut(fault.nodes, clients)];
      return [...requests, ...answers];
    }
    case 'lossy': {
      const { lossPpm, duplicatePpm, reorderPpm } = fault;
      return [{ kind: 'lossy', lossPpm, duplicatePpm, reorderPpm, prng, hits: 0 }];
    }
    case 'clog':
      return [{ kind: 'clog', from: fault.from, to: fault.to, hits: 0 }];
    case 'slowNetwork':
      return [{ kind: 'slow', factor: fault.factor, hits: 0 }];
    default:
      return unreachable(fault);
  }
}

export function cut(from: readonly Address[], to: readonly Address[]): Condition {
  return { kind: 'cut', from: new Set(from), to: new Set(to), hits: 0 };
}
