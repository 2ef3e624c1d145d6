import { type NodeId } from '../../core/base/ids.ts';
import { type ResponseHeader } from '../../core/chainfire/api/kv.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

/**
 * What a member's answers say of its own state: a response never carries a revision above the one that the member has come
 * to, and in one life of a member the revisions of its answers to reads never fall, whatever consistency they asked for, so
 * that serializable and local reads form a prefix.
 *
 * Not verified: that the rows are those of the revision (linearizability, serializable-reads); that a member goes on where it
 * was after a crash, which a local read need not.
 */
export class MemberAnswers implements Checker {
  readonly name = 'member-answers';
  /** By member: the highest revision that a read was answered with in its present life. */
  readonly #shown = new Map<NodeId, number>();

  onRecovered(node: NodeId): void {
    this.#shown.delete(node);
  }

  onStep({ node, member, effects }: StepObservation): void {
    for (const effect of effects) {
      if (effect.kind !== 'reply') continue;
      const revision = headerOf(effect.response)?.revision;
      if (revision !== undefined) this.#require(node, member, effect.response, revision);
    }
  }

  #require(node: NodeId, member: ChainfireMember, response: MemberResponse, revision: number): void {
    const { view } = member;
    if (revision > view.revision) {
      throw new Violation(
        this.name,
        `member ${node} answers a ${response.kind} with revision ${revision}, and has come to ${view.revision}`,
      );
    }
    if (response.kind !== 'range') return;
    const before = this.#shown.get(node) ?? 0;
    if (revision < before) {
      throw new Violation(
        this.name,
        `member ${node} answers a read with revision ${revision}, after one with ${before}`,
      );
    }
    this.#shown.set(node, revision);
  }
}

function headerOf(response: MemberResponse): ResponseHeader | undefined {
  return response.kind === 'refused' ? undefined : response.response.header;
}
