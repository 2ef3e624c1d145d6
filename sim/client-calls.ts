import { type ReplyEffect } from '../core/base/effects.ts';
import { type NodeId } from '../core/base/ids.ts';
import { type ClientEvent } from '../core/chainfire/client/protocol.ts';
import { type MemberResponse } from '../core/chainfire/member-protocol.ts';
import { clientAddress } from './network/conditions.ts';
import { type Network } from './network/network.ts';
import { type MemberTypes } from './member-machine.ts';
import { type ProcessMachine, type ProcessTypes } from './process-protocol.ts';
import { type SimulatedProcess } from './process.ts';
import { type World } from './world.ts';

/** How an attempt ends, as the client machine takes it, but for its attempt's number. */
export type AttemptEnd<Response = MemberResponse> =
  | { readonly kind: 'answered'; readonly response: Response }
  | { readonly kind: 'attemptFailed'; readonly reached: 'no' | 'maybe'; readonly reason: string };

export interface Attempt<T extends ProcessTypes = MemberTypes> {
  readonly client: number;
  readonly node: NodeId;
  readonly request: T['request'];
  readonly timeoutUs: number;
  /** Called once, unless the attempt is abandoned. */
  readonly ended: (end: AttemptEnd<T['response']>) => void;
}

/** Takes the attempt back: no end is reported any more, and the member hears of it if the network lets it. */
export type Abandon = () => void;

/** A request's frame on the wire; what it carries is small beside what peers exchange. */
const requestBytes = 256;
const controlBytes = 32;
const failure = { kind: 'connectionFailed' };
const cancellation = { kind: 'cancelled' };

/**
 * The clients' side of the network: a request travels to a member in a connection, and its answer comes back in the same
 * one. Either may be cut off or lost; a process that dies resets its connections, or, when its machine lost power, says
 * nothing at all, so that the client learns by its time-out.
 */
export class ClientCalls<M extends ProcessMachine<T>, T extends ProcessTypes = MemberTypes> {
  readonly #world: World;
  readonly #network: Network;
  readonly #process: (node: NodeId) => SimulatedProcess<M, T>;
  /** By request id: requests that a process has taken and not answered. */
  readonly #open = new Map<number, OpenRequest<T>>();
  #requestId = 0;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly process: (node: NodeId) => SimulatedProcess<M, T>;
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#process = options.process;
  }

  attempt(attempt: Attempt<T>): Abandon {
    const call = new Call(attempt);
    const process = this.#process(attempt.node);
    const boot = process.boot;
    this.#packet(attempt, 'request', shownAs(attempt.request), () => {
      if (!process.alive) this.#fail(call, 'no', 'connection refused');
      else if (process.boot !== boot) this.#fail(call, 'maybe', 'connection reset');
      else this.#take(call, process);
    });
    this.#world.after(attempt.timeoutUs, () => {
      call.end({ kind: 'attemptFailed', reached: 'maybe', reason: 'deadline exceeded' });
    });
    return () => {
      this.#abandon(call, process);
    };
  }

  /** A process has answered. */
  reply(process: SimulatedProcess<M, T>, effect: ReplyEffect<T['response']>): void {
    const open = this.#open.get(effect.requestId);
    if (open === undefined) return;
    this.#open.delete(effect.requestId);
    this.#packet(open.call.attempt, 'answer', effect, () => {
      if (process.connected(open.boot)) open.call.end({ kind: 'answered', response: effect.response });
    });
  }

  /** A process has ended: what it had taken is answered by nobody. */
  ended(process: SimulatedProcess<M, T>): void {
    for (const [requestId, { node, boot, call }] of this.#open) {
      if (node !== process.node) continue;
      this.#open.delete(requestId);
      if (!process.connected(boot)) this.#fail(call, 'maybe', 'connection reset');
    }
  }

  #take(call: Call<T>, process: SimulatedProcess<M, T>): void {
    this.#requestId += 1;
    const requestId = this.#requestId;
    if (!process.deliver({ kind: 'requested', requestId, request: call.attempt.request })) {
      this.#fail(call, 'no', 'the member takes no more requests');
      return;
    }
    call.requestId = requestId;
    this.#open.set(requestId, { node: process.node, boot: process.boot, call });
  }

  #fail(call: Call<T>, reached: 'no' | 'maybe', reason: string): void {
    this.#packet(call.attempt, 'answer', failure, () => {
      call.end({ kind: 'attemptFailed', reached, reason });
    });
  }

  #abandon(call: Call<T>, process: SimulatedProcess<M, T>): void {
    call.abandoned();
    this.#packet(call.attempt, 'cancellation', cancellation, () => {
      const open = this.#open.get(call.requestId);
      if (open === undefined || open.boot !== process.boot) return;
      this.#open.delete(call.requestId);
      process.deliver({ kind: 'cancelled', requestId: call.requestId });
    });
  }

  #packet(
    attempt: Attempt<T>,
    what: 'request' | 'answer' | 'cancellation',
    carries: { readonly kind: string },
    arrived: () => void,
  ): void {
    const client = clientAddress(attempt.client);
    const way = what === 'answer' ? { from: attempt.node, to: client } : { from: client, to: attempt.node };
    const bytes = what === 'cancellation' ? controlBytes : requestBytes;
    this.#network.send({ ...way, bytes, carriage: 'stream', carries, arrived });
  }
}

/** The event that tells a client machine how its attempt ended. */
export function attemptEvent(attemptId: number, end: AttemptEnd): ClientEvent {
  return end.kind === 'answered'
    ? { kind: 'answered', attemptId, response: end.response }
    : { kind: 'attemptFailed', attemptId, reached: end.reached, reason: end.reason };
}

/** For those who watch the network. */
function shownAs(request: object): { readonly kind: string } {
  return 'kind' in request && typeof request.kind === 'string'
    ? (request as { readonly kind: string })
    : { kind: 'request' };
}

interface OpenRequest<T extends ProcessTypes> {
  readonly node: NodeId;
  readonly boot: number;
  readonly call: Call<T>;
}

class Call<T extends ProcessTypes> {
  readonly attempt: Attempt<T>;
  /** 0 until a process has taken it. */
  requestId = 0;
  #over = false;

  constructor(attempt: Attempt<T>) {
    this.attempt = attempt;
  }

  end(end: AttemptEnd<T['response']>): void {
    if (this.#over) return;
    this.#over = true;
    this.attempt.ended(end);
  }

  abandoned(): void {
    this.#over = true;
  }
}
