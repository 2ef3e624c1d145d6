import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation } from '../types.ts';

/** One life of a lease: an id may be granted again after its end. */
export interface LeaseLife {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** When the first member had applied the grant, and the end, by the world's clock. */
  readonly bornUs: number;
  readonly goneUs: number | undefined;
}

/** Up to so many leases every look is a whole one; above it is one when their number has changed. */
const lookedAtMax = 64;

/**
 * Records which leases there are, as the member has them that has applied most.
 *
 * Not seen: an end and a new grant of the same id in one turn, which look like one life; where there are many leases, for a
 * while, an end and a grant of another.
 */
export class LeaseLives implements Checker {
  readonly name = 'lease-lives';
  readonly #lives: LeaseLife[] = [];
  /** Positions of those that are not gone. */
  readonly #open = new Map<bigint, number>();
  #appliedIndex = 0;

  get lives(): readonly LeaseLife[] {
    return this.#lives;
  }

  onStep(step: StepObservation): void {
    this.#look(step.member, step.nowUs);
  }

  onRecovered(_node: NodeId, member: ChainfireMember, nowUs: number): void {
    this.#look(member, nowUs);
  }

  #look({ view }: ChainfireMember, nowUs: number): void {
    if (view.appliedIndex <= this.#appliedIndex) return;
    this.#appliedIndex = view.appliedIndex;
    const { leaseCount } = view;
    if (leaseCount === this.#open.size && (leaseCount === 0 || leaseCount > lookedAtMax)) return;
    const present = new Set<bigint>();
    for (const { id, ttlSeconds } of view.leases()) {
      present.add(id);
      if (this.#open.has(id)) continue;
      this.#open.set(id, this.#lives.push({ id, ttlSeconds, bornUs: nowUs, goneUs: undefined }) - 1);
    }
    for (const [id, position] of this.#open) {
      const life = this.#lives[position];
      if (present.has(id) || life === undefined) continue;
      this.#lives[position] = { ...life, goneUs: nowUs };
      this.#open.delete(id);
    }
  }
}
