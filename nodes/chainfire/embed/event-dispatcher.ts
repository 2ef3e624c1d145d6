import {
  type ClusterEvent,
  type ClusterEventHandler,
  type ClusterEventName,
  type ClusterEvents,
} from './member-events.ts';

/** A handler has thrown, or what it returned was rejected. `event` is what it was given. */
export type HandlerFailed = (error: unknown, event: { readonly kind: string }) => void;

/** Events that wait for one handler; beyond it the oldest are dropped, and the next that is delivered says how many. */
export const waitingEventsMax = 1_024;

/**
 * Hands events to whoever wants them: to each handler one after the other, in the order in which they happened, never within
 * the member's own turn. Handlers that return at once see the events of all kinds in their order. One that is slow, or throws, is
 * its own affair.
 */
export class EventDispatcher {
  readonly #onFailed: HandlerFailed;
  readonly #queues = new Set<HandlerQueue>();
  readonly #emitted: WaitingEvent[] = [];

  constructor(onFailed: HandlerFailed) {
    this.#onFailed = onFailed;
  }

  /** @returns what ends it; events that wait then are not delivered any more */
  on<Name extends ClusterEventName>(names: readonly Name[], handler: ClusterEventHandler<Name>): () => void {
    const queue = new HandlerQueue(new Set(names), handler as ClusterEventHandler, this.#onFailed);
    this.#queues.add(queue);
    return () => {
      this.#queues.delete(queue);
      queue.close();
    };
  }

  /** Returns before any handler is called. */
  emit<Name extends ClusterEventName>(kind: Name, event: ClusterEvents[Name]): void {
    this.#emitted.push({ ...event, kind } as unknown as WaitingEvent);
    // As many as one step of a member makes: a handful.
    if (this.#emitted.length === 1) queueMicrotask(() => this.#handOut());
  }

  #handOut(): void {
    for (const event of this.#emitted.splice(0)) for (const queue of this.#queues) queue.offer(event);
  }
}

/** As it waits: how many were missed is known when it is delivered. */
type WaitingEvent = Omit<ClusterEvent, 'missed'>;

class HandlerQueue {
  readonly #names: ReadonlySet<string>;
  readonly #handler: ClusterEventHandler;
  readonly #onFailed: HandlerFailed;
  #waiting: WaitingEvent[] = [];
  /** Of each kind, dropped since the last that was delivered. */
  readonly #missed = new Map<string, number>();
  #isBusy = false;
  #closed = false;

  constructor(names: ReadonlySet<string>, handler: ClusterEventHandler, onFailed: HandlerFailed) {
    this.#names = names;
    this.#handler = handler;
    this.#onFailed = onFailed;
  }

  offer(event: WaitingEvent): void {
    if (this.#closed || !this.#names.has(event.kind)) return;
    if (!this.#isBusy) {
      this.#deliver(event);
      return;
    }
    this.#waiting.push(event);
    if (this.#waiting.length <= waitingEventsMax) return;
    const { kind } = this.#waiting.shift() ?? event;
    this.#missed.set(kind, (this.#missed.get(kind) ?? 0) + 1);
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  #deliver(event: WaitingEvent): void {
    const missed = this.#missed.get(event.kind) ?? 0;
    this.#missed.delete(event.kind);
    try {
      const ending = this.#handler({ ...event, missed } as ClusterEvent);
      if (isPromise(ending)) void this.#untilEnded(ending, event);
    } catch (error) {
      this.#onFailed(error, event);
    }
  }

  async #untilEnded(ending: PromiseLike<unknown>, event: WaitingEvent): Promise<void> {
    this.#isBusy = true;
    try {
      await ending;
    } catch (error) {
      this.#onFailed(error, event);
    }
    this.#isBusy = false;
    while (!this.#isBusy) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#deliver(next);
    }
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
