import { type InstanceId } from '../types.ts';
import { instanceKey } from '../instance-key.ts';
import { type WatchdogRequest, type WatchdogResponse } from '../watchdog/protocol.ts';
import { type Backoff } from './backoff.ts';
import { type Lease } from './lease.ts';

/** Processes that are gone and that the watchdog has not been told of; of more than that it finds out for itself. */
const releasedMax = 4_096;

interface Grant {
  readonly sentAtUs: number;
  readonly ttlUs: number;
}

interface Asked {
  readonly callId: number;
  readonly failsAtUs: number;
  readonly grant: Grant;
  readonly instances: readonly InstanceId[];
  readonly released: readonly InstanceId[];
}

export interface GuardOptions {
  readonly agentBootId: string;
  readonly timeoutUs: number;
  readonly watchdogMarginUs: number;
}

/**
 * Tells the watchdog what must stop and when, and arms the lease with what it acknowledges. One request at a time, which names
 * everything that must stop: a watchdog that has forgotten it knows all again by the next renewal.
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #lease: Lease;
  readonly #backoff: Backoff;
  #grant: Grant | undefined;
  #acknowledgedGrant: Grant | undefined;
  /** What the watchdog is known to guard. */
  #guarded = new Map<string, InstanceId>();
  /** Processes that are gone; told with the next request. At most `releasedMax`. */
  readonly #released = new Map<string, InstanceId>();
  #asked: Asked | undefined;
  #sequence = 0;
  #notBeforeUs = 0;

  constructor(options: GuardOptions, lease: Lease, backoff: Backoff) {
    this.#options = options;
    this.#lease = lease;
    this.#backoff = backoff;
  }

  get deadlineUs(): number {
    return this.#asked?.failsAtUs ?? (this.#notBeforeUs > 0 ? this.#notBeforeUs : Infinity);
  }

  /** A newer lease is to be armed. */
  granted(sentAtUs: number, ttlUs: number): void {
    this.#grant = { sentAtUs, ttlUs };
  }

  /** The watchdog kills it when the lease that is armed ends. */
  guards(instance: InstanceId): boolean {
    return this.#guarded.has(instanceKey(instance));
  }

  /** The process is gone, surely. */
  release(instance: InstanceId): void {
    this.#released.set(instanceKey(instance), instance);
    this.#guarded.delete(instanceKey(instance));
    for (const oldest of this.#released.keys()) {
      if (this.#released.size <= releasedMax) break;
      this.#released.delete(oldest);
    }
  }

  /**
   * What to ask of the watchdog now, if anything.
   *
   * @param mustStop every process on the node that must not outlive the lease
   */
  next(
    mustStop: readonly InstanceId[],
    nextId: () => number,
    nowUs: number,
  ): { readonly callId: number; readonly request: WatchdogRequest } | undefined {
    const grant = this.#grant;
    if (this.#asked !== undefined || grant === undefined || nowUs < this.#notBeforeUs) return undefined;
    const deadlineUs = grant.sentAtUs + grant.ttlUs - this.#options.watchdogMarginUs;
    if (deadlineUs <= nowUs) {
      this.#notBeforeUs = 0;
      return undefined;
    }
    if (grant === this.#acknowledgedGrant && mustStop.every((instance) => this.guards(instance)))
      return undefined;
    this.#notBeforeUs = 0;
    this.#sequence += 1;
    const released = [...this.#released.values()];
    const callId = nextId();
    this.#asked = {
      callId,
      failsAtUs: nowUs + this.#options.timeoutUs,
      grant,
      instances: mustStop,
      released,
    };
    const { agentBootId } = this.#options;
    const sequence = this.#sequence;
    return {
      callId,
      request: { kind: 'guard', agentBootId, sequence, deadlineUs, instances: mustStop, released },
    };
  }

  /** @returns what the watchdog has killed; none when the answer is not to what was asked last */
  answered(callId: number, response: WatchdogResponse, nowUs: number): readonly InstanceId[] {
    const asked = this.#asked;
    if (asked === undefined || asked.callId !== callId) return [];
    if (response.kind !== 'guarded' || response.sequence !== this.#sequence) {
      this.failed(callId, nowUs);
      return [];
    }
    this.#asked = undefined;
    this.#backoff.succeeded();
    this.#acknowledgedGrant = asked.grant;
    const dead = new Set(response.killed.map(instanceKey));
    this.#guarded = new Map();
    for (const instance of asked.instances) {
      const key = instanceKey(instance);
      if (!dead.has(key) && !this.#released.has(key)) this.#guarded.set(key, instance);
    }
    for (const instance of asked.released) this.#released.delete(instanceKey(instance));
    this.#lease.armed(asked.grant.sentAtUs, asked.grant.ttlUs);
    return response.killed;
  }

  /** The watchdog may have been started anew: nothing is taken for guarded before it says so. */
  failed(callId: number, nowUs: number): void {
    if (this.#asked?.callId !== callId) return;
    this.#asked = undefined;
    this.#guarded = new Map();
    this.#acknowledgedGrant = undefined;
    this.#notBeforeUs = nowUs + this.#backoff.failed();
  }

  tick(nowUs: number): void {
    if (this.#asked !== undefined && nowUs >= this.#asked.failsAtUs) this.failed(this.#asked.callId, nowUs);
  }
}
