import { type NodeId } from '../../core/base/ids.ts';
import { nameOfAlarm } from '../../core/chainfire/alarm/alarm-state.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

/**
 * Members that have applied up to the same index have the same alarms, restarts and installed snapshots included.
 *
 * Not verified: indexes at which one member alone ever pauses; why an alarm was raised.
 */
export class AlarmsAgree implements Checker {
  readonly name = 'alarms-agree';
  readonly #alarms = new Map<number, { readonly node: NodeId; readonly alarms: string }>();
  readonly #lastSeen = new Map<NodeId, number>();

  onStep(step: StepObservation): void {
    this.#look(step.node, step.member);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#lastSeen.delete(node);
    this.#look(node, member);
  }

  #look(node: NodeId, { view }: ChainfireMember): void {
    const { appliedIndex } = view;
    if (this.#lastSeen.get(node) === appliedIndex) return;
    this.#lastSeen.set(node, appliedIndex);
    const alarms = view
      .alarms()
      .map(({ memberId, alarm }) => `${nameOfAlarm(alarm)} of ${memberId}`)
      .join(', ');
    const other = this.#alarms.get(appliedIndex);
    if (other === undefined) this.#alarms.set(appliedIndex, { node, alarms });
    else if (other.alarms !== alarms) {
      throw new Violation(
        this.name,
        `at index ${appliedIndex} member ${other.node} has the alarms [${other.alarms}], member ${node} has [${alarms}]`,
      );
    }
  }
}
