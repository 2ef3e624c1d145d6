import { type Prng } from '../../core/base/prng.ts';

/** Members are their positive ids; client n is −1 − n. */
export type Address = number;

export function clientAddress(client: number): Address {
  return -1 - client;
}

/** What is wrong with some links, while it lasts. `hits` counts the packets that were affected. */
export type Condition = Cut | Lossy | Clog | Slow | Narrow | Tail;

/** Nothing passes from `from` to `to`. Two cuts make a partition, one a link that works in one direction alone. */
export interface Cut {
  readonly kind: 'cut';
  readonly from: ReadonlySet<Address>;
  readonly to: ReadonlySet<Address>;
  hits: number;
}

/** Every link loses, doubles and reorders, in millionths of packets. Draws from its own stream. */
export interface Lossy {
  readonly kind: 'lossy';
  readonly lossPpm: number;
  readonly duplicatePpm: number;
  readonly reorderPpm: number;
  readonly prng: Prng;
  hits: number;
}

/** One link holds everything back until the condition ends, and lets it out in order then. */
export interface Clog {
  readonly kind: 'clog';
  readonly from: Address;
  readonly to: Address;
  hits: number;
}

/** Every latency is multiplied; of several, the slowest counts. */
export interface Slow {
  readonly kind: 'slow';
  readonly factor: number;
  hits: number;
}

/**
 * Links that carry so much and no more. Each has a line of its own, so long that nothing waits in it for longer than
 * anything may take; what does not fit is dropped.
 */
export interface Narrow {
  readonly kind: 'narrow';
  readonly from: ReadonlySet<Address>;
  readonly to: ReadonlySet<Address>;
  readonly bytesPerSecond: number;
  /** When each link has carried what stands in its line, by sender and receiver. */
  readonly freeUs: Map<string, number>;
  hits: number;
}

/** A share of the packets on these links, in millionths, is late by up to so much. Draws from its own stream. */
export interface Tail {
  readonly kind: 'tail';
  readonly from: ReadonlySet<Address>;
  readonly to: ReadonlySet<Address>;
  readonly tailPpm: number;
  readonly tailUs: number;
  readonly prng: Prng;
  hits: number;
}

/** True when this condition lies on the link. */
export function lies(
  { from, to }: { readonly from: ReadonlySet<Address>; readonly to: ReadonlySet<Address> },
  sender: Address,
  receiver: Address,
): boolean {
  return from.has(sender) && to.has(receiver);
}

export function cut(from: readonly Address[], to: readonly Address[]): Cut {
  return { kind: 'cut', from: new Set(from), to: new Set(to), hits: 0 };
}

export function cuts(condition: Condition, from: Address, to: Address): condition is Cut {
  return condition.kind === 'cut' && condition.from.has(from) && condition.to.has(to);
}

export function clogs(condition: Condition, from: Address, to: Address): condition is Clog {
  return condition.kind === 'clog' && condition.from === from && condition.to === to;
}
