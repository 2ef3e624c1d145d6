import { type AgentRequest, type AgentResponse } from '../agent-protocol.ts';
import { type NodeEpoch } from '../types.ts';

/** A call that has been asked and not been answered. */
export interface ServerCall {
  readonly callId: number;
  readonly server: number;
  readonly request: AgentRequest;
  readonly sentAtUs: number;
  readonly failsAtUs: number;
  /** The agent's epoch when it was asked; 0: it had none. */
  readonly epoch: NodeEpoch;
}

/** Calls under way at once: one of each kind, and renewals, which do not wait for each other. */
export const serverCallsMax = 16;

/**
 * The calls of servers that are under way, and which server is asked: the one that leads, as far as is known. It is looked for
 * where a refusal points to, else at the next one.
 */
export class ServerCalls {
  readonly #servers: number;
  readonly #calls = new Map<number, ServerCall>();
  #server = 0;

  constructor(servers: number) {
    this.#servers = servers;
  }

  get server(): number {
    return this.#server;
  }

  get full(): boolean {
    return this.#calls.size >= serverCallsMax;
  }

  get deadlineUs(): number {
    let deadlineUs = Infinity;
    for (const call of this.#calls.values()) deadlineUs = Math.min(deadlineUs, call.failsAtUs);
    return deadlineUs;
  }

  begin(call: Omit<ServerCall, 'server'>): ServerCall {
    const begun = { ...call, server: this.#server };
    this.#calls.set(call.callId, begun);
    return begun;
  }

  /** @returns the call, or undefined for one that has failed or been answered already */
  answered(callId: number, response: AgentResponse): ServerCall | undefined {
    const call = this.#take(callId);
    if (call === undefined || response.kind !== 'refused') return call;
    if (response.code === 'NOT_LEADER') this.#lookElsewhere(call, response.leader);
    else if (response.code === 'UNAVAILABLE') this.#lookElsewhere(call, undefined);
    return call;
  }

  failed(callId: number): ServerCall | undefined {
    const call = this.#take(callId);
    if (call !== undefined) this.#lookElsewhere(call, undefined);
    return call;
  }

  /** Calls whose time is over; they have failed. */
  expired(nowUs: number): readonly ServerCall[] {
    const expired = [...this.#calls.values()].filter((call) => call.failsAtUs <= nowUs);
    for (const call of expired) this.failed(call.callId);
    return expired;
  }

  #take(callId: number): ServerCall | undefined {
    const call = this.#calls.get(callId);
    this.#calls.delete(callId);
    return call;
  }

  /** What an earlier choice has led to says nothing of the present one. */
  #lookElsewhere(call: ServerCall, hint: number | undefined): void {
    if (call.server !== this.#server) return;
    const usable = hint !== undefined && Number.isInteger(hint) && hint >= 0 && hint < this.#servers;
    this.#server = usable && hint !== call.server ? hint : (call.server + 1) % this.#servers;
  }
}
