import { exitCodes, ExitError } from '../exit.ts';
import { BugBase } from './bug-base.ts';
import { writeJson } from './json-file.ts';
import { compared, ran } from './replay.ts';
import { readRepro } from './repro-files.ts';
import { sourcesNow } from './sources.ts';

/** Lists a bug base and replays each of its repros. @throws ExitError when one of them still shows its violation */
export async function listBugs(
  directory: string,
  options: { readonly json: string | undefined },
): Promise<void> {
  const base = new BugBase(directory);
  const names = base.names();
  const width = Math.max(4, ...names.map((name) => name.length)) + 2;
  process.stdout.write(`${'bug'.padEnd(width)}${'seen'.padStart(6)}  ${'last'.padEnd(12)}now\n`);
  const listed = [];
  for (const name of names) {
    const repro = readRepro(base.reproFile(name));
    const seen = base.seen(name);
    const { scenario: plan, seed, mutant } = repro;
    const sameSources = sourcesNow(mutant).sources === repro.sources;
    const result = await ran({ scenario: plan.name, seed, plan, twice: false }, mutant, { trace: false });
    const verdict = compared(repro, result, sameSources);
    const shows = result.violation?.invariant;
    listed.push({ name, seen, shows, asRecorded: verdict.asRecorded });
    const last = seen?.lastSeen.slice(0, 10) ?? '';
    const row = `${name.padEnd(width)}${String(seen?.count ?? 0).padStart(6)}  ${last.padEnd(12)}`;
    process.stdout.write(`${row}${shows === undefined ? 'gone' : verdict.line}\n`);
  }
  writeJson(options.json, { bugs: listed });
  const showing = listed.filter(({ shows }) => shows !== undefined).length;
  if (showing > 0)
    throw new ExitError(`photon sim: ${showing} of ${listed.length} bugs still show`, exitCodes.failed);
  process.stdout.write(listed.length === 0 ? 'no bugs\n' : 'none of them shows any more\n');
}
