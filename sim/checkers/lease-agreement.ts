import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type RunEnd, type StepObservation, Violation } from '../types.ts';

interface Shown {
  readonly node: NodeId;
  readonly leases: string;
}

/** Above so many leases members are compared at one index in so many. */
const everyIndexMax = 64;
const stride = 16;

/**
 * Members that have applied up to the same index have the same leases: ids, times to live, the entries that last renewed
 * them, restarts and installed snapshots included. A lease is part of the replicated state, when it is overdue is not.
 *
 * Not verified: what is left of a lease, which each member counts by its own clock (lease-not-early holds them to that);
 * indexes at which only one member ever paused; where there are many leases, most indexes.
 */
export class LeaseAgreement implements Checker {
  readonly name = 'lease-agreement';
  readonly #shown = new Map<number, Shown>();
  readonly #lastSeen = new Map<NodeId, number>();

  onStep(step: StepObservation): void {
    this.#look(step.node, step.member);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#lastSeen.delete(node);
    this.#look(node, member);
  }

  onEnd(end: RunEnd): void {
    for (const [node, member] of end.members) this.#compare(node, member);
  }

  #look(node: NodeId, member: ChainfireMember): void {
    const { appliedIndex, leaseCount } = member.view;
    if (this.#lastSeen.get(node) === appliedIndex) return;
    this.#lastSeen.set(node, appliedIndex);
    if (leaseCount > everyIndexMax && appliedIndex % stride !== 0) return;
    this.#compare(node, member);
  }

  #compare(node: NodeId, member: ChainfireMember): void {
    const { appliedIndex } = member.view;
    const leases = describeLeases(member);
    const other = this.#shown.get(appliedIndex);
    if (other === undefined) this.#shown.set(appliedIndex, { node, leases });
    else if (other.leases !== leases) {
      throw new Violation(
        this.name,
        `at index ${appliedIndex} member ${other.node} had the leases ${other.leases || 'none'}; member ${node} has ` +
          (leases || 'none'),
      );
    }
  }
}

function describeLeases({ view }: ChainfireMember): string {
  if (view.leaseCount === 0) return '';
  return view
    .leases()
    .map(({ id, ttlSeconds, renewedIndex }) => `${id.toString(16)} (${ttlSeconds} s, entry ${renewedIndex})`)
    .join(', ');
}
