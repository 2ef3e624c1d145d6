import { type RequestAuthorizer } from '../../../adapters/auth/authorizer.ts';
import { formatAddress } from '../../../adapters/config/address.ts';
import { type NamedAddress } from '../../../adapters/config/values.ts';
import { type MemberPort } from '../../../adapters/grpc/services/member-port.ts';
import { type Bytes } from '../../../adapters/client/bytes.ts';
import { Chainfire } from '../../../adapters/client/chainfire.ts';
import { Deferred } from '../../../adapters/client/deferred.ts';
import { ClientDriver } from '../../../adapters/client/driver.ts';
import { MemberTransport } from '../../../adapters/client/member-transport.ts';
import { systemPrng } from '../../../adapters/client/system-prng.ts';
import { formatClusterId } from '../../../adapters/peer/protocol.ts';
import { type RunnerFailure } from '../../../adapters/runner/protocol.ts';
import { type Logger } from 'pino';

import { type CheckedSettings, openMember } from '../open-member.ts';
import { type GossipEvent } from '../gossip-events.ts';
import { MemberDoor } from '../member-door.ts';
import { type MemberHome } from '../member-home.ts';
import { type MemberPorts } from '../member-listeners.ts';
import { type ServingMember } from '../serving-member.ts';
import { ClusterObserver } from './cluster-observer.ts';
import { type EventDispatcher, type HandlerFailed } from './event-dispatcher.ts';
import { tellGossip } from './gossip-observer.ts';
import {
  KeySubscription,
  type KeyHandler,
  type KeySubscriptionOptions,
  type SubscribedKeys,
} from './key-subscription.ts';
import { type ClusterEventHandler, type ClusterEventName, clusterEventNames } from './member-events.ts';
import { type MemberState, type MemberStatus, statusOf } from './member-status.ts';

/** Why a member has ended without having been asked to; `removed`: from its cluster, and it must not be started again. */
export type MemberFailure = { readonly kind: 'removed' | 'failed'; readonly reason: string };

/** The member was stopped, or was never started: there is nothing to be had of it. */
export class MemberStoppedError extends Error {
  override readonly name = 'MemberStoppedError';
}

export interface EmbeddedMemberParts {
  readonly checked: CheckedSettings;
  /** With whom the cluster begins, where the home knows of none. */
  readonly begins: readonly NamedAddress[] | undefined;
  readonly ports: MemberPorts;
  /** Where it keeps what it has; locked when it starts. */
  readonly home: () => Promise<MemberHome>;
  readonly log: Logger;
  readonly processMetrics: boolean;
  readonly authorizer: RequestAuthorizer | undefined;
  readonly events: EventDispatcher;
  readonly onHandlerFailed: HandlerFailed;
}

/** How long a call of the member's own client may take that says nothing else. */
const timeoutMsDefault = 5_000;

/** A member of a Chainfire cluster inside this process. Made by `ClusterBuilder`. */
export class EmbeddedMember implements AsyncDisposable {
  /** Resolves when the member first knows a leader, and what is subscribed to by then is told; rejects when it cannot start, or ends before. */
  readonly ready: Promise<void>;
  /** Resolves, with the reason, when the member ends without having been asked to. It is closed by then. */
  readonly failed: Promise<MemberFailure>;
  /** A client that asks this member by calls, as the process itself: it needs no port, and no permission. Closed by `stop`. */
  readonly client: Chainfire;
  readonly #parts: EmbeddedMemberParts;
  readonly #ready = new Deferred<void>();
  /** There is a member to ask. */
  readonly #begun = new Deferred<void>();
  readonly #failed = new Deferred<MemberFailure>();
  readonly #stopped = new AbortController();
  readonly #subscriptions = new Set<KeySubscription>();
  /** Its own, so that whoever closes `client` closes no subscription. */
  readonly #subscriber: Chainfire;
  /** Refuses, with the promise that nothing was done, what is asked of a member that is not yet there. */
  readonly #closedDoor: MemberPort = new MemberDoor();
  #state: MemberState = 'created';
  #serving: ServingMember | undefined;
  #observer: ClusterObserver | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** Not by itself: see `ClusterBuilder`. */
  constructor(parts: EmbeddedMemberParts) {
    this.#parts = parts;
    this.ready = this.#ready.promise;
    this.failed = this.#failed.promise;
    // Whoever does not wait for it learns of it from `start`, or from `failed`.
    this.ready.catch(() => undefined);
    this.#begun.promise.catch(() => undefined);
    this.client = new Chainfire(this.#newDriver(), { timeoutMs: timeoutMsDefault });
    this.#subscriber = new Chainfire(this.#newDriver(), { timeoutMs: timeoutMsDefault });
  }

  get name(): string {
    return this.#parts.checked.settings.name;
  }

  /**
   * Resolves once the member listens and its data is recovered; `ready` comes later.
   *
   * @throws DataDirError or StartError when it must not start, NobodyAnswers when there is nobody to join, MemberStoppedError
   *   when it is stopped meanwhile
   */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Hands the leadership over, lets what is under way end, syncs, and closes. As often as you like. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  status(): MemberStatus {
    return statusOf({
      name: this.name,
      state: this.#state,
      view: this.#serving?.view,
      clusterId: this.#serving && formatClusterId(this.#serving.clusterId),
      ports: this.#serving?.ports,
    });
  }

  /** `host:port` where clients find it; undefined: nowhere. */
  get clientAddress(): string | undefined {
    const address = this.#serving?.ports.clients;
    return address && formatAddress(address);
  }

  /** Calls the handler for every event of this name. @returns what ends that */
  on<Name extends ClusterEventName>(name: Name, handler: ClusterEventHandler<Name>): () => void {
    return this.#parts.events.on([name], handler);
  }

  /** Calls the handler for every event of the cluster, in their order. @returns what ends that */
  onAny(handler: ClusterEventHandler): () => void {
    return this.#parts.events.on(clusterEventNames, handler);
  }

  /** Writes of a key. */
  onKeyChanged(key: Bytes, handler: KeyHandler, options: KeySubscriptionOptions = {}): KeySubscription {
    return this.subscribe({ kind: 'keyChanged', key }, handler, options);
  }

  onKeyDeleted(key: Bytes, handler: KeyHandler, options: KeySubscriptionOptions = {}): KeySubscription {
    return this.subscribe({ kind: 'keyDeleted', key }, handler, options);
  }

  /** Writes and deletions of every key that begins with the prefix. */
  onPrefixChanged(prefix: Bytes, handler: KeyHandler, options: KeySubscriptionOptions = {}): KeySubscription {
    return this.subscribe({ kind: 'prefixChanged', prefix }, handler, options);
  }

  subscribe(keys: SubscribedKeys, handler: KeyHandler, options: KeySubscriptionOptions): KeySubscription {
    const subscription = new KeySubscription(this.#subscriber, keys, handler, options, {
      begun: this.#begun.promise,
      onFailed: this.#parts.onHandlerFailed,
    });
    this.#subscriptions.add(subscription);
    const forget = (): boolean => this.#subscriptions.delete(subscription);
    subscription.ended.then(forget, forget);
    return subscription;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    try {
      if (this.#state !== 'created') throw new MemberStoppedError(`member ${this.name} was stopped`);
      this.#state = 'starting';
      await this.#open();
    } catch (error) {
      this.#ready.reject(error);
      void this.#end('stopped');
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { ports, log, processMetrics, authorizer, events } = this.#parts;
    const home = await this.#parts.home();
    const checked = await this.#checkedFor(home);
    const serving = await openMember(checked, {
      ...{ home, ports, log, processMetrics, authorizer },
      stopped: this.#stopped.signal,
      onGossip: (event: GossipEvent) => tellGossip(event, events),
    });
    if (serving === undefined) throw new MemberStoppedError(`member ${this.name} was stopped`);
    this.#serving = serving;
    if (this.#stopped.signal.aborted) {
      await serving.close();
      throw new MemberStoppedError(`member ${this.name} was stopped`);
    }
    const { view } = serving;
    const observer = new ClusterObserver(view.raft.id, view.members, events);
    this.#observer = observer;
    serving.onLeaderChanged = (leader, term) => {
      observer.leaderChanged(leader, term, view.members);
      if (observer.wasReady) void this.#becomeReady();
    };
    serving.onMembersChanged = (members) => observer.membersChanged(members);
    void serving.failed.then((failure) => this.#onFailed(serving, failure));
    this.#state = 'running';
    serving.start();
    this.#begun.resolve();
  }

  /** With the subscriptions that it began with: whoever waits for it may write, and is told of it. */
  async #becomeReady(): Promise<void> {
    // One that cannot be had is reported, and holds nobody up.
    await Promise.allSettled([...this.#subscriptions].map(({ ready }) => ready));
    this.#ready.resolve();
  }

  /** What the home knows of a cluster counts more than that none was named. */
  async #checkedFor(home: MemberHome): Promise<CheckedSettings> {
    const { checked, begins } = this.#parts;
    try {
      if (begins === undefined || home.clusterRecord() !== undefined) return checked;
      return { ...checked, settings: { ...checked.settings, initialCluster: begins } };
    } catch (error) {
      await home.release();
      throw error;
    }
  }

  async #stop(): Promise<void> {
    this.#stopped.abort();
    if (this.#starting === undefined) {
      this.#state = 'stopped';
      this.#ready.reject(new MemberStoppedError(`member ${this.name} was stopped before it was started`));
    } else {
      // Whoever started it is told.
      await this.#starting.catch(() => undefined);
    }
    if (this.#state === 'running') {
      this.#state = 'stopping';
      await this.#serving?.stop();
    } else {
      // One that has failed, or is failing: there is nothing to hand over.
      await this.#serving?.close();
    }
    this.#end('stopped');
  }

  async #onFailed(serving: ServingMember, { kind, reason }: RunnerFailure): Promise<void> {
    // One that fails while it is stopped is stopped all the same.
    if (this.#state !== 'running') return;
    this.#end('failed');
    await serving.close();
    this.#failed.resolve({ kind: kind === 'machineStopped' ? 'removed' : 'failed', reason });
  }

  #end(state: 'stopped' | 'failed'): void {
    if (this.#state !== 'failed') this.#state = state;
    for (const subscription of this.#subscriptions) subscription.close();
    this.#begun.reject(new MemberStoppedError(`member ${this.name} has ended`));
    this.client.close();
    this.#subscriber.close();
    this.#observer?.ended();
    this.#ready.reject(new MemberStoppedError(`member ${this.name} has ended`));
  }

  get #port(): MemberPort {
    return this.#serving?.port ?? this.#closedDoor;
  }

  #newDriver(): ClientDriver {
    const port: MemberPort = {
      request: (request, signal) => this.#port.request(request, signal),
      openWatchStream: (stream, listener) => this.#port.openWatchStream(stream, listener),
    };
    return new ClientDriver({ endpoints: 1, prng: systemPrng }, (step) => new MemberTransport(port, step));
  }
}
