import { type NodeId } from '../core/base/ids.ts';
import { alarmActions } from '../core/chainfire/api/cluster.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import { type Checker, type RunEnd, type StepObservation } from './types.ts';

/** What a run did about alarms. Watches like a checker and never complains: these figures are for floors. */
export class AlarmMeter implements Checker {
  readonly name = 'alarm-exercise';
  refusedForSpace = 0;
  refusedAsCorrupt = 0;
  alarmsDisarmed = 0;
  /** Comparisons of the members that all of them have reported on. */
  comparisons = 0;
  /** Members that a comparison has named. */
  membersNamed = 0;
  readonly #compared = new Set<number>();
  readonly #named = new Set<NodeId>();

  onStep({ member }: StepObservation): void {
    this.#look(member);
  }

  onEnd(end: RunEnd): void {
    for (const { request, outcome } of end.history) {
      if (outcome.kind === 'refused' && outcome.refusal.code === 'NO_SPACE') this.refusedForSpace += 1;
      if (outcome.kind === 'refused' && outcome.refusal.code === 'CORRUPT') this.refusedAsCorrupt += 1;
      if (request.kind !== 'alarm' || request.request.action !== alarmActions.deactivate) continue;
      if (outcome.kind !== 'answered' || outcome.response.kind !== 'alarm') continue;
      this.alarmsDisarmed += outcome.response.response.alarms.length;
    }
  }

  #look({ view }: ChainfireMember): void {
    const { index, reports, blamed } = view.checks.check;
    for (const id of blamed) this.#named.add(id as NodeId);
    this.membersNamed = this.#named.size;
    if (index === 0 || reports.length < view.members.length || this.#compared.has(index)) return;
    this.#compared.add(index);
    this.comparisons += 1;
  }
}
