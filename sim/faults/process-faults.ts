import { unreachable } from '../../core/base/assert.ts';
import { type Prng } from '../../core/base/prng.ts';
import { type CrashMoment, type CrashScope } from '../fault.ts';
import { type FaultOf, momentPatienceUs } from './scene.ts';
import { type FaultedProcess, type FaultStage } from './stage.ts';

export type ProcessFault = FaultOf<'crash' | 'crashAll' | 'pause'>;

/** A crash that waits for its moment strikes within this time after it: a sync takes about so long. */
const syncStrikeUsMax = 2_000;

/** Processes that end, or stop for a while. */
export class ProcessFaults {
  readonly #scene: FaultStage;
  /** Crashes that wait for a moment; each takes itself back. */
  readonly #waiting = new Set<() => void>();

  constructor(scene: FaultStage) {
    this.#scene = scene;
  }

  begin(fault: ProcessFault, prng: Prng): void {
    switch (fault.kind) {
      case 'crash':
        this.#crash(fault, prng);
        break;
      case 'crashAll':
        this.#crashAll(fault);
        break;
      case 'pause':
        this.#pause(fault);
        break;
      default:
        unreachable(fault);
    }
  }

  end(): void {
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
  }

  #crash(fault: FaultOf<'crash'>, prng: Prng): void {
    const process = this.#scene.cluster.process(fault.node);
    const scope = fault.scope ?? 'machine';
    if (fault.moment === undefined) {
      if (process.alive) this.#strike(fault, process, scope);
      return;
    }
    const { moment } = fault;
    const waiting = process.crashAt(moment, () => {
      this.#waiting.delete(waiting);
      this.#strikeAt(moment, prng, () => {
        if (process.alive && !this.#scene.over) this.#strike(fault, process, scope);
      });
    });
    this.#waiting.add(waiting);
    this.#scene.world.after(momentPatienceUs, () => {
      if (this.#waiting.delete(waiting)) waiting();
    });
  }

  /** While a sync is under way any time is as good as another; after an installation it is now or never. */
  #strikeAt(moment: CrashMoment, prng: Prng, strike: () => void): void {
    if (moment === 'installing') strike();
    else this.#scene.world.after(prng.below(syncStrikeUsMax), strike);
  }

  #strike(fault: FaultOf<'crash'>, process: FaultedProcess, scope: CrashScope): void {
    const when = fault.moment === undefined ? '' : `, ${fault.moment}`;
    this.#scene.fire(fault, `crash of n${process.node} (${scope}${when})`);
    process.crash(scope);
    this.#scene.startLater(process, fault.downUs);
  }

  #crashAll(fault: FaultOf<'crashAll'>): void {
    const alive = this.#scene.cluster.processes.filter((process) => process.alive);
    if (alive.length === 0) return;
    this.#scene.fire(fault, 'crash of every member');
    for (const process of alive) {
      process.crash(fault.scope ?? 'machine');
      this.#scene.startLater(process, fault.downUs);
    }
  }

  #pause(fault: FaultOf<'pause'>): void {
    const process = this.#scene.cluster.process(fault.node);
    if (!process.pause()) return;
    this.#scene.fire(fault, `pause of n${fault.node}`);
    const { boot } = process;
    this.#scene.world.after(fault.forUs, () => {
      if (process.boot === boot) process.resume();
    });
  }
}
