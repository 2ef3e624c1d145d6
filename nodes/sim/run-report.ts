import { join } from 'node:path';

import { type FailureEntry, type RunSummary } from '../../reports/page/page-data.ts';
import { grouped, Tally } from '../../reports/tally.ts';

const runsShownMax = 5;

/**
 * What a run has come to, for people: sums, then what failed, where to look, and the command that shows it again.
 *
 * @param options.from the folder of the summary, from which it names files
 */
export function reportLines(
  summary: RunSummary,
  options: { readonly twice?: number; readonly from: string },
): readonly string[] {
  const { runs, wallSeconds, simulatedUs, failures, missedFloors, shard } = summary;
  const tally = new Tally();
  tally.addSummary(summary);
  const seconds = Math.max(wallSeconds, 0.001);
  const speed = grouped(Math.round(simulatedUs / 1_000_000 / seconds));
  const share = shard === undefined ? '' : `, shard ${shard.index} of ${shard.count}`;
  const failed = failures.reduce((sum, { count }) => sum + count, 0);
  return [
    `${grouped(runs)} runs in ${wallSeconds.toFixed(1)} s${share}: ${(runs / seconds).toFixed(1)} seeds/s, ${speed} simulated seconds a second`,
    ...tally.lines(),
    ...(options.twice === undefined
      ? []
      : [`twice       ${grouped(options.twice)} runs were run twice to compare their hashes`]),
    ...missedFloors.map((floor) => `too little  ${floor}`),
    ...failures.flatMap((failure) => failureLines(failure, options.from)),
    failed === 0 ? 'no violation' : `${grouped(failed)} failed`,
  ];
}

function failureLines(failure: FailureEntry, from: string): readonly string[] {
  const { invariant, site, count, runs, repro, page } = failure;
  const named = runs.slice(0, runsShownMax).map(({ scenario, seed }) => `${scenario} ${seed}`);
  const more = count > named.length ? ', …' : '';
  return [
    `failed      ${invariant}, ${count === 1 ? 'once' : `${grouped(count)} times`}: ${named.join(', ')}${more}`,
    `  where     ${site}`,
    ...(repro === undefined ? [] : [`  replay    npx photon sim replay ${join(from, repro)}`]),
    ...(page === undefined ? [] : [`  page      ${join(from, page)}`]),
  ];
}
