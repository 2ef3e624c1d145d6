import { type NodeId } from '../../core/base/ids.ts';
import { type OpenedBackup } from '../backup/backup.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

/**
 * A backup shows nothing older than what the member that gives it has answered to anybody before, in the life that it is in: so
 * whoever was told by this member that a write is done finds it in the backup.
 *
 * Not verified: what other members have answered, which this one may be behind of, as etcd's may; that a member goes on where it
 * was after a crash, which it does not before it has found a leader.
 */
export class BackupNotOlder implements Checker {
  readonly name = 'backup-not-older';
  /** By member: the highest revision that it has told anybody in its present life. */
  readonly #told = new Map<NodeId, number>();

  onRecovered(node: NodeId): void {
    this.#told.delete(node);
  }

  onStep({ node, effects }: StepObservation): void {
    for (const effect of effects) {
      if (effect.kind !== 'reply' || effect.response.kind === 'refused') continue;
      const revision = effect.response.response.header?.revision ?? 0;
      if (revision > (this.#told.get(node) ?? 0)) this.#told.set(node, revision);
    }
  }

  onBackupOpened({ node, applied }: OpenedBackup): void {
    const told = this.#told.get(node) ?? 0;
    if (applied.revision >= told) return;
    throw new Violation(
      this.name,
      `a backup of member ${node} is of revision ${applied.revision}; it had answered with ${told} before`,
    );
  }
}
