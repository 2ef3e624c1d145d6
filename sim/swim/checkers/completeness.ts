import { type NodeId } from '../../../core/base/ids.ts';
import { Violation } from '../../types.ts';
import { type SwimChecker, type SwimGroup, type SwimStep, type WatchedSwimProcess } from '../checker.ts';
import { detectionUs } from '../plan.ts';

/**
 * Strong completeness: a member that is gone is known to be gone by every member that runs, within the time that each would need
 * by itself (`detectionUs`). A member's own time counts: one that has found itself slow probes slower.
 *
 * Not verified: what a member holds that was itself disturbed in that time, or started in it; that gossip is faster than probing
 * by oneself, which is its point (the load checker and the floors of scenarios see that there is gossip).
 */
export class SwimCompleteness implements SwimChecker {
  readonly name = 'swim-completeness';
  /** The worst health of each since the run began. */
  readonly #health = new Map<NodeId, number>();

  onStep({ process, machine, group }: SwimStep): void {
    const { node } = process;
    this.#health.set(node, Math.max(this.#health.get(node) ?? 0, machine.healthScore));
    // It changes with the steps of the one that must know.
    this.#look(process, group);
  }

  onEnd(group: SwimGroup): void {
    for (const process of group.processes) this.#look(process, group);
  }

  #look(observer: WatchedSwimProcess, group: SwimGroup): void {
    const { machine } = observer;
    if (machine === undefined) return;
    const { nowUs, options, processes } = group;
    const boundUs = detectionUs(options, processes.length, this.#health.get(observer.node) ?? 0);
    if (nowUs - observer.sinceUs < boundUs) return;
    for (const gone of processes) {
      if (gone.boot === 0 || gone.machine !== undefined || nowUs - gone.sinceUs < boundUs) continue;
      if (!machine.holdsLive(gone.name) || group.disturbed(observer.node, gone.sinceUs, nowUs)) continue;
      throw new Violation(
        this.name,
        `${observer.name} still takes ${gone.name} for a member, ${nowUs - gone.sinceUs} µs after it had gone; ` +
          `at most ${boundUs} µs are allowed`,
      );
    }
  }
}
