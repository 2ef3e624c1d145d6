import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { expect, test } from 'vitest';

import { connect } from '../../adapters/client/connect.ts';
import { Cluster } from './cluster.ts';
import { startEtcd } from './etcd-server.ts';
import { describeWith } from './requirement.ts';

const guide = readFileSync(new URL('../../docs/client-library.md', import.meta.url), 'utf8');
const blocks = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
const [preamble = '', ...examples] = blocks;

/** The names that the guide imports, from the files that it names. */
async function imported(): Promise<Readonly<Record<string, unknown>>> {
  const names: Record<string, unknown> = {};
  for (const [, list = '', file = ''] of preamble.matchAll(/^import \{ (.*?) \} from '\.\.\/(.*?)';$/gm)) {
    const module = (await import(new URL(`../../${file}`, import.meta.url).href)) as Record<string, unknown>;
    for (const name of list.split(', ')) names[name] = module[name];
  }
  return names;
}

type Run = (...args: readonly unknown[]) => Promise<void>;
const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor as new (
  ...args: readonly string[]
) => Run;

/** Runs every example in turn, and compares what each prints with what the guide says. */
async function runExamples(endpoint: string): Promise<void> {
  const names = await imported();
  const db = connect({ endpoints: [endpoint], timeoutMs: 20_000 });
  try {
    for (const example of examples) {
      const printed: string[] = [];
      const console = { log: (...values: readonly unknown[]) => printed.push(values.map(String).join(' ')) };
      const given = { ...names, db, console };
      const run = new AsyncFunction(...Object.keys(given), stripTypeScriptTypes(example));
      await run(...Object.values(given));
      const expected = [...example.matchAll(/\/\/ → (.*)$/gm)].map(([, line = '']) => line);
      expect(expected.length, example).toBeGreaterThan(0);
      expect(printed, example).toEqual(expected);
    }
  } finally {
    db.close();
  }
}

test('the examples of the guide do what it says, with Chainfire', async () => {
  expect(examples.length).toBeGreaterThan(8);
  const cluster = await Cluster.start(1);
  try {
    await runExamples(cluster.endpoints);
  } finally {
    await cluster.remove();
  }
});

describeWith(['etcd'], 'the examples of the guide', () => {
  test('do what it says, with etcd', async () => {
    const etcd = await startEtcd();
    try {
      await runExamples(etcd.endpoint);
    } finally {
      await etcd.stop();
    }
  });
});
