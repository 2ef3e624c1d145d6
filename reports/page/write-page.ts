import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { pageBundle } from './bundle.ts';
import { type PageData } from './page-data.ts';
import { pageHtml } from './page-html.ts';

/**
 * Writes a page: one HTML file that needs nothing else, and no network. Whoever opens the file while it is written sees the
 * one before.
 *
 * @throws RangeError for a repro of a mutant that does not exist any more, or does not fit the sources
 */
export async function writePage(file: string, data: PageData): Promise<void> {
  const mutant = data.kind === 'failure' ? data.repro.mutant : undefined;
  const html = pageHtml(data, await pageBundle(mutant));
  await mkdir(dirname(file), { recursive: true });
  const partial = `${file}.partial`;
  await writeFile(partial, html);
  await rename(partial, file);
}
