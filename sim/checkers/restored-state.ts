import { type NodeId } from '../../core/base/ids.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { type ChainfireMember, type MemberView } from '../../core/chainfire/member.ts';
import { stateDifference, stateOfMember } from '../backup/state-in-words.ts';
import { type Checker, type RunEnd, Violation } from '../types.ts';
import { type Inheritance } from './inheritance.ts';
import { type LeaseLives } from './lease-lives.ts';

/**
 * Every member of a cluster that was made from a backup starts as the backup was, its revision and what counts as compacted
 * raised by what was asked for; its log begins right behind, in the same term, empty; its members are the new ones alone, each
 * lease has its whole time to live before it, and lasts for that, unless somebody revokes it.
 *
 * Not verified: the keys (linearizability holds every answer against them).
 */
export class RestoredState implements Checker {
  readonly name = 'restored-state';
  readonly #inheritance: Inheritance | undefined;
  readonly #leases: LeaseLives;
  readonly #started = new Set<NodeId>();

  constructor(inheritance: Inheritance | undefined, leases: LeaseLives) {
    this.#inheritance = inheritance;
    this.#leases = leases;
  }

  onRecovered(node: NodeId, { view }: ChainfireMember): void {
    const inheritance = this.#inheritance;
    if (inheritance === undefined || this.#started.has(node)) return;
    this.#started.add(node);
    const wrong =
      stateDifference(inheritance.state, stateOfMember(view)) ??
      wrongLog(inheritance, view) ??
      wrongMembers(view) ??
      wrongLeases(view);
    if (wrong !== undefined) throw new Violation(this.name, `member ${node} starts with ${wrong}`, wrong);
  }

  onEnd({ history }: RunEnd): void {
    const inheritance = this.#inheritance;
    if (inheritance === undefined) return;
    const revoked = new Set<bigint>();
    for (const { request, outcome } of history) {
      if (request.kind === 'leaseRevoke' && outcome.kind !== 'refused') revoked.add(request.request.id);
    }
    for (const { id, ttlSeconds } of inheritance.leases) {
      const life = this.#leases.lives.find((one) => one.id === id);
      const untilUs = inheritance.atUs + ttlSeconds * usPerSecond;
      if (revoked.has(id) || life?.goneUs === undefined || life.goneUs >= untilUs) continue;
      const what = `lease ${id.toString(16)} of ${ttlSeconds} s went ${untilUs - life.goneUs} µs before it had lasted so long`;
      throw new Violation(this.name, `${what} in the restored cluster`, 'a lease went early');
    }
  }
}

function wrongLog({ state }: Inheritance, { raft }: MemberView): string | undefined {
  const { firstIndex, lastIndex, term } = raft;
  if (firstIndex === state.index + 1 && lastIndex === state.index && term === state.term) return undefined;
  return `a log of ${firstIndex}…${lastIndex} in term ${term}, behind entry ${state.index} of term ${state.term}`;
}

/** The members of every cluster are 1 to n when it is born. */
function wrongMembers({ raft, members, membership }: MemberView): string | undefined {
  const { voters, outgoing, learners } = raft.configuration;
  const isOwn =
    voters.every((id, position) => id === position + 1) &&
    outgoing.length + learners.length === 0 &&
    membership.change === undefined &&
    members.length === voters.length;
  return isOwn ? undefined : `members ${voters.join(', ')} of another cluster`;
}

function wrongLeases({ leases }: MemberView): string | undefined {
  const short = leases().find(({ ttlSeconds, remainingUs }) => remainingUs < ttlSeconds * usPerSecond);
  return short === undefined
    ? undefined
    : `${short.remainingUs} µs left of lease ${short.id.toString(16)} of ${short.ttlSeconds} s`;
}
