import { type PlasmaChecker } from '../checker.ts';
import { NeverTwice } from './never-twice.ts';

const makers: readonly (() => PlasmaChecker)[] = [() => new NeverTwice()];

export const plasmaCheckerNames: readonly string[] = makers.map((make) => make().name);

/** Fresh ones: a checker remembers a run. @throws RangeError for a name that is none */
export function createPlasmaCheckers(names: readonly string[] | 'all' = 'all'): readonly PlasmaChecker[] {
  const all = makers.map((make) => make());
  if (names === 'all') return all;
  return names.map((name) => {
    const found = all.find((checker) => checker.name === name);
    if (found === undefined)
      throw new RangeError(`no checker is called ${name}; there are ${plasmaCheckerNames.join(', ')}`);
    return found;
  });
}
