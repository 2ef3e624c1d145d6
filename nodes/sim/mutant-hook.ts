import { registerHooks } from 'node:module';

import { applyMutant, mutantNamed } from '../../sim/mutants.ts';

/**
 * Patches one source as it is loaded, in this thread only. The file on disk is never touched.
 *
 * @returns whether the source has been loaded, and patched, by now: a mutant that was never planted proves nothing
 */
export function installMutant(name: string): () => boolean {
  const mutant = mutantNamed(name);
  let planted = false;
  const target = new URL(`../../${mutant.file}`, import.meta.url).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== target) return loaded;
      if (loaded.source === null || loaded.source === undefined)
        throw new Error(`${mutant.file} has no source to patch`);
      const source =
        typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
      const patched = applyMutant(mutant, source);
      planted = true;
      return { ...loaded, source: patched };
    },
  });
  return () => planted;
}
