import { type FaultOf, type FaultScene } from './scene.ts';

export type ClockFault = FaultOf<'clockDrift'>;

/** Clocks that show something else than the world's time. */
export class ClockFaults {
  readonly #scene: FaultScene;

  constructor(scene: FaultScene) {
    this.#scene = scene;
  }

  begin(fault: ClockFault): void {
    const process = this.#scene.cluster.process(fault.node);
    process.drift(fault.driftPpm);
    if (process.alive) {
      this.#scene.fire(fault, `clock of n${fault.node} drifts by ${fault.driftPpm} ppm`);
    }
  }
}
