import { describe, expect, test } from 'vitest';

import { pageBundle } from '../../../reports/page/bundle.ts';
import { mutantNamed } from '../../../sim/mutants.ts';

const scriptBytesMax = 1_500_000;

describe("the page's code", () => {
  test('is one script that is made once, below 1.5 MB, and knows no Node module', async () => {
    const first = pageBundle(undefined);
    expect(pageBundle(undefined)).toBe(first);
    const { script, styles } = await first;
    expect(script.length).toBeLessThan(scriptBytesMax);
    expect(script).not.toMatch(/require\(["']|from\s*["']node:|\bimport\s*\(/u);
    expect(styles).toContain('.scrubber');
    expect(styles).toContain('.uplot');
    expect(styles).not.toMatch(/url\(|@import/u);
  });

  test('carries the planted bug of the failure that it shows', async () => {
    const mutant = mutantNamed('vote-before-durable');
    const [own, mutated] = await Promise.all([pageBundle(undefined), pageBundle(mutant.name)]);
    expect(mutated.script).not.toBe(own.script);
    expect(Math.abs(mutated.script.length - own.script.length)).toBeLessThan(5_000);
  });

  test('of a bug that does not exist is refused by name', async () => {
    await expect(pageBundle('no-such-bug')).rejects.toThrow('no-such-bug');
  });
});
