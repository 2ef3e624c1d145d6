import { type NodeId } from '../../core/base/ids.ts';
import { alarmTypes } from '../../core/chainfire/api/cluster.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

interface Seen {
  readonly changes: number;
  readonly nospace: boolean;
  readonly corrupt: boolean;
  readonly puts: number;
  readonly grants: number;
  readonly revision: number;
  readonly compactRevision: number;
}

/**
 * What an alarm forbids does not happen while it stands, on any member: under NOSPACE no key is put and no lease granted, under
 * CORRUPT nothing changes keys or compacts them.
 *
 * Not verified: steps in which alarms change, since what was applied before and behind the change cannot be told apart; that
 * what is refused is refused for a reason (floors ask for answers).
 */
export class AlarmsHeeded implements Checker {
  readonly name = 'alarms-heeded';
  readonly #seen = new Map<NodeId, Seen>();

  onStep({ node, member, event }: StepObservation): void {
    const before = this.#seen.get(node);
    const now = look(member);
    this.#seen.set(node, now);
    if (before === undefined || before.changes !== now.changes || event.kind === 'snapshotReceived') return;
    if (now.nospace && (now.puts > before.puts || now.grants > before.grants)) {
      throw new Violation(this.name, `member ${node} has applied a put or a grant while NOSPACE stood`);
    }
    const hasMoved = now.revision !== before.revision || now.compactRevision !== before.compactRevision;
    if (now.corrupt && hasMoved) {
      throw new Violation(this.name, `member ${node} has applied a change of its keys while CORRUPT stood`);
    }
  }

  onRecovered(node: NodeId): void {
    this.#seen.delete(node);
  }
}

function look({ view }: ChainfireMember): Seen {
  const alarms = view.alarms();
  return {
    changes: view.alarmChanges,
    nospace: alarms.some(({ alarm }) => alarm === alarmTypes.nospace),
    corrupt: alarms.some(({ alarm }) => alarm === alarmTypes.corrupt),
    puts: view.applied.puts,
    grants: view.applied.leasesGranted,
    revision: view.revision,
    compactRevision: view.compactRevision,
  };
}
