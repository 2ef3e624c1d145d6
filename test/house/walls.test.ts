import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** A tree that breaks every rule of the house once, checked by the configuration that checks the house. */
const root = resolve(import.meta.dirname, '../..');
const sins: Readonly<Record<string, string>> = {
  'core/base/escapes.ts': `import { anything } from '../../sim/anything.ts';
import fs from 'node:fs';
export const values = [anything, fs, Date.now(), Math.random(), Math.sin(1), Intl, globalThis];
export async function waits(): Promise<void> { await Promise.resolve(); setTimeout(waits, 1); }
export const sorted = ['b', 'a'].sort();
export const compared = 'a'.localeCompare('b');
for (const key in {}) values.push(key);
`,
  'core/raft/knows-a-system.ts': "import '../chainfire/machine.ts';\n",
  'core/chainfire/machine.ts': 'export const machine = 1;\n',
  'core/chainfire/knows-a-sibling.ts': "import '../chronik/machine.ts';\n",
  'core/chronik/machine.ts': 'export const machine = 1;\n',
  'sim/anything.ts':
    "import '../adapters/anything.ts';\nimport 'node:worker_threads';\nexport const anything = Date.now();\n",
  'adapters/anything.ts': "import '../nodes/anything.ts';\nimport '../scenarios/anything.ts';\n",
  'scenarios/anything.ts': "import '../adapters/anything.ts';\n",
  'reports/anything.ts': "import '../nodes/anything.ts';\n",
  'nodes/anything.ts': 'export const anything = 1;\n',
  'nodes/circle.ts': "import './round.ts';\n",
  'nodes/round.ts': "import './circle.ts';\n",
};
const configuration = [
  'package.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'core/tsconfig.json',
  '.dependency-cruiser.cjs',
  'eslint.config.js',
];

let tree: string;

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'photon-walls-'));
  for (const [file, text] of Object.entries(sins)) {
    await mkdir(dirname(join(tree, file)), { recursive: true });
    await writeFile(join(tree, file), text);
  }
  for (const file of configuration) await copyFile(join(root, file), join(tree, file));
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
});

afterAll(async () => rm(tree, { recursive: true }));

test('import rules: who may import whom, and no circles', async () => {
  const rooms = ['core', 'sim', 'adapters', 'scenarios', 'nodes', 'reports'];
  const report = await run('depcruise', [
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    ...rooms,
  ]);
  const { summary } = JSON.parse(report) as {
    summary: { violations: { rule: { name: string }; from: string; to: string }[] };
  };
  const found = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
  expect(found).toEqual(
    expect.arrayContaining([
      'core-imports-core: core/base/escapes.ts -> sim/anything.ts',
      'core-imports-core: core/base/escapes.ts -> fs',
      'foundations-know-no-system: core/raft/knows-a-system.ts -> core/chainfire/machine.ts',
      'chainfire-is-an-island: core/chainfire/knows-a-sibling.ts -> core/chronik/machine.ts',
      'sim-imports-only-core: sim/anything.ts -> adapters/anything.ts',
      'no-node-modules-in-browser-rooms: sim/anything.ts -> worker_threads',
      'adapters-imports-only-core: adapters/anything.ts -> nodes/anything.ts',
      'adapters-imports-only-core: adapters/anything.ts -> scenarios/anything.ts',
      'scenarios-imports-only-sim-core: scenarios/anything.ts -> adapters/anything.ts',
      'reports-imports-only-sim-scenarios-core: reports/anything.ts -> nodes/anything.ts',
    ]),
  );
  expect(found.some((violation) => violation.startsWith('no-cycles: nodes/'))).toBe(true);
});

test('determinism: the linter keeps time, chance, waiting and undefined order out of core and sim', async () => {
  const report = await run('eslint', ['--format', 'json', 'core/base/escapes.ts', 'sim/anything.ts']);
  const files = JSON.parse(report) as { filePath: string; messages: { message: string }[] }[];
  const messages = files.flatMap(({ messages: found }) => found.map(({ message }) => message)).join('\n');
  for (const sin of [
    "'Date'",
    "'Intl'",
    "'globalThis'",
    "'setTimeout'",
    'integer-safe',
    'never waits',
    'for…in',
  ]) {
    expect(messages).toContain(sin);
  }
  expect(messages).toContain('sort without a comparator');
  expect(messages).toContain('Locale differs');
  expect(messages.split("'Date'")).toHaveLength(3);
});

test('types: the world does not exist in core', async () => {
  const report = await run('tsc', ['-p', 'core/tsconfig.json', '--incremental', 'false']);
  expect(report).toContain("'node:fs'");
  expect(report).toContain("'setTimeout'");
});

/** What a checker prints of the tree. Their exit codes differ by output format, so that what they found is what counts. */
function run(tool: string, args: readonly string[]): Promise<string> {
  const entry = join(root, 'node_modules/.bin', tool);
  return new Promise((done, fail) => {
    execFile(process.execPath, [entry, ...args], { cwd: tree, maxBuffer: 16_777_216 }, (error, stdout) => {
      if (stdout === '') fail(error ?? new Error(`${tool} said nothing`));
      else done(stdout);
    });
  });
}
