import { resolve } from 'node:path';
import { type Logger } from 'pino';

import { type RequestAuthorizer } from '../../../adapters/auth/authorizer.ts';
import { type Bytes } from '../../../adapters/client/bytes.ts';
import { type Address, formatAddress } from '../../../adapters/config/address.ts';
import { givenSettings, type GivenSettings } from '../../../adapters/config/given-settings.ts';
import { ConfigError } from '../../../adapters/config/resolve.ts';
import { type NamedAddress } from '../../../adapters/config/values.ts';
import { DirectoryHome } from '../directory-home.ts';
import { newLogger } from '../../process/log.ts';
import { type MemberHome } from '../member-home.ts';
import { type MemberPorts } from '../member-listeners.ts';
import { MemoryHome } from '../memory-home.ts';
import { checkSettings } from '../open-member.ts';
import { checkClusterSettings } from '../cluster-place.ts';
import { chainfireSchema, type ChainfireSettings } from '../settings.ts';
import { chainfireSystem } from '../system.ts';
import { EmbeddedMember } from './embedded-member.ts';
import { EventDispatcher, type HandlerFailed } from './event-dispatcher.ts';
import { type KeyHandler, type KeySubscriptionOptions, type SubscribedKeys } from './key-subscription.ts';
import { type ClusterEventHandler, type ClusterEventName, clusterEventNames } from './member-events.ts';

/** What a member may be told, by the names and with the checks of `photon chainfire serve`: docs/reference. */
export type MemberSettings = GivenSettings<(typeof chainfireSchema)['settings']>;

type Given = Record<string, unknown>;

interface EventWish {
  readonly names: readonly ClusterEventName[];
  readonly handler: ClusterEventHandler;
}

interface KeyWish {
  readonly keys: SubscribedKeys;
  readonly handler: KeyHandler;
  readonly options: KeySubscriptionOptions;
}

/**
 * Makes a member of a Chainfire cluster that runs inside this process. Each method says one thing of it and returns the
 * builder; `start` or `build` checks all of it together. See docs/embedding.md.
 */
export class ClusterBuilder {
  readonly #given: Given = {};
  readonly #eventWishes: EventWish[] = [];
  readonly #keyWishes: KeyWish[] = [];
  #inMemory = false;
  #log: Logger | undefined;
  #processMetrics = false;
  #authorizer: RequestAuthorizer | undefined;
  #onHandlerFailed: HandlerFailed | undefined;

  /** The member's name, one of those in the cluster it begins with. */
  name(name: string): this {
    return this.settings({ name });
  }

  /** Where it keeps what it has, made when it is not there; what it has acknowledged is there after any crash. */
  dataDirectory(path: string): this {
    this.#inMemory = false;
    return this.settings({ dataDir: resolve(path) });
  }

  /**
   * Keeps everything in memory, and nothing beyond `stop` or the process: for tests, and for what may be lost. A member that has
   * lost what it had promised is another one: where others go on, it comes back only by being removed and added.
   */
  inMemory(): this {
    this.#inMemory = true;
    return this.settings({ dataDir: '(memory)' });
  }

  /** `host:port` for etcd's clients; port 0 takes a free one. Not called: only this process can ask the member. */
  listenClients(address: string | Address): this {
    return this.settings({ listenClient: address });
  }

  /** `host:port` for the other members. Needed where there are to be others. */
  listenPeers(address: string | Address): this {
    return this.settings({ listenPeer: address });
  }

  /** `host:port` for /metrics, /health and /ready. Not called: they are on the clients' port alone. */
  listenMetrics(address: string | Address): this {
    return this.settings({ listenMetrics: address });
  }

  /**
   * Every member that the cluster begins with, by name, and the `host:port` at which the others reach it; the same on all members.
   * Not called: the cluster begins with this member alone, or is found by discovery.
   */
  initialCluster(members: Readonly<Record<string, string>>): this {
    return this.settings({ initialCluster: formatted(members) });
  }

  /** The cluster runs already, and this member was added to it. @param members it and some of those, by name, with their peer addresses */
  join(members: Readonly<Record<string, string>> = {}): this {
    const list = Object.keys(members).length === 0 ? {} : { initialCluster: formatted(members) };
    return this.settings({ ...list, initialClusterState: 'existing' });
  }

  /**
   * Finds the others by gossip. @param seeds gossip addresses of a few of them @param size with how many the cluster begins, where
   * it does not run yet
   */
  discover({ seeds, size }: { readonly seeds: readonly string[]; readonly size?: number }): this {
    return this.settings({ discoverySeeds: seeds.join(','), initialClusterSize: size });
  }

  /** Files of certificates and keys, for clients and for the other members. */
  tls(
    files: Pick<
      MemberSettings,
      | 'certFile'
      | 'keyFile'
      | 'trustedCaFile'
      | 'clientCertAuth'
      | 'peerCertFile'
      | 'peerKeyFile'
      | 'peerTrustedCaFile'
    >,
  ): this {
    return this.settings(files);
  }

  /** Any setting of `photon chainfire serve`, as a value or as the text of a configuration file. Later ones replace earlier ones. */
  settings(settings: MemberSettings): this {
    for (const [name, value] of Object.entries(settings)) if (value !== undefined) this.#given[name] = value;
    return this;
  }

  /** Where the member logs. Default: JSON lines on standard error, from `warn` on where `logLevel` is not set. */
  logger(log: Logger): this {
    this.#log = log;
    return this;
  }

  /** Is asked, beside users and roles and before them, what clients may do over the member's port: see docs/authentication.md. */
  authorizer(authorizer: RequestAuthorizer): this {
    this.#authorizer = authorizer;
    return this;
  }

  /** The metrics of the whole process (memory, event loop) are among the member's. */
  processMetrics(): this {
    this.#processMetrics = true;
    return this;
  }

  /** Calls the handler for every event of this name; events are those of `ClusterEvents`. */
  on<Name extends ClusterEventName>(name: Name, handler: ClusterEventHandler<Name>): this {
    this.#eventWishes.push({ names: [name], handler: handler as ClusterEventHandler });
    return this;
  }

  /** Calls the handler for every event of the cluster, in their order. */
  onAny(handler: ClusterEventHandler): this {
    this.#eventWishes.push({ names: clusterEventNames, handler });
    return this;
  }

  /** Writes of a key, from the start of the member on. */
  onKeyChanged(key: Bytes, handler: KeyHandler, options: KeySubscriptionOptions = {}): this {
    return this.#subscribe({ kind: 'keyChanged', key }, handler, options);
  }

  onKeyDeleted(key: Bytes, handler: KeyHandler, options: KeySubscriptionOptions = {}): this {
    return this.#subscribe({ kind: 'keyDeleted', key }, handler, options);
  }

  /** Writes and deletions of every key that begins with the prefix, from the start of the member on. */
  onPrefixChanged(prefix: Bytes, handler: KeyHandler, options: KeySubscriptionOptions = {}): this {
    return this.#subscribe({ kind: 'prefixChanged', prefix }, handler, options);
  }

  /** Called when a handler has thrown, or a subscription has ended without having been closed. Default: it is logged as an error. */
  onHandlerError(handler: HandlerFailed): this {
    this.#onHandlerFailed = handler;
    return this;
  }

  /** A member that is still to be started; a builder makes as many as you like. @throws ConfigError naming what is wrong and what is allowed */
  build(): EmbeddedMember {
    const ports = portsOf(this.#given);
    const { settings, begins } = clusterOf(givenSettings(chainfireSchema, this.#given), ports);
    const log = this.#log ?? this.#newLog(settings);
    // The cluster that begins here is checked like one that was given.
    checkClusterSettings({ ...settings, initialCluster: begins ?? settings.initialCluster });
    const checked = checkSettings(settings, log);
    const onHandlerFailed = guarded(this.#onHandlerFailed ?? logged(log), log);
    const events = new EventDispatcher(onHandlerFailed);
    for (const { names, handler } of this.#eventWishes) events.on(names, handler);
    const inMemory = this.#inMemory;
    const member = new EmbeddedMember({
      ...{ checked, begins, ports, log, events, onHandlerFailed },
      home: (): Promise<MemberHome> =>
        inMemory ? Promise.resolve(new MemoryHome()) : DirectoryHome.lock(settings.dataDir),
      processMetrics: this.#processMetrics,
      authorizer: this.#authorizer,
    });
    for (const { keys, handler, options } of this.#keyWishes) member.subscribe(keys, handler, options);
    return member;
  }

  /** Builds it, and starts it: see `EmbeddedMember.start`. */
  async start(): Promise<EmbeddedMember> {
    const member = this.build();
    await member.start();
    return member;
  }

  #newLog(settings: ChainfireSettings): Logger {
    const level = this.#given['logLevel'] === undefined ? 'warn' : settings.logLevel;
    return newLogger(level, { system: chainfireSystem, member: settings.name });
  }

  #subscribe(keys: SubscribedKeys, handler: KeyHandler, options: KeySubscriptionOptions): this {
    this.#keyWishes.push({ keys, handler, options });
    return this;
  }
}

function formatted(members: Readonly<Record<string, string>>): string {
  return Object.entries(members)
    .map(([name, address]) => `${name}=${address}`)
    .join(',');
}

/** What is not given is not listened on: a process has its own use for ports. @throws ConfigError */
function portsOf(given: Given): MemberPorts {
  const { listenClient, listenPeer, listenMetrics } = givenSettings(chainfireSchema, given);
  return {
    clients: given['listenClient'] === undefined ? undefined : listenClient,
    peers: given['listenPeer'] === undefined ? undefined : listenPeer,
    metrics: given['listenMetrics'] === undefined ? undefined : listenMetrics,
  };
}

/** With whom the cluster begins, where nothing is said of it, and the member's home knows of none: with this member alone. */
function clusterOf(
  settings: ChainfireSettings,
  { peers }: MemberPorts,
): { readonly settings: ChainfireSettings; readonly begins: readonly NamedAddress[] | undefined } {
  const { name, initialCluster, initialClusterState, discoverySeeds, listenPeer } = settings;
  const isAlone =
    initialCluster === undefined && initialClusterState === 'new' && discoverySeeds === undefined;
  if (peers === undefined && !isAlone && initialCluster?.length !== 1) {
    throw new ConfigError(
      'listenPeer is not given, it must be host:port where there are to be other members',
    );
  }
  if (!isAlone) return { settings, begins: undefined };
  if (listenPeer.port === 0) {
    throw new ConfigError(
      `listenPeer is ${formatAddress(listenPeer)}, it must have a port, or initialCluster must say where others reach this member`,
    );
  }
  return { settings, begins: [{ name, ...listenPeer }] };
}

function logged(log: Logger): HandlerFailed {
  return (error, event) => log.error({ err: error, event: event.kind }, 'a handler of events has failed');
}

/** A handler of errors that throws hurts nobody either. */
function guarded(onFailed: HandlerFailed, log: Logger): HandlerFailed {
  return (error, event) => {
    try {
      onFailed(error, event);
    } catch (second) {
      log.error({ err: second, event: event.kind }, 'the handler of errors has failed');
    }
  };
}
