import { assert } from '../core/base/assert.ts';

const million = 1_000_000;

/** Beyond this no oscillator is: a clock that gains or loses a tenth is broken, not drifting. */
export const driftPpmMax = 100_000;

/** No wall clock is moved by more at once: ten years. */
export const wallJumpUsMax = 315_360_000_000_000;

/**
 * A node's own monotonic clock: it begins anywhere, runs a little fast or slow, and never goes back. Machines on the
 * node see nothing else.
 */
export class NodeClock {
  #fromWorldUs: number;
  #fromNodeUs: number;
  #driftPpm: number;

  constructor(start: { readonly worldUs: number; readonly nodeUs: number; readonly driftPpm: number }) {
    assertDrift(start.driftPpm);
    this.#fromWorldUs = start.worldUs;
    this.#fromNodeUs = start.nodeUs;
    this.#driftPpm = start.driftPpm;
  }

  /** What the node's clock shows at the world's time `worldUs`, which never goes back. */
  at(worldUs: number): number {
    const elapsedUs = worldUs - this.#fromWorldUs;
    assert(elapsedUs >= 0, 'time is monotonic');
    return this.#fromNodeUs + Math.floor((elapsedUs * (million + this.#driftPpm)) / million);
  }

  /** The first time of the world at which the clock shows `nodeUs` or more; `Infinity` stays what it is. */
  worldTime(nodeUs: number): number {
    if (nodeUs === Infinity) return Infinity;
    const ahead = nodeUs - this.#fromNodeUs;
    if (ahead <= 0) return this.#fromWorldUs;
    return this.#fromWorldUs + Math.ceil((ahead * million) / (million + this.#driftPpm));
  }

  /** From this time on the clock runs at another speed; what it shows does not jump. */
  drift(worldUs: number, driftPpm: number): void {
    assertDrift(driftPpm);
    this.#fromNodeUs = this.at(worldUs);
    this.#fromWorldUs = worldUs;
    this.#driftPpm = driftPpm;
  }
}

/** A machine's wall clock: it runs as fast as its oscillator, survives restarts, and may jump to another time at any moment. */
export class WallClock {
  #clock: NodeClock;
  #driftPpm: number;

  constructor(start: { readonly worldUs: number; readonly wallUs: number; readonly driftPpm: number }) {
    const { worldUs, wallUs, driftPpm } = start;
    this.#clock = new NodeClock({ worldUs, nodeUs: wallUs, driftPpm });
    this.#driftPpm = driftPpm;
  }

  /** µs since 1970, as this machine believes. */
  at(worldUs: number): number {
    return this.#clock.at(worldUs);
  }

  drift(worldUs: number, driftPpm: number): void {
    this.#driftPpm = driftPpm;
    this.#clock.drift(worldUs, driftPpm);
  }

  /** Backward where negative, never to before 1970. */
  jump(worldUs: number, byUs: number): void {
    assert(Math.abs(byUs) <= wallJumpUsMax, 'a wall clock jumps by ten years at most');
    const nodeUs = Math.max(0, this.at(worldUs) + byUs);
    this.#clock = new NodeClock({ worldUs, nodeUs, driftPpm: this.#driftPpm });
  }
}

function assertDrift(driftPpm: number): void {
  assert(Number.isSafeInteger(driftPpm), 'a drift is an integer');
  assert(Math.abs(driftPpm) <= driftPpmMax, 'a drift is at most a tenth');
}
