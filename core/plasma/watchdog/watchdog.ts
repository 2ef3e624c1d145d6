import { type Machine } from '../../base/machine.ts';
import { type WatchdogConfig, type WatchdogEffect, type WatchdogEvent } from './protocol.ts';

/**
 * Kills the virtual machines of a node that must not outlive its lease, each at its deadline, unless the agent has put that
 * off by then. It needs nothing of anybody for it.
 */
export class Watchdog implements Machine<WatchdogEvent, WatchdogEffect> {
  readonly #config: WatchdogConfig;

  constructor(config: WatchdogConfig) {
    this.#config = config;
  }

  get deadlineUs(): number {
    return Infinity;
  }

  step(_event: WatchdogEvent, _nowUs: number): readonly WatchdogEffect[] {
    throw new Error(`not there yet: ${JSON.stringify(this.#config)}`);
  }
}
