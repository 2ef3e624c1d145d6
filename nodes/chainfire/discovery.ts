import { createHash, randomBytes } from 'node:crypto';
import { type Logger } from 'pino';

import { type Address, formatAddress, parseAddress } from '../../adapters/config/address.ts';
import { memberNamePattern, type NamedAddress } from '../../adapters/config/values.ts';
import { type GossipObservation } from '../../adapters/metrics/gossip-metrics.ts';
import { type GossipError } from '../../adapters/swim/gossip-error.ts';
import { UdpGossip } from '../../adapters/swim/udp-gossip.ts';
import { unreachable } from '../../core/base/assert.ts';
import { defaultSwimOptions, type SwimOptions } from '../../core/swim/config.ts';
import { InitialCluster } from '../../core/swim/initial-cluster.ts';
import { type MemberChange, type MemberRecord, type SwimEffect } from '../../core/swim/types.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type GossipEvent } from './gossip-events.ts';

/** What gossip has found is no cluster. Trying again does not help before somebody has changed what was started. */
export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError';
}

export interface DiscoveryOptions {
  /** This member's name, and where the others reach it. */
  readonly name: string;
  readonly peer: Address;
  readonly client: Address;
  /** Where gossip listens. */
  readonly listen: Address;
  /** What the others are told to send gossip to, where it is not what is listened on. */
  readonly advertise?: Address | undefined;
  /** Where to ask first: any of the members, one's own address among them does no harm. */
  readonly seeds: readonly Address[];
  /** Gossip of other clusters is refused by it. */
  readonly token: string;
  /** What all members know and nobody else does: unsigned gossip is refused. Undefined: anybody is believed. */
  readonly secret?: Uint8Array | undefined;
  readonly log: Logger;
  /** Told of everything that gossip has to tell of others, after it was logged. */
  readonly onEvent?: (event: GossipEvent) => void;
  /** Other than the defaults, for tests in a hurry. */
  readonly swim?: Partial<SwimOptions>;
}

/** What gossip has found for a member that knows no cluster. */
export type FoundCluster =
  /** One begins, with these: the same on every member. */
  | { readonly kind: 'begins'; readonly members: readonly NamedAddress[] }
  /** One runs, and these are of it. `clusterId`: 16 hex digits. */
  | { readonly kind: 'runs'; readonly clusterId: string; readonly members: readonly Address[] };

type OwnAddresses = Pick<MemberRecord, 'clientAddress' | 'peerAddress'>;

/** Who waits for news of gossip, and whether there will be any. */
interface GossipWatch {
  changed: () => void;
  broken: GossipError | undefined;
  readonly changes: Map<MemberChange, number>;
}

/** What came of a look at what gossip knows by now. */
type Look<Result> =
  | { readonly kind: 'found'; readonly found: Result }
  | { readonly kind: 'again' }
  | { readonly kind: 'waiting'; readonly waitingFor: string };

/** What this member has told the others that it takes for the cluster. */
interface Announced {
  readonly note: string;
  readonly clusterId: string;
}

/** How often it is told what is still waited for. */
const patienceMs = 10_000;
/** A member's note once it belongs to a cluster: behind what it has announced before, if anything. */
const belongingPattern = /(?:^| )cluster ([0-9a-f]{16})$/;

/**
 * Members that find each other: gossip among them, from a seed or a few. It says with whom a cluster begins, once; from then on it
 * only tells who seems to be gone, which decides nothing.
 */
export class Discovery {
  readonly #log: Logger;
  readonly #own: OwnAddresses;
  readonly #gossip: UdpGossip;
  readonly #watch: GossipWatch;
  #announced: Announced | undefined;

  /** @throws GossipError when the address cannot be had */
  static async start(options: DiscoveryOptions): Promise<Discovery> {
    const { name, log, onEvent } = options;
    const own = { clientAddress: formatAddress(options.client), peerAddress: formatAddress(options.peer) };
    const watch: GossipWatch = { changed: () => undefined, broken: undefined, changes: new Map() };
    const gossip = await UdpGossip.start({
      listen: options.listen,
      advertise: options.advertise,
      secret: options.secret,
      config: {
        ...defaultSwimOptions,
        ...options.swim,
        cluster: groupNameOf(options.token),
        seeds: options.seeds.map(formatAddress),
        self: { name, ...own, note: '' },
      },
      prng: seededPrng(randomBytes(16).toString('hex')),
      onEffect: (effect) => {
        tell(log, effect);
        if (effect.kind === 'memberChanged') {
          const { change, member } = effect;
          watch.changes.set(change, (watch.changes.get(change) ?? 0) + 1);
          onEvent?.({ kind: change, member });
        }
        watch.changed();
      },
      onBroken: (failure) => {
        log.error({ err: failure }, 'gossip has ended; the cluster goes on without');
        watch.broken = failure;
        watch.changed();
      },
    });
    log.info({ gossip: gossip.address, isSigned: options.secret !== undefined }, 'gossip listens');
    return new Discovery({ log, gossip, own, watch });
  }

  private constructor(parts: {
    readonly log: Logger;
    readonly gossip: UdpGossip;
    readonly own: OwnAddresses;
    readonly watch: GossipWatch;
  }) {
    this.#log = parts.log;
    this.#gossip = parts.gossip;
    this.#own = parts.own;
    this.#watch = parts.watch;
  }

  /** Where others reach its gossip. */
  get address(): string {
    return this.#gossip.address;
  }

  /**
   * With whom the cluster begins: in the form of `initial_cluster`, the same on every member. Waits until as many are there as
   * there are to be, and all of them know the same. Where members of a cluster are there that runs already, it is these.
   *
   * @param clusterIdOf of the cluster that begins with these members, 16 hex digits
   * @param stopped ends the waiting; what is returned then is undefined
   * @throws DiscoveryError when more have come than there are to be, GossipError when gossip has ended
   */
  async initialCluster(
    size: number,
    clusterIdOf: (members: readonly NamedAddress[]) => string,
    stopped: AbortSignal,
  ): Promise<FoundCluster | undefined> {
    const initial = new InitialCluster(size);
    return this.#until((live) => this.#lookForInitial(initial, size, clusterIdOf, live), stopped);
  }

  /**
   * Where members of a cluster that runs are, as soon as one is known.
   *
   * @param stopped ends the waiting; what is returned then is undefined
   * @throws GossipError when gossip has ended
   */
  async runningMembers(stopped: AbortSignal): Promise<readonly Address[] | undefined> {
    return this.#until((live) => {
      const [clusterId] = this.#clustersOf(live);
      return clusterId === undefined
        ? { kind: 'waiting', waitingFor: 'a member of the cluster to join' }
        : { kind: 'found', found: this.#membersIn(live, clusterId) };
    }, stopped);
  }

  /** From now on the others hear of which cluster this member is. @param clusterId 16 hex digits */
  belongsTo(clusterId: string): void {
    const note = this.#announced === undefined ? '' : `${this.#announced.note} `;
    this.#gossip.changePlace({ ...this.#own, note: `${note}cluster ${clusterId}` });
  }

  observe(): GossipObservation {
    const { others, counts, healthScore } = this.#gossip;
    return { members: others, changes: this.#watch.changes, counts, healthScore };
  }

  /** The others hear that this member goes; it takes no longer than its bound. */
  leave(): Promise<void> {
    return this.#gossip.leave();
  }

  /** Without a word. */
  stop(): Promise<void> {
    return this.#gossip.stop();
  }

  #lookForInitial(
    initial: InitialCluster,
    size: number,
    clusterIdOf: (members: readonly NamedAddress[]) => string,
    live: readonly MemberRecord[],
  ): Look<FoundCluster> {
    const clusterId = this.#clustersOf(live).find((id) => id !== this.#announced?.clusterId);
    if (clusterId !== undefined) {
      const members = this.#membersIn(live, clusterId);
      return { kind: 'found', found: { kind: 'runs', clusterId, members } };
    }
    const verdict = initial.consider(live.map((record) => this.#asAnnounced(record)));
    switch (verdict.kind) {
      case 'agreed':
        return { kind: 'found', found: { kind: 'begins', members: verdict.members.map(placeOf) } };
      case 'tooMany':
        throw tooMany(size, verdict.known);
      case 'announce': {
        const members = live.filter(({ peerAddress }) => peerAddress !== '').map(placeOf);
        mustDiffer(members);
        this.#announced = { note: verdict.note, clusterId: clusterIdOf(members) };
        this.#gossip.changePlace({ ...this.#own, note: verdict.note });
        return { kind: 'again' };
      }
      case 'waiting': {
        const { known, missing } = verdict;
        const isAnnounced = missing.length > 0;
        const waitingFor = isAnnounced
          ? `${missing.join(', ')} to agree`
          : `${size} members, of which ${known.join(', ')} are there`;
        return { kind: 'waiting', waitingFor };
      }
      default:
        return unreachable(verdict);
    }
  }

  /** Looks at once and whenever something has changed. */
  async #until<Result>(
    look: (live: readonly MemberRecord[]) => Look<Result>,
    stopped: AbortSignal,
  ): Promise<Result | undefined> {
    let waitingFor = '';
    const patience = setInterval(() => {
      this.#log.info({ waitingFor }, 'still waiting for the cluster');
    }, patienceMs);
    const wake = (): void => {
      this.#watch.changed();
    };
    stopped.addEventListener('abort', wake);
    try {
      while (!stopped.aborted) {
        const changed = new Promise<void>((done) => {
          this.#watch.changed = done;
        });
        if (this.#watch.broken !== undefined) throw this.#watch.broken;
        const looked = look(this.#gossip.live);
        if (looked.kind === 'found') return looked.found;
        if (looked.kind === 'again') continue;
        ({ waitingFor } = looked);
        await changed;
      }
      return undefined;
    } finally {
      clearInterval(patience);
      stopped.removeEventListener('abort', wake);
      this.#watch.changed = () => undefined;
    }
  }

  /** Of which clusters the others say that they are. */
  #clustersOf(live: readonly MemberRecord[]): readonly string[] {
    return live.filter((record) => !this.#isSelf(record)).flatMap(({ note }) => clusterIn(note) ?? []);
  }

  #membersIn(live: readonly MemberRecord[], clusterId: string): readonly Address[] {
    const members = live.filter((record) => !this.#isSelf(record) && clusterIn(record.note) === clusterId);
    return members.map(placeOf).map(({ host, port }) => ({ host, port }));
  }

  /**
   * A member that is of the cluster which this one has announced has agreed to it, whether it still says so or not: it may have
   * been started anew since.
   */
  #asAnnounced(record: MemberRecord): MemberRecord {
    const clusterId = clusterIn(record.note);
    if (clusterId === undefined || clusterId !== this.#announced?.clusterId) return record;
    return { ...record, note: this.#announced.note };
  }

  #isSelf({ name }: MemberRecord): boolean {
    return name === this.#gossip.self.name;
  }
}

/** A token may be longer than the name of a group may be. */
function groupNameOf(token: string): string {
  return `chainfire ${createHash('sha256').update(token).digest('hex').slice(0, 32)}`;
}

function clusterIn(note: string): string | undefined {
  return belongingPattern.exec(note)?.[1];
}

/** Whoever can send a datagram can say anything of itself. */
function placeOf({ name, peerAddress }: MemberRecord): NamedAddress {
  const address = parseAddress(peerAddress);
  if (address === undefined || address.port === 0 || !memberNamePattern.test(name))
    throw new DiscoveryError(`gossip names a member ${name} at ${peerAddress}, which no member can be`);
  return { name, ...address };
}

/** Two members at one address: one of the two would call itself for ever. */
function mustDiffer(members: readonly NamedAddress[]): void {
  const names = new Map<string, string>();
  for (const member of members) {
    const where = formatAddress(member);
    const other = names.get(where);
    if (other !== undefined)
      throw new DiscoveryError(
        `${other} and ${member.name} both say that members reach them at ${where}; check their --listen-peer and --advertise-peer`,
      );
    names.set(where, member.name);
  }
}

function tooMany(size: number, known: readonly string[]): DiscoveryError {
  return new DiscoveryError(
    `the cluster is to begin with ${size} members, and ${known.length} have come: ${known.join(', ')}; ` +
      'start as many as --initial-cluster-size says, and add the others to the cluster once it runs',
  );
}

function tell(log: Logger, effect: Exclude<SwimEffect, { kind: 'send' }>): void {
  switch (effect.kind) {
    case 'memberChanged': {
      const { change, member } = effect;
      const level = change === 'suspected' || change === 'died' ? 'warn' : 'info';
      log[level]({ name: member.name, address: member.peerAddress }, `gossip: member ${change}`);
      break;
    }
    case 'nameTaken':
      log.error({ name: effect.name, address: effect.address }, 'gossip: two processes bear one name');
      break;
    case 'clusterJoined':
      log.info({ by: effect.by }, 'gossip: joined');
      break;
    case 'departed':
      break;
  }
}
