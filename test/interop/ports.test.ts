import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { LiveCommand } from './command.ts';
import { freePorts } from './ports.ts';

const portsFile = fileURLToPath(new URL('ports.ts', import.meta.url));
/** Says what it was given, and lives until its input ends: a port is one's own as long as one lives. */
const taker = `
  const { freePorts } = await import(${JSON.stringify(portsFile)});
  console.log(JSON.stringify(await freePorts(Number(process.argv[1]))));
  process.stdin.resume();
`;
/** More than one block of them. */
const each = 150;

test('processes that ask for ports at the same time are given different ones', async () => {
  const takers = Array.from(
    { length: 4 },
    () => new LiveCommand(process.execPath, ['--input-type=module', '--eval', taker, String(each)], {}),
  );
  await Promise.all(takers.map((one) => one.until((stdout) => stdout.includes('\n'))));
  const given = takers.map(({ stdout }) => JSON.parse(stdout) as readonly number[]);
  given.push(await freePorts(each));
  expect(new Set(given.flat()).size).toBe(given.length * each);
  // They end by themselves: what was claimed keeps no process alive.
  for (const one of takers) one.closeInput();
  expect(await Promise.all(takers.map((one) => one.end()))).toMatchObject(takers.map(() => ({ code: 0 })));
});
