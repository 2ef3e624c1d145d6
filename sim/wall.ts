/* eslint-disable no-restricted-globals -- This file stands between a run and the outside world: to take the
   wall clock and foreign randomness away, it has to reach for them, once, here. */

/** Something in a run asked the outside world for time or randomness: the run could not be repeated. */
export class WallBreached extends Error {
  override readonly name = 'WallBreached';
}

/**
 * Runs `body` in a world without wall time and without randomness but the seed's: `Date`, `performance.now`,
 * `Math.random` and `crypto` throw while it runs, and are as before when it has ended, however it ended. Runs may nest.
 */
export function behindWall<T>(body: () => T): T {
  const takenAway = [
    replace(globalThis, 'Date', brokenDate()),
    replace(Math, 'random', thrower('Math.random')),
    ...replaceMethods('performance', ['now', 'timeOrigin']),
    ...replaceMethods('crypto', ['getRandomValues', 'randomUUID', 'subtle']),
  ];
  try {
    return body();
  } finally {
    for (const restore of takenAway.reverse()) restore();
  }
}

type Restore = () => void;

function replaceMethods(owner: 'performance' | 'crypto', names: readonly string[]): readonly Restore[] {
  const object = (globalThis as unknown as Record<string, object | undefined>)[owner];
  if (object === undefined) return [];
  return names.map((name) => replace(object, name, thrower(`${owner}.${name}`)));
}

/** An own property that hides whatever the object or its prototype has under the name. */
function replace(object: object, name: string, value: unknown): Restore {
  const before = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, before);
  };
}

function brokenDate(): unknown {
  return new Proxy(Date, {
    construct(target, parameters: unknown[]) {
      if (parameters.length === 0) throw new WallBreached('new Date()');
      return Reflect.construct(target, parameters) as object;
    },
    apply() {
      throw new WallBreached('Date()');
    },
    get(target, name) {
      if (name === 'now') return thrower('Date.now');
      return Reflect.get(target, name) as unknown;
    },
  });
}

function thrower(what: string): () => never {
  return () => {
    throw new WallBreached(`${what} while a run is under way: it could not be repeated`);
  };
}
