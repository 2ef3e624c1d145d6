import { unreachable } from '../../core/base/assert.ts';
import { type FaultOf } from './scene.ts';
import { type FaultStage } from './stage.ts';

export type ClockFault = FaultOf<'clockDrift' | 'wallJump'>;

/** Clocks that show something else than the world's time. */
export class ClockFaults {
  readonly #scene: FaultStage;

  constructor(scene: FaultStage) {
    this.#scene = scene;
  }

  begin(fault: ClockFault): void {
    switch (fault.kind) {
      case 'clockDrift':
        this.#drift(fault);
        break;
      case 'wallJump':
        this.#jump(fault);
        break;
      default:
        unreachable(fault);
    }
  }

  #drift(fault: FaultOf<'clockDrift'>): void {
    const process = this.#scene.cluster.process(fault.node);
    process.drift(fault.driftPpm);
    if (process.alive) this.#scene.fire(fault, `clock of n${fault.node} drifts by ${fault.driftPpm} ppm`);
  }

  /** A process that is down finds another time when it starts, which tells it nothing. */
  #jump(fault: FaultOf<'wallJump'>): void {
    const process = this.#scene.cluster.process(fault.node);
    const byUs = fault.direction === 'forward' ? fault.byUs : -fault.byUs;
    process.jumpWall(byUs);
    if (process.alive) this.#scene.fire(fault, `wall clock of n${fault.node} jumps by ${byUs} µs`);
  }
}
