import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { driftPpmMax } from '../clock.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { type Inheritance } from './inheritance.ts';
import { type Truth } from './truth.ts';

const million = 1_000_000;

/**
 * Compaction that no client has asked for leaves what the cluster is told to keep: by time, what could be read a retention ago
 * can still be read; by revisions, so many below the newest that any member has come to.
 *
 * Not verified: that anything is compacted at all (floors of scenarios ask for that); compaction up to a revision that some
 * client has asked for too; a retention by time to the last tenth, since no clock is worse than that.
 */
export class RetainedHistory implements Checker {
  readonly name = 'retained-history';
  readonly #truth: Truth;
  /** Revisions that clients have asked members to compact to. */
  readonly #asked = new Set<number>();
  #judged: number;

  constructor(truth: Truth, inheritance?: Inheritance) {
    this.#truth = truth;
    this.#judged = inheritance?.state.compactRevision ?? 0;
  }

  onStep({ event, member, node, nowUs }: StepObservation): void {
    if (event.kind === 'requested' && event.request.kind === 'compact') {
      this.#asked.add(event.request.request.revision);
    }
    this.#look(node, member, nowUs);
  }

  onRecovered(node: NodeId, member: ChainfireMember, nowUs: number): void {
    this.#look(node, member, nowUs);
  }

  /** The first member that has compacted so far is the one to ask: later ones apply the same entry. */
  #look(node: NodeId, { view }: ChainfireMember, nowUs: number): void {
    const { compactRevision, autoCompaction } = view;
    if (compactRevision <= this.#judged) return;
    this.#judged = compactRevision;
    if (autoCompaction === undefined || this.#asked.has(compactRevision) || !this.#truth.isComplete) return;
    if ('revisions' in autoCompaction) {
      const kept = this.#truth.revision - compactRevision;
      if (kept >= autoCompaction.revisions) return;
      throw this.#violation(node, compactRevision, `${kept} revisions`, `${autoCompaction.revisions}`);
    }
    const change = this.#truth.changeAt(compactRevision);
    if (change === undefined) return;
    const agoUs = nowUs - change.atUs;
    const { retentionUs } = autoCompaction;
    if (agoUs >= Math.floor((retentionUs * million) / (million + driftPpmMax))) return;
    throw this.#violation(node, compactRevision, `what happened ${agoUs} µs ago`, `${retentionUs} µs`);
  }

  #violation(node: NodeId, revision: number, kept: string, wanted: string): Violation {
    return new Violation(
      this.name,
      `member ${node} has compacted to ${revision}, which no client has asked for: of ${wanted} that are to be kept ` +
        `there is left but ${kept}`,
      'compacted too far',
    );
  }
}
