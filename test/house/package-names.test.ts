import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);

interface Target {
  readonly 'photon-source': string;
  readonly types: string;
  readonly default: string;
}

test('a name of the package leads to one file, as it is in a checkout and as it is built', () => {
  const { exports: names } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    exports: Readonly<Record<string, string | Target>>;
  };
  const targets = Object.values(names).filter((target) => typeof target !== 'string');
  expect(targets.length).toBeGreaterThan(1);
  for (const target of targets) {
    const source = target['photon-source'];
    expect(existsSync(new URL(source, root)), source).toBe(true);
    const built = source.replace('./', './dist/').replace(/\.ts$/, '');
    expect(target).toEqual({ 'photon-source': source, types: `${built}.d.ts`, default: `${built}.js` });
    // What comes first counts: sources before what was built of them, types before the code they are of.
    expect(Object.keys(target)).toEqual(['photon-source', 'types', 'default']);
  }
});
