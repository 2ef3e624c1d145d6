import { explain, explainedInvariants } from './evidence/explain.ts';
import { type FailureEntry, type RunSummary } from './page/page-data.ts';

/** Of the runs that showed a failure so many are named. */
const runsMax = 20;

/**
 * A run over many seeds as JUnit XML, which continuous integration reads: a suite a scenario, in it a case an invariant, and
 * one suite for what the run as a whole owes. Failures carry the commands that show them again.
 */
export function junitXml(summary: RunSummary): string {
  const failed = summary.failures.flatMap((failure) => failure.runs.map(({ scenario }) => scenario));
  const scenarios = [...new Set([...summary.scenarios, ...failed])];
  const suites = scenarios.map((scenario) => scenarioSuite(summary, scenario));
  suites.push(suite('floors', [floorCase(summary.missedFloors)], []));
  const tests = suites.reduce((sum, { tests: count }) => sum + count, 0);
  const failures = suites.reduce((sum, { failures: count }) => sum + count, 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    tag('testsuites', {
      name: 'photon sim',
      tests: String(tests),
      failures: String(failures),
      errors: '0',
      time: summary.wallSeconds.toFixed(3),
    }),
    ...suites.map(({ xml }) => xml),
    '</testsuites>',
    '',
  ].join('\n');
}

interface Suite {
  readonly xml: string;
  readonly tests: number;
  readonly failures: number;
}

interface Case {
  readonly xml: string;
  readonly failed: boolean;
}

type Property = readonly [name: string, value: string];

function scenarioSuite(summary: RunSummary, scenario: string): Suite {
  const own = summary.failures
    .map((failure) => ({ ...failure, runs: failure.runs.filter((run) => run.scenario === scenario) }))
    .filter(({ runs }) => runs.length > 0);
  const invariants = [...new Set([...explainedInvariants, ...own.map(({ invariant }) => invariant)])];
  const cases = invariants.map((invariant) =>
    invariantCase(
      scenario,
      invariant,
      own.filter((failure) => failure.invariant === invariant),
    ),
  );
  return suite(scenario, cases, suiteProperties(summary));
}

function suiteProperties(summary: RunSummary): readonly Property[] {
  const { seeds, shard } = summary;
  return [
    ['seeds', `${seeds.first}..${seeds.last}`],
    ['runs', String(summary.runs)],
    ['simulated_seconds', String(Math.round(summary.simulatedUs / 1_000_000))],
    ['commit', `${summary.commit ?? 'unknown'}${summary.dirty ? ', changed' : ''}`],
    ...(shard === undefined ? [] : ([['shard', `${shard.index}/${shard.count}`]] as const)),
  ];
}

/** Failures of one invariant at several sites are one failed case with all of them in it. */
function invariantCase(scenario: string, invariant: string, failures: readonly FailureEntry[]): Case {
  const name = { classname: `photon.sim.${scenario}`, name: invariant, time: '0' };
  if (failures.length === 0) return { xml: `    ${tag('testcase', name, 'empty')}`, failed: false };
  const properties = failures.flatMap((failure): Property[] => [
    [
      'seeds',
      failure.runs
        .slice(0, runsMax)
        .map(({ seed }) => seed)
        .join(' '),
    ],
    ['replay', replayCommand(failure)],
  ]);
  const [first] = failures;
  const text = failures.map((failure) => failureText(failure)).join('\n\n');
  const lines = [
    `    ${tag('testcase', name)}`,
    ...propertyLines(properties, '      '),
    `      ${tag('failure', { type: invariant, message: firstLine(first?.detail ?? invariant) })}${escaped(text)}</failure>`,
    '    </testcase>',
  ];
  return { xml: lines.join('\n'), failed: true };
}

function failureText(failure: FailureEntry): string {
  const { sentence, source } = explain(failure);
  const runs = failure.runs.slice(0, runsMax);
  return [
    failure.detail,
    '',
    `${sentence} (${source})`,
    `seen in ${failure.count} runs; the first of this scenario:`,
    ...runs.map(({ scenario, seed }) => `  npx photon sim replay ${scenario} --seed ${seed}`),
    ...(failure.repro === undefined ? [] : [`made small: npx photon sim replay ${failure.repro}`]),
    ...(failure.page === undefined ? [] : [`page: ${failure.page}`]),
  ].join('\n');
}

/** The shrunk one where there is one. */
function replayCommand({ repro, runs }: FailureEntry): string {
  const [run] = runs;
  if (repro !== undefined) return `npx photon sim replay ${repro}`;
  return run === undefined ? 'none' : `npx photon sim replay ${run.scenario} --seed ${run.seed}`;
}

function floorCase(missed: readonly string[]): Case {
  const name = { classname: 'photon.sim', name: 'floors', time: '0' };
  if (missed.length === 0) return { xml: `    ${tag('testcase', name, 'empty')}`, failed: false };
  const message = 'all seeds together have not done what so many should';
  const lines = [
    `    ${tag('testcase', name)}`,
    `      ${tag('failure', { type: 'floors', message })}${escaped(missed.join('\n'))}</failure>`,
    '    </testcase>',
  ];
  return { xml: lines.join('\n'), failed: true };
}

function suite(name: string, cases: readonly Case[], properties: readonly Property[]): Suite {
  const failures = cases.filter(({ failed }) => failed).length;
  const attributes = {
    name,
    tests: String(cases.length),
    failures: String(failures),
    errors: '0',
    skipped: '0',
    time: '0',
  };
  const lines = [
    `  ${tag('testsuite', attributes)}`,
    ...propertyLines(properties, '    '),
    ...cases.map(({ xml }) => xml),
    '  </testsuite>',
  ];
  return { xml: lines.join('\n'), tests: cases.length, failures };
}

function propertyLines(properties: readonly Property[], indent: string): readonly string[] {
  if (properties.length === 0) return [];
  return [
    `${indent}<properties>`,
    ...properties.map(([name, value]) => `${indent}  ${tag('property', { name, value }, 'empty')}`),
    `${indent}</properties>`,
  ];
}

function tag(name: string, attributes: Readonly<Record<string, string>>, content?: 'empty'): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  return `<${name}${written.join('')}${content === 'empty' ? '/>' : '>'}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

/**
 * For text and attributes alike; in an attribute a parser would make spaces of line ends that are not written as numbers.
 * What XML cannot hold at all, not even as a number (most control characters, halves of pairs), is shown as an escape.
 */
function escaped(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what must not get through
  return text.replace(/[&<>"'\t\n\r]|[\u0000-\u001f\ufffe\uffff]|\p{Surrogate}/gu, (character) => {
    const entity = entities.get(character);
    return entity ?? `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}

const entities: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&apos;'],
  ['\t', '&#9;'],
  ['\n', '&#10;'],
  ['\r', '&#13;'],
]);
