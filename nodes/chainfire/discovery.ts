import { createHash, randomBytes } from 'node:crypto';
import { type Logger } from 'pino';

import { type Address, formatAddress, parseAddress } from '../../adapters/config/address.ts';
import { memberNamePattern, type NamedAddress } from '../../adapters/config/values.ts';
import { type GossipError } from '../../adapters/swim/gossip-error.ts';
import { UdpGossip } from '../../adapters/swim/udp-gossip.ts';
import { defaultSwimOptions, type SwimOptions } from '../../core/swim/config.ts';
import { InitialCluster } from '../../core/swim/initial-cluster.ts';
import { type MemberRecord, type SwimEffect } from '../../core/swim/types.ts';
import { seededPrng } from '../../sim/prng.ts';

/** More were started than the cluster is to have. Trying again does not help before one of them is stopped. */
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
  readonly log: Logger;
  /** Other than the defaults, for tests in a hurry. */
  readonly swim?: Partial<SwimOptions>;
}

type OwnAddresses = Pick<MemberRecord, 'clientAddress' | 'peerAddress'>;

/** Who waits for news of gossip, and whether there will be any. */
interface GossipWatch {
  changed: () => void;
  broken: GossipError | undefined;
}

/** How often it is told what is still waited for. */
const patienceMs = 10_000;

/**
 * Members that find each other: gossip among them, from a seed or a few. It says with whom a cluster begins, once; from then on it
 * only tells who seems to be gone, which is written to the log and decides nothing.
 */
export class Discovery {
  readonly #log: Logger;
  readonly #own: OwnAddresses;
  readonly #gossip: UdpGossip;
  readonly #watch: GossipWatch;

  /** @throws GossipError when the address cannot be had */
  static async start(options: DiscoveryOptions): Promise<Discovery> {
    const { name, log } = options;
    const own = { clientAddress: formatAddress(options.client), peerAddress: formatAddress(options.peer) };
    const watch: GossipWatch = { changed: () => undefined, broken: undefined };
    const gossip = await UdpGossip.start({
      listen: options.listen,
      advertise: options.advertise,
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
        watch.changed();
      },
      onBroken: (failure) => {
        log.error({ err: failure }, 'gossip has ended; the cluster goes on without');
        watch.broken = failure;
        watch.changed();
      },
    });
    log.info({ gossip: gossip.address }, 'gossip listens');
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
   * there are to be, and all of them know the same.
   *
   * @param stopped ends the waiting; what is returned then is undefined
   * @throws DiscoveryError when more have come than there are to be, GossipError when gossip has ended
   */
  async initialCluster(size: number, stopped: AbortSignal): Promise<readonly NamedAddress[] | undefined> {
    const initial = new InitialCluster(size);
    let waitingFor = '';
    const patience = setInterval(() => {
      this.#log.info({ waitingFor }, 'still waiting for the initial cluster');
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
        const verdict = initial.consider(this.#gossip.live);
        if (verdict.kind === 'agreed') return verdict.members.map(placeOf);
        if (verdict.kind === 'tooMany') throw tooMany(size, verdict.known);
        if (verdict.kind === 'announce') {
          this.#gossip.changePlace({ ...this.#own, note: verdict.note });
          continue;
        }
        const { known, missing } = verdict;
        waitingFor =
          missing.length > 0
            ? `${missing.join(', ')} to agree`
            : `${size} members, of which ${known.join(', ')} are there`;
        await changed;
      }
      return undefined;
    } finally {
      clearInterval(patience);
      stopped.removeEventListener('abort', wake);
      this.#watch.changed = () => undefined;
    }
  }

  /** The others hear that this member goes; it takes no longer than its bound. */
  leave(): Promise<void> {
    return this.#gossip.leave();
  }

  /** Without a word. */
  stop(): Promise<void> {
    return this.#gossip.stop();
  }
}

/** A token may be longer than the name of a group may be. */
function groupNameOf(token: string): string {
  return `chainfire ${createHash('sha256').update(token).digest('hex').slice(0, 32)}`;
}

/** Whoever can send a datagram can say anything of itself. */
function placeOf({ name, peerAddress }: MemberRecord): NamedAddress {
  const address = parseAddress(peerAddress);
  if (address === undefined || address.port === 0 || !memberNamePattern.test(name))
    throw new DiscoveryError(`gossip names a member ${name} at ${peerAddress}, which no member can be`);
  return { name, ...address };
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
      log[level]({ member: member.name, address: member.peerAddress }, `gossip: member ${change}`);
      break;
    }
    case 'nameTaken':
      log.error({ member: effect.name, address: effect.address }, 'gossip: two processes bear one name');
      break;
    case 'clusterJoined':
      log.info({ by: effect.by }, 'gossip: joined');
      break;
    case 'departed':
      break;
  }
}
