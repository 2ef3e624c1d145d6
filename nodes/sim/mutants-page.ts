import { readFileSync, writeFileSync } from 'node:fs';

import { mutantGroups } from '../../sim/mutants.ts';
import { type Mutant } from '../../sim/mutant.ts';
import { type MutantRecord, type MutantRecords } from './mutant-records.ts';

const pageFile = new URL('../../docs/mutants.md', import.meta.url);
const begin = '<!-- written by `photon sim mutants --write` -->';
const end = '<!-- end of what was written -->';

/** Puts the tables in the place of those that the page has; what people have written around them stays. */
export function writePage(records: MutantRecords): void {
  writeFileSync(pageFile, replaceTables(readFileSync(pageFile, 'utf8'), records));
}

/** @throws RangeError when the page has no place for the tables */
export function replaceTables(page: string, records: MutantRecords): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new RangeError(`docs/mutants.md lacks ${begin} … ${end}`);
  return `${page.slice(0, from)}${begin}\n\n${tables(records)}\n${page.slice(to)}`;
}

function tables(records: MutantRecords): string {
  const known = mutantGroups.flatMap(({ mutants }) => mutants.map(({ name }) => records[name]));
  const missing = known.filter((record) => record === undefined).length;
  const slowest = Math.max(0, ...known.map((record) => record?.seconds ?? 0));
  const most = Math.max(0, ...known.map((record) => record?.seeds ?? 0));
  const summary =
    `${known.length - missing} of ${known.length} mutants caught; the one that took most needed ${most} seeds, the slowest ` +
    `${slowest.toFixed(1)} s (medians).`;
  return [summary, ...mutantGroups.map(({ title, mutants }) => table(title, mutants, records))].join('\n\n');
}

function table(title: string, group: readonly Mutant[], records: MutantRecords): string {
  const rows = group.map((mutant) => row(mutant, records[mutant.name]));
  return [
    `### ${title}\n`,
    '<!-- prettier-ignore -->',
    '| mutant | what it is | caught by | where | seeds | seconds |',
    '| --- | --- | --- | --- | ---: | ---: |',
    ...rows,
  ].join('\n');
}

function row(mutant: Mutant, record: MutantRecord | undefined): string {
  const about = mutant.about.replaceAll('|', '\\|');
  const cells =
    record === undefined
      ? ['not recorded', '', '', '']
      : [
          caughtByCell(mutant, record),
          `${record.scenario} ${record.seed}`,
          String(record.seeds),
          record.seconds.toFixed(1),
        ];
  return `| ${[`\`${mutant.name}\``, about, ...cells].join(' | ')} |`;
}

function caughtByCell({ blindTo }: Mutant, { caughtBy }: MutantRecord): string {
  const names = Object.keys(caughtBy).join(', ');
  return blindTo === undefined ? names : `misses ${names} of \`${blindTo}\``;
}
