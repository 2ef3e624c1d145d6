import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

import { readRepro } from '../../nodes/sim/repro-files.ts';
import { configurationDifferences } from '../../reports/evidence/configuration.ts';
import { type PageData } from '../../reports/page/page-data.ts';
import { writePage } from '../../reports/page/write-page.ts';
import { type Repro } from '../../sim/repro.ts';
import { passingPage } from './report-page-subjects.ts';

/**
 * Makes the pictures of docs/report-page.md again: `node test/interop/report-page-pictures.ts`. With files of repros after it,
 * a picture of each instead: docs/images/NAME.png for NAME.repro.json.
 */
const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));
/** A failure that was shrunk, with the bug that it is of. */
const shrunk = fileURLToPath(new URL('../sim/repros/term-not-persisted.json', import.meta.url));
const size = { width: 1_600, height: 1_250 };

const folder = await mkdtemp(join(tmpdir(), 'photon-pictures-'));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  await mkdir(images, { recursive: true });
  const files = process.argv.slice(2);
  if (files.length === 0) {
    await picture(browser, 'report-failure', failurePage(readRepro(shrunk), 'one.repro.json'));
    await picture(browser, 'report-run', passingPage());
  }
  for (const file of files) {
    const name = file.replace(/^.*\//u, '').replace(/(?:\.repro)?\.json$/u, '');
    await picture(browser, name, failurePage(readRepro(file), `${name}.repro.json`));
  }
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}

async function picture(inBrowser: Browser, name: string, data: PageData): Promise<void> {
  const file = join(folder, `${name}.html`);
  await writePage(file, data);
  const page = await inBrowser.newPage({ viewport: size, colorScheme: 'light' });
  await page.goto(pathToFileURL(file).href);
  await page.locator('.state-panel[aria-busy="false"], .slowest').first().waitFor({ timeout: 120_000 });
  await page.screenshot({ path: join(images, `${name}.png`) });
  await page.close();
  process.stdout.write(`docs/images/${name}.png\n`);
}

function failurePage(repro: Repro, file: string): PageData {
  return {
    kind: 'failure',
    repro,
    configuration: configurationDifferences(repro.scenario),
    replayCommand: `npx photon sim replay ${file}`,
  };
}
