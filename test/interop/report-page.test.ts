import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { replayRecording } from '../../adapters/recorder/replay-recording.ts';
import { listSegments } from '../../adapters/recorder/ring.ts';
import { memberReplayKit } from '../../nodes/chainfire/member-replay-kit.ts';
import { recordingPage as recordingPageOf } from '../../nodes/sim/recording-page.ts';
import { type PageData } from '../../reports/page/page-data.ts';
import { writePage } from '../../reports/page/write-page.ts';
import { decodeRepro, encodeRepro } from '../../sim/repro-file.ts';
import { type Repro } from '../../sim/repro.ts';
import { RecordedMember, makeDirectory } from '../adapters/recorder/recorded-member.ts';
import { ask } from '../core/chainfire/requests.ts';
import { failingRun, passingPage, recordingPage, statesInNode, tableLines } from './report-page-subjects.ts';
import { describeWith } from './requirement.ts';

const waitMs = 60_000;

describeWith(['chromium'], 'a report page in a browser, from a file', () => {
  let folder: string;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let repro: Repro;
  let decisive: number;
  /** What a page must never do. */
  let faults: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'photon-page-'));
    ({ repro, decisive } = await failingRun());
    await writePage(join(folder, 'failure.html'), failurePage(repro));
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1_600, height: 1_000 } });
    page = await context.newPage();
    page.setDefaultTimeout(waitMs);
    faults = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        faults.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`threw: ${error.message}`));
    context.on('request', (request) => {
      if (!/^(?:file|blob):/u.test(request.url())) faults.push(`asked the network for ${request.url()}`);
    });
  });

  afterEach(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });

  async function open(name: string, data?: PageData): Promise<void> {
    const file = join(folder, name);
    if (data !== undefined) await writePage(file, data);
    await page.goto(pathToFileURL(file).href);
  }

  async function openFailure(): Promise<void> {
    await open('failure.html');
    await settled();
  }

  /** The states are those of the chosen step. @returns its number */
  async function settled(): Promise<number> {
    const text = await page.getByTestId('cursor').textContent();
    const step = Number(/^step (\d+) /u.exec(text ?? '')?.[1]);
    await page.locator(`.state-panel[data-step="${step}"][aria-busy="false"]`).waitFor();
    return step;
  }

  async function shownStates(): Promise<readonly string[]> {
    const rows = await page.locator('.state tbody tr').allInnerTexts();
    return rows.map((row) => row.replaceAll(/\s+/gu, ' ').trim());
  }

  function count(locator: Locator): Promise<number> {
    return locator.textContent().then((text) => Number((text ?? '').replaceAll(/\D/gu, '')));
  }

  test('says what was violated and why, how to see it again, and that its own run has the same hash', async () => {
    await openFailure();
    await expectText(page.locator('.verdict')).toContain(repro.violation.invariant);
    await expectText(page.locator('h1')).toContain('at most one candidate in a term');
    await expectText(page.locator('.facts')).toContain(repro.hash);
    await expectText(page.getByTestId('hash-verdict')).toContain("the same in this page's own run");
    await expectText(page.locator('.facts .command')).toContain('npx photon sim replay one.repro.json');
    await expectText(page.locator('.schedule h2')).toContain(
      `${repro.scenario.faults.length} of ${repro.original?.faults.length} faults are enough`,
    );
    expect(await page.locator('.schedule tbody tr').count()).toBe(repro.original?.faults.length);
  });

  test('scrubs: every node is at each step as Node computes it', async () => {
    await openFailure();
    const visited = new Map<number, readonly string[]>();
    const slider = page.getByRole('slider', { name: 'Step' });
    await slider.focus();
    for (const key of ['Home', 'PageUp', 'ArrowRight', 'ArrowRight', 'End', 'ArrowLeft', 'ArrowLeft']) {
      await page.keyboard.press(key);
      const step = await settled();
      visited.set(step, await shownStates());
    }
    expect(visited.size).toBeGreaterThanOrEqual(6);
    // Several steps of one turn may leave everything as it is, but not most of them.
    expect(new Set([...visited.values()].map((lines) => lines.join('\n'))).size).toBeGreaterThanOrEqual(4);
    const steps = [...visited.keys()];
    const states = await statesInNode(repro, steps);
    for (const [index, step] of steps.entries())
      expect({ step, lines: visited.get(step) }).toEqual({ step, lines: tableLines(states[index] ?? []) });
  });

  test('goes by step, by node and to the violation with buttons and keys', async () => {
    await openFailure();
    const last = await settled();
    await page.getByRole('button', { name: 'Previous step', exact: true }).click();
    const before = await settled();
    expect(before).toBeLessThan(last);
    await page.keyboard.press(',');
    expect(await settled()).toBeLessThan(before);
    const node = await page.locator('.state .stepping').textContent();
    await page.getByRole('button', { name: 'Previous step on this node' }).click();
    await settled();
    expect(await page.locator('.state .stepping').textContent()).toBe(node);
    await page.keyboard.press('v');
    expect(await settled()).toBe(last);
    await page.locator('.step-link .link').first().click();
    expect(await settled()).toBeLessThan(last);
  });

  test('filters: by cause, node, kind of message and words', async () => {
    await openFailure();
    const shown = page.locator('.shown-count');
    const causal = await count(shown);
    await page.getByRole('radio', { name: /^all/u }).check();
    const all = await count(shown);
    expect(all).toBe(repro.events);
    expect(causal).toBeLessThan(all);
    await page.getByRole('checkbox', { name: 'n1', exact: true }).uncheck();
    expect(await count(shown)).toBeLessThan(all);
    expect(await page.locator('.row-name.node').allTextContents()).toEqual(['n2', 'n3']);
    await page.getByRole('checkbox', { name: 'n1', exact: true }).check();
    const packets = page.getByRole('img', { name: /^Space-time diagram/u });
    const messages = async (): Promise<number> =>
      Number(/ (\d+) messages/u.exec((await packets.getAttribute('aria-label')) ?? '')?.[1]);
    const before = await messages();
    await page.getByRole('checkbox', { name: 'heartbeatRequest' }).uncheck();
    expect(await messages()).toBeLessThan(before);
    await page.getByRole('searchbox').fill('voteRequest');
    const found = await count(shown);
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(all);
    await settled();
    await expectText(page.locator('.event-panel')).toContain('voteRequest');
    await page.getByRole('searchbox').fill('no such words anywhere');
    expect(await count(shown)).toBe(0);
  });

  test('shows what lies under the pointer, zooms and pans by keyboard and wheel', async () => {
    await openFailure();
    const marker = await boxOf(page.locator('.marker.cursor'));
    const node = await page.locator('.state .stepping').textContent();
    const row = await boxOf(page.locator('.row-name.node', { hasText: node ?? '' }));
    await page.mouse.move(marker.x, row.y + row.height / 2);
    await expectText(page.getByRole('tooltip')).toContain(`step ${await settled()}`);
    const span = page.locator('.view-bar .muted');
    const before = await span.textContent();
    await page.locator('.tracks').focus();
    await page.keyboard.press('+');
    const zoomed = await span.textContent();
    expect(zoomed).not.toBe(before);
    await page.keyboard.press('0');
    const whole = await span.textContent();
    expect(whole).not.toBe(zoomed);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -400);
    await page.keyboard.up('Control');
    await page.waitForFunction(
      `document.querySelector('.view-bar .muted').textContent !== ${JSON.stringify(whole)}`,
    );
    await page.getByRole('button', { name: 'to scale' }).click();
    await expectText(page.locator('.axis .gutter')).toBe('time');
  });

  test('runs again without the fault, and the violation has vanished', async () => {
    await openFailure();
    const items = page.locator('.editor .fault');
    await items
      .nth(decisive)
      .getByRole('button', { name: /^Remove/u })
      .click();
    expect(await items.count()).toBe(repro.scenario.faults.length - 1);
    await page.getByRole('button', { name: 'Run again' }).click();
    const outcome = page.getByTestId('outcome');
    await outcome.waitFor();
    await expectText(outcome).toContain('The violation has vanished');
    await expectText(page.locator('.outcome tbody tr').first()).toContain('vote-once');
    await expectText(page.locator('.run-section h2')).toContain('edited');
    await settled();
    await page.getByRole('button', { name: 'as found', exact: true }).click();
    expect(await settled()).toBe(repro.events - 1);
  });

  test('a fault is switched off and on, moved, and added; what makes no sense is refused by name', async () => {
    await openFailure();
    const fault = page.locator('.editor .fault').nth(decisive);
    const outcome = page.getByTestId('outcome');
    await fault.getByRole('checkbox').uncheck();
    await page.getByRole('button', { name: 'Run again' }).click();
    await expectText(outcome).toContain('The violation has vanished');
    await fault.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.getByText('The same violation, at the same time.').waitFor();
    await fault.getByRole('spinbutton').first().fill('-5');
    await fault.getByRole('spinbutton').first().blur();
    await expectText(fault.getByRole('alert')).toContain('atUs');
    await page.getByText('Add a fault').click();
    const added = page.locator('.add-fault');
    await added.getByRole('textbox').fill('{"kind": "flood"}');
    await added.getByRole('button', { name: 'Add' }).click();
    await expectText(added.getByRole('alert')).toContain('kind');
    await added.getByRole('combobox').selectOption('pause');
    await added.getByRole('button', { name: 'Add' }).click();
    expect(await page.locator('.editor .fault[data-kind="pause"]').count()).toBe(1);
  });

  test('gives its repro away as the file that a replay reads', async () => {
    await openFailure();
    const downloaded = page.waitForEvent('download');
    await page.getByRole('button', { name: 'repro.json' }).click();
    const text = await readFile(await (await downloaded).path(), 'utf8');
    expect(text).toBe(encodeRepro(repro));
    expect(decodeRepro(text)).toEqual(repro);
  });

  test('gives its run away as a trace that Perfetto opens', async () => {
    await openFailure();
    const downloaded = page.waitForEvent('download');
    await page.getByRole('button', { name: 'trace for Perfetto' }).click();
    const trace = JSON.parse(await readFile(await (await downloaded).path(), 'utf8')) as {
      readonly traceEvents: readonly { readonly ph: string; readonly cat?: string; readonly name: string }[];
    };
    const slices = trace.traceEvents.filter(({ ph }) => ph === 'X');
    expect(slices.length).toBeGreaterThan(repro.events);
    // They were in force when the violation was seen, and all that was written and sent had met them.
    const lasting = slices.filter(({ cat, name }) => cat === 'fault' && name.startsWith('slow'));
    expect(lasting.map(({ name }) => name).toSorted()).toEqual([
      ...['slowDisk', 'slowDisk', 'slowDisk', 'slowNetwork'],
    ]);
  });

  test('says so where no worker can be made, and works all the same', async () => {
    await page.addInitScript('delete window.Worker');
    await openFailure();
    await expectText(page.locator('.notice')).toContain('no worker');
    await expectText(page.getByTestId('hash-verdict')).toContain('the same');
  });

  test('a run that passed shows what was tried, and what was not reached', async () => {
    await open('run.html', passingPage());
    await expectText(page.locator('.verdict')).toContain('No invariant was violated');
    await expectText(
      page.locator('.coverage-group', { hasText: 'Faults' }).locator('.not-reached'),
    ).toContain('bitRot');
    await expectText(page.locator('.slowest')).toContain('npx photon sim replay canary --seed 2');
  });

  test('a recording is gone through with the states that it came with', async () => {
    const data = recordingPage();
    await open('recording.html', data);
    const last = await settled();
    expect(last).toBe(data.evidence.steps.length - 1);
    await page.keyboard.press(',');
    const step = await settled();
    const state = data.states[step];
    expect(await shownStates()).toEqual(tableLines(state === undefined ? [] : [state]));
    await expectText(page.locator('.facts .command')).toContain('--recording DIR');
  });

  test('a real recording that is longer than its page is gone through by its own numbers', async () => {
    const dir = makeDirectory();
    const member = new RecordedMember(dir);
    for (let at = 0; at < 1_800; at += 1) member.call(ask.put(`key ${at}`, 'value'));
    await member.close();
    const places = listSegments(dir);
    const report = replayRecording(places, memberReplayKit);
    const replayCommand = 'npx photon sim replay --recording DIR';
    await open('real.html', recordingPageOf(places, report, { untilStep: undefined, replayCommand }));
    expect(await settled()).toBe(member.steps);
    const before = (member.steps - 5_000).toLocaleString('en');
    await expectText(page.locator('.facts dl')).toContain(`Not shown the first ${before} steps of boot 1`);
    await page.keyboard.press(',');
    expect(await settled()).toBe(member.steps - 1);
  });

  async function boxOf(locator: Locator): Promise<{ x: number; y: number; height: number }> {
    const box = await locator.boundingBox();
    if (box === null) throw new Error('nothing is drawn there');
    return box;
  }
});

function failurePage(repro: Repro): PageData {
  return {
    kind: 'failure',
    repro,
    configuration: [['cluster.members', '3']],
    replayCommand: 'npx photon sim replay one.repro.json',
  };
}

/** Text of one element, once it is there. */
function expectText(locator: Locator): {
  toContain(part: string): Promise<void>;
  toBe(text: string): Promise<void>;
} {
  const text = async (): Promise<string> => (await locator.innerText()).replaceAll(/\s+/gu, ' ').trim();
  return {
    toContain: async (part) => {
      expect(await text()).toContain(part);
    },
    toBe: async (whole) => {
      expect(await text()).toBe(whole);
    },
  };
}
