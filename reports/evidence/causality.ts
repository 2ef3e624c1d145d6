import { assert, present } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Packet, type RunEvidence, type StepNumber } from './types.ts';

/** A set of steps, a bit each. */
export class StepSet {
  readonly #first: StepNumber;
  readonly #bits: Uint8Array;
  #size = 0;

  constructor(first: StepNumber, count: number) {
    this.#first = first;
    this.#bits = new Uint8Array(Math.ceil(count / 8));
  }

  get size(): number {
    return this.#size;
  }

  has(step: StepNumber): boolean {
    const at = step - this.#first;
    return at >= 0 && ((this.#bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }

  add(step: StepNumber): void {
    if (this.has(step)) return;
    const at = step - this.#first;
    assert(at >= 0 && at >> 3 < this.#bits.length, 'a set is of the steps that are kept');
    this.#bits[at >> 3] = (this.#bits[at >> 3] ?? 0) | (1 << (at & 7));
    this.#size += 1;
  }
}

/**
 * Everything that can have led to these steps, themselves included: Lamport's relation of "happened before" over the steps of
 * nodes, what they sent to each other, and clients, who pass on in each request whatever they had been told by then. Between
 * two lives of a node its disk carries over what the first one did.
 *
 * Steps that are not kept any more are left out, and with them what went through nothing else.
 */
export function causalPast(evidence: RunEvidence, of: readonly StepNumber[]): StepSet {
  const { steps, firstStep } = evidence;
  const past = new StepSet(firstStep, steps.length);
  for (const step of of) if (step >= firstStep) past.add(step);
  const before = stepsBefore(evidence);
  const clients = new ClientPasts(evidence);
  const newest = Math.max(firstStep - 1, ...of);
  assert(newest < firstStep + steps.length, 'a past is of steps that were made');
  const add = (step: StepNumber): void => {
    if (step >= firstStep) past.add(step);
  };
  // Causes lie before what they cause, so one walk back meets all of them.
  for (let number = newest; number >= firstStep; number -= 1) {
    if (!past.has(number)) continue;
    const step = present(steps[number - firstStep], 'kept steps are dense');
    for (const cause of step.causes) add(cause);
    const own = before[number - firstStep];
    if (own !== undefined && own >= 0) add(own);
    clients.told(number, add);
  }
  return past;
}

/** By position: the step before it of its member, whichever boot that was in; -1: none. Who moves in finds empty disks. */
function stepsBefore({ steps, firstStep }: RunEvidence): Int32Array {
  const before = new Int32Array(steps.length).fill(-1);
  const last = new Map<NodeId, StepNumber>();
  for (const [position, { node, member = node }] of steps.entries()) {
    before[position] = last.get(member) ?? -1;
    last.set(member, firstStep + position);
  }
  return before;
}

/** What clients had been told when they sent what a step was given. */
class ClientPasts {
  /** Requests and the like, by the step that was given them. */
  readonly #taken = new Map<StepNumber, { readonly client: number; readonly sentUs: number }[]>();
  /** By client: what it was told, in the order of arrival. */
  readonly #told = new Map<number, Packet[]>();
  /** By client: how many of these have been counted in. */
  readonly #counted = new Map<number, number>();

  constructor({ packets }: RunEvidence) {
    for (const packet of packets) {
      const { from, to, takenBy, sentUs } = packet;
      if (from.kind === 'client' && takenBy !== undefined) {
        const taken = this.#taken.get(takenBy) ?? [];
        taken.push({ client: from.client, sentUs });
        this.#taken.set(takenBy, taken);
      }
      if (to.kind === 'client' && packet.arrivedUs !== undefined && packet.sentBy !== undefined) {
        const told = this.#told.get(to.client) ?? [];
        told.push(packet);
        this.#told.set(to.client, told);
      }
    }
    for (const told of this.#told.values()) {
      told.sort((left, right) => (left.arrivedUs ?? 0) - (right.arrivedUs ?? 0));
    }
  }

  /** Adds the steps that had told something to the clients by whom this step was given something. */
  told(step: StepNumber, add: (cause: StepNumber) => void): void {
    for (const { client, sentUs } of this.#taken.get(step) ?? []) {
      const told = this.#told.get(client) ?? [];
      let counted = this.#counted.get(client) ?? 0;
      for (; counted < told.length; counted += 1) {
        const { arrivedUs, sentBy } = present(told[counted], 'counted within');
        if ((arrivedUs ?? Infinity) > sentUs) break;
        if (sentBy !== undefined) add(sentBy);
      }
      this.#counted.set(client, counted);
    }
  }
}
