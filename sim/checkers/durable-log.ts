import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type RaftView } from '../../core/raft/types.ts';
import { type Checker, type StepObservation, type SyncObservation, Violation } from '../types.ts';
import { type Released, ReleasedMessages } from './released-messages.ts';

interface Claim {
  readonly index: number;
  readonly term: number;
}

interface Durable {
  released: ReleasedMessages;
  /** The newest entry that the member has called durable and that nothing has legitimately replaced. */
  claim: Claim;
  /** Up to here nothing is owed: its disk was damaged while it ran on, and what it calls durable it may not find again. */
  forgivenIndex: number;
}

const nothing: Claim = { index: 0, term: 0 };

/**
 * What a member called durable is there after a restart: the log up to its synced index, and up to every index that it
 * acknowledged to a leader. An entry that a newer leader replaced is no longer owed.
 *
 * Not verified: members that come back knowing that their log is damaged (`repairing`), and those whose disk the simulator
 * has damaged, which cannot always know: leader-completeness sees whether the cluster has kept what they lost.
 */
export class DurableLog implements Checker {
  readonly name = 'durable-log';
  readonly #durable = new Map<NodeId, Durable>();

  onStep(step: StepObservation): void {
    this.#claim(step.node, step.member.view.raft, this.#of(step.node).released.stepped(step.effects));
  }

  onSynced({ node, syncSeq, member }: SyncObservation): void {
    this.#claim(node, member.view.raft, this.#of(node).released.synced(syncSeq));
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    const durable = this.#of(node);
    durable.released = new ReleasedMessages();
    const { claim } = durable;
    const raft = member.view.raft;
    if (!raft.repairing && !holds(raft, claim)) {
      throw new Violation(
        this.name,
        `member ${node} had called entry ${claim.index} of term ${claim.term} durable; after a restart its log ends at ` +
          `${raft.lastIndex} and holds term ${String(raft.termAt(claim.index))} there`,
      );
    }
    durable.claim = { index: raft.syncedIndex, term: raft.termAt(raft.syncedIndex) ?? 0 };
    durable.forgivenIndex = 0;
  }

  onDamaged(node: NodeId): void {
    const durable = this.#of(node);
    durable.forgivenIndex = Math.max(durable.forgivenIndex, durable.claim.index);
    durable.claim = nothing;
  }

  #claim(node: NodeId, raft: RaftView, released: readonly Released[]): void {
    const durable = this.#of(node);
    let index = raft.syncedIndex;
    for (const { message } of released) {
      if (message.kind === 'appendResponse' && !message.rejected && message.term === raft.term) {
        index = Math.max(index, message.index);
      }
    }
    this.#dropReplaced(durable, raft);
    if (index <= Math.max(durable.claim.index, durable.forgivenIndex)) return;
    if (index > raft.lastIndex) {
      throw new Violation(
        this.name,
        `member ${node} calls entry ${index} durable, and its log ends at ${raft.lastIndex}`,
      );
    }
    durable.claim = { index, term: raft.termAt(index) ?? 0 };
  }

  #of(node: NodeId): Durable {
    let durable = this.#durable.get(node);
    if (durable === undefined) {
      durable = { released: new ReleasedMessages(), claim: nothing, forgivenIndex: 0 };
      this.#durable.set(node, durable);
    }
    return durable;
  }

  /** A newer leader may replace what was durable here and not committed: the claim shrinks with the log. */
  #dropReplaced(durable: Durable, raft: RaftView): void {
    if (holds(raft, durable.claim)) return;
    const index = Math.min(durable.claim.index - 1, raft.lastIndex, raft.syncedIndex);
    durable.claim = index > durable.forgivenIndex ? { index, term: raft.termAt(index) ?? 0 } : nothing;
  }
}

function holds(raft: RaftView, claim: Claim): boolean {
  if (claim.index < raft.firstIndex) return true;
  return claim.index <= raft.lastIndex && raft.termAt(claim.index) === claim.term;
}
