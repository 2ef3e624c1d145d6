/**
 * `npm run bench -- NAME [ARGUMENTS…]` runs one benchmark of this folder; without a name it lists them. Each runs its
 * yardstick beside it and prints ratios, since absolute figures are the machine's.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const ending = '.bench.ts';
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(ending))
  .map((file) => file.slice(0, -ending.length))
  .sort();
const [name, ...rest] = process.argv.slice(2);

if (name === undefined) {
  process.stdout.write(
    `benchmarks: ${names.join(', ')}\nrun one with: npm run bench -- ${names[0] ?? 'NAME'}\n`,
  );
} else if (names.includes(name)) {
  const file = join(import.meta.dirname, `${name}${ending}`);
  process.exitCode = spawnSync(process.execPath, [file, ...rest], { stdio: 'inherit' }).status ?? 1;
} else {
  process.stderr.write(`no benchmark is called ${name}; there are ${names.join(', ')}\n`);
  process.exitCode = 2;
}
