import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'rolldown';

import { patchesOf } from '../../sim/mutant.ts';
import { applyPatches, mutantNamed } from '../../sim/mutants.ts';

/** What every page of one build shares: one script that shows it and runs the simulator in it, and its styles. */
export interface PageBundle {
  readonly script: string;
  readonly styles: string;
}

/** By mutant: a process that writes many pages bundles once for each. */
const bundles = new Map<string, Promise<PageBundle>>();

/**
 * The page's code with core, sim and scenarios in it, as they are on disk now.
 *
 * @param mutant the planted bug that the page's own runs must have too
 * @throws RangeError for a name that is not in the table, or an anchor that does not fit
 */
export function pageBundle(mutant: string | undefined): Promise<PageBundle> {
  const key = mutant ?? '';
  let bundle = bundles.get(key);
  if (bundle === undefined) {
    bundle = makeBundle(mutant);
    bundles.set(key, bundle);
  }
  return bundle;
}

async function makeBundle(mutant: string | undefined): Promise<PageBundle> {
  const [script, styles, chartStyles] = await Promise.all([
    makeScript(mutant),
    readFile(new URL('./client/styles.css', import.meta.url), 'utf8'),
    readFile(new URL(import.meta.resolve('uplot/dist/uPlot.min.css')), 'utf8'),
  ]);
  return { script, styles: `${chartStyles}\n${styles}` };
}

async function makeScript(mutant: string | undefined): Promise<string> {
  // Loaded here and not above: the bundler is native code, and most of what the command line does needs no page.
  const { rolldown } = await import('rolldown');
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const planting = mutant === undefined ? undefined : plantMutant(mutant);
  const build = await rolldown({
    input: fileURLToPath(new URL(`./client/main.${extension}`, import.meta.url)),
    platform: 'browser',
    plugins: planting === undefined ? [] : [planting.plugin],
    // How long the build took says nothing about what it made.
    checks: { bundlerTimings: false },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`the page's code does not bundle cleanly: ${log.message}`);
    },
  });
  try {
    const { output } = await build.generate({ format: 'iife', minify: true });
    const [chunk, ...others] = output;
    if (others.length > 0)
      throw new Error(`the page's code came out in ${1 + others.length} pieces, not in one`);
    const missing = planting?.missing() ?? [];
    if (missing.length > 0)
      throw new Error(`mutant ${mutant ?? ''} was not planted: the page does not load ${missing.join(', ')}`);
    return chunk.code;
  } finally {
    await build.close();
  }
}

function plantMutant(name: string): { readonly plugin: Plugin; readonly missing: () => readonly string[] } {
  const mutant = mutantNamed(name);
  const files = new Map(
    patchesOf(mutant).map(({ file }) => [fileURLToPath(new URL(`../../${file}`, import.meta.url)), file]),
  );
  const missing = new Set(files.values());
  return {
    missing: () => [...missing],
    plugin: {
      name: 'plant-mutant',
      load: async (id) => {
        const file = files.get(id);
        if (file === undefined) return null;
        const code = applyPatches(mutant, file, await readFile(id, 'utf8'));
        missing.delete(file);
        return { code, moduleType: 'ts' };
      },
    },
  };
}
