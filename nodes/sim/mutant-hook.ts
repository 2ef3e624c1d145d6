import { registerHooks } from 'node:module';

import { patchesOf } from '../../sim/mutant.ts';
import { applyPatches, mutantNamed } from '../../sim/mutants.ts';

/**
 * Patches sources as they are loaded, in this thread only. The files on disk are never touched.
 *
 * @returns names the sources that have not been loaded, and patched, by now: a mutant that was never planted proves nothing
 */
export function installMutants(names: readonly string[]): () => readonly string[] {
  const targets = new Map<string, string>();
  const chosen = names.map(mutantNamed);
  for (const { file } of chosen.flatMap(patchesOf)) {
    targets.set(new URL(`../../${file}`, import.meta.url).href, file);
  }
  const missing = new Set(targets.values());
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const file = targets.get(url);
      if (file === undefined) return loaded;
      if (loaded.source === null || loaded.source === undefined)
        throw new Error(`${file} has no source to patch`);
      let source =
        typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
      for (const mutant of chosen) source = applyPatches(mutant, file, source);
      missing.delete(file);
      return { ...loaded, source };
    },
  });
  return () => [...missing];
}
