import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { present } from '../../core/base/assert.ts';
import { explainedInvariants } from '../../reports/evidence/explain.ts';
import { junitXml } from '../../reports/junit.ts';
import { type FailureEntry, type RunSummary } from '../../reports/page/page-data.ts';
import { checkerNames } from '../../sim/checkers/registry.ts';
import { parseXml, type XmlElement } from './strict-xml.ts';

const summary: RunSummary = {
  format: 1,
  commit: 'c0ffee',
  dirty: true,
  scenarios: ['swarm', 'torn-log-tail'],
  seeds: { first: 1, last: 300 },
  shard: { index: 2, count: 3 },
  runs: 600,
  wallSeconds: 12.3456,
  simulatedUs: 36_000_000_000,
  events: 9,
  elections: 8,
  snapshotsInstalled: 7,
  operations: {},
  faultsFired: {},
  coverage: {},
  slowest: [],
  missedFloors: [],
  failures: [],
};

const failure: FailureEntry = {
  invariant: 'durable-log',
  site: 'member # lost index #',
  detail: 'durable-log: member 2 lost index 7\n    at <anonymous> & "others"',
  count: 31,
  runs: [
    { scenario: 'swarm', seed: 4 },
    { scenario: 'torn-log-tail', seed: 9 },
    { scenario: 'swarm', seed: 11 },
  ],
  repro: undefined,
  page: undefined,
};

describe('a run without failures', () => {
  const root = parseXml(junitXml(summary));

  test('has a suite a scenario and a case an invariant, all of them passed', () => {
    expect(root.name).toBe('testsuites');
    expect(suites(root).map(({ attributes }) => attributes['name'])).toEqual([
      'swarm',
      'torn-log-tail',
      'floors',
    ]);
    const cases = casesOf(suiteNamed(root, 'swarm'));
    expect(cases.map(({ attributes }) => attributes['name'])).toEqual(explainedInvariants);
    expect(explainedInvariants).toEqual(expect.arrayContaining([...checkerNames]));
    expect(cases.every(({ children }) => children.length === 0)).toBe(true);
    expect(root.attributes).toMatchObject({ failures: '0', errors: '0', time: '12.346' });
  });

  test('says of which seeds, which commit and which shard it is', () => {
    expect(propertiesOf(suiteNamed(root, 'swarm'))).toEqual({
      seeds: '1..300',
      runs: '600',
      simulated_seconds: '36000',
      commit: 'c0ffee, changed',
      shard: '2/3',
    });
  });
});

describe('a failure', () => {
  const repro = 'bugs/durable-log/repro.json';
  const other = {
    ...failure,
    site: 'another',
    detail: 'durable-log: another',
    runs: [{ scenario: 'swarm', seed: 2 }],
    repro,
  };
  const root = parseXml(junitXml({ ...summary, failures: [failure, other] }));
  const failed = (scenario: string): XmlElement =>
    present(
      casesOf(suiteNamed(root, scenario)).find(({ attributes }) => attributes['name'] === 'durable-log'),
      'every invariant has its case',
    );

  test('stands with its scenario, and sites of one invariant stand together', () => {
    const [message] = failed('swarm').children.filter(({ name }) => name === 'failure');
    expect(message?.attributes).toEqual({
      type: 'durable-log',
      message: 'durable-log: member 2 lost index 7',
    });
    expect(message?.text).toContain(failure.detail);
    expect(message?.text).toContain('durable-log: another');
    expect(failed('torn-log-tail').children.map(({ name }) => name)).toEqual(['properties', 'failure']);
    expect(root.attributes['failures']).toBe('2');
    expect(suiteNamed(root, 'swarm').attributes['failures']).toBe('1');
  });

  test('says the seeds and the commands that show it again, the shrunk one where there is one', () => {
    const properties = failed('swarm').children[0]?.children.map(({ attributes }) => attributes);
    expect(properties).toEqual([
      { name: 'seeds', value: '4 11' },
      { name: 'replay', value: 'npx photon sim replay swarm --seed 4' },
      { name: 'seeds', value: '2' },
      { name: 'replay', value: `npx photon sim replay ${repro}` },
    ]);
    const text = failed('torn-log-tail').children[1]?.text;
    expect(text).toContain('npx photon sim replay torn-log-tail --seed 9');
    expect(text).toContain('seen in 31 runs');
  });

  test('of an invariant that nobody has explained has a case as well', () => {
    const [suite] = suites(
      parseXml(junitXml({ ...summary, failures: [{ ...failure, invariant: 'brand-new' }] })),
    );
    expect(casesOf(present(suite, 'there is one')).at(-1)?.attributes['name']).toBe('brand-new');
  });
});

test('floors that all seeds together have missed fail a case of their own', () => {
  const root = parseXml(
    junitXml({ ...summary, missedFloors: ['elections: 0, where 300 seeds should reach 600'] }),
  );
  const [floors] = casesOf(suiteNamed(root, 'floors'));
  expect(floors?.children[0]?.text).toBe('elections: 0, where 300 seeds should reach 600');
  expect(root.attributes['failures']).toBe('1');
});

test('whatever a detail holds, a parser reads it back, but for what XML cannot hold', () => {
  const anyText = fc.string({
    unit: fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
  });
  const nasty = fc.oneof(
    anyText,
    fc.constantFrom(']]>', '&amp;', '<!--', '\u0000\u001b[31m', 'a\r\nb\tc', '\ud800'),
  );
  fc.assert(
    fc.property(nasty, nasty, (detail, scenario) => {
      const runs = [{ scenario, seed: 1 }];
      const root = parseXml(junitXml({ ...summary, failures: [{ ...failure, detail, runs }] }));
      const cases = casesOf(present(suites(root).at(-2), 'the scenario has a suite'));
      const found = present(
        cases.find(({ children }) => children.length > 0),
        'it failed',
      );
      expect(found.children[1]?.text.startsWith(readable(detail))).toBe(true);
      expect(found.attributes['classname']).toBe(`photon.sim.${readable(scenario)}`);
    }),
    { numRuns: 500, seed: 1 },
  );
});

/** Written without the rule that is tested: by what XML 1.0 has (section 2.2). */
function readable(text: string): string {
  return [...text]
    .map((character) => {
      const code = character.codePointAt(0) ?? 0;
      const has =
        code >= 0x20
          ? !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff
          : [9, 10, 13].includes(code);
      return has ? character : `\\u${code.toString(16).padStart(4, '0')}`;
    })
    .join('');
}

function suites(root: XmlElement): readonly XmlElement[] {
  return root.children.filter(({ name }) => name === 'testsuite');
}

function suiteNamed(root: XmlElement, wanted: string): XmlElement {
  return present(
    suites(root).find(({ attributes }) => attributes['name'] === wanted),
    `there is a suite ${wanted}`,
  );
}

function casesOf(suite: XmlElement): readonly XmlElement[] {
  return suite.children.filter(({ name }) => name === 'testcase');
}

function propertiesOf(suite: XmlElement): Readonly<Record<string, string | undefined>> {
  const [properties] = suite.children.filter(({ name }) => name === 'properties');
  return Object.fromEntries(
    (properties?.children ?? []).map(({ attributes }) => [attributes['name'], attributes['value']]),
  );
}
