import { type Committed, type CommittedResults } from './committed.ts';

const perSecondMin = 1_000;

/** What was measured, as a page shows it. */
export function committedTable(results: CommittedResults): readonly string[] {
  const {
    nodes,
    registeredPerSecond,
    nodesLost,
    renewalsPerSecond,
    toldPerSecond,
    pending,
    bytesOfCreate,
    rows,
  } = results;
  const ours = rows.filter(({ what }) => what === 'creates');
  const best = ours.reduce((most, { perSecond }) => Math.max(most, perSecond), 0);
  const met = best >= perSecondMin ? 'met' : 'missed';
  // Etcd where it was measured: a client that decides nothing, and puts the same bytes, one transaction each.
  const single = rows.filter(({ what, perCommit }) => what !== 'creates' && perCommit === 1).at(-1);
  return [
    `${nodes} nodes (registered at ${registeredPerSecond.toFixed(0)}/s), ${renewalsPerSecond.toFixed(0)} renewals/s meanwhile, ` +
      `${toldPerSecond.toFixed(0)}/s told what they are to run; ${bytesOfCreate} bytes a create; ${pending} found no node, ${nodesLost} nodes were lost`,
    '',
    `| what | at once | placements/s | of ${single?.what ?? 'nothing'} | p50 ms | p99 ms | a commit | CPU µs each: server | store's leader | store, all | load |`,
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map((row) => rowOf(row, single)),
    '',
    `${met}: at least ${perSecondMin} committed placements/s`,
  ];
}

function rowOf(row: Committed, single: Committed | undefined): string {
  const { what, underWay, perSecond, p50Ms, p99Ms, perCommit, cpuUs } = row;
  const cells = [
    what,
    underWay,
    perSecond.toFixed(0),
    single === undefined ? '' : (perSecond / single.perSecond).toFixed(2),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    perCommit.toFixed(1),
    ...[cpuUs.server, cpuUs.leader, cpuUs.store, cpuUs.load].map((each) =>
      each === 0 ? '' : each.toFixed(0),
    ),
  ];
  return `| ${cells.join(' | ')} |`;
}
