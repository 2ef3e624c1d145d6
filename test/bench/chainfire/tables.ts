import { type Measurement } from './measure.ts';
import { found, type Results, type SystemResults } from './results.ts';

/** The results as Markdown, to be read and to be kept. */
export function tables(results: Results): string {
  const photon = results.systems.find(({ name }) => name === 'photon');
  const etcd = results.systems.find(({ name }) => name === 'etcd');
  const parts = [
    `${results.machine}. ${results.versions['etcd'] ?? ''}, ${results.versions['h2load'] ?? ''}. ` +
      `${results.startedAt}; others used ${results.busyCoresBefore.toFixed(2)} cores just before.`,
    `Three members, ${grouped(results.keys)} keys, values of 256 bytes, through the leader, ${results.seconds} s a figure. ` +
      'Each client is a connection with one call under way.',
    '### Beside etcd',
    sharedTable(photon, etcd),
    '### Beside an echo on the same server library',
    'The leader, or the echo, has core 0 to itself with all its threads; load generator and followers have core 1.',
    pinnedTable(photon, results.echo.pinned),
    '### Memory, restart, syncs, fan-out',
    restTable(results.systems),
    '### What was to be reached',
    targetTable(photon, etcd, results.echo.pinned),
  ];
  return `${parts.join('\n\n')}\n`;
}

function sharedTable(photon: SystemResults | undefined, etcd: SystemResults | undefined): string {
  const rows: string[][] = [];
  for (const { operation, clients } of (photon ?? etcd)?.shared ?? []) {
    const ours = found(photon?.shared, operation, clients);
    const theirs = found(etcd?.shared, operation, clients);
    rows.push([
      operation,
      String(clients),
      rate(ours),
      rate(theirs),
      ratio(ours?.callsPerSecond, theirs?.callsPerSecond),
      latency(ours),
      latency(theirs),
      cpu(ours),
      cpu(theirs),
    ]);
  }
  return table(
    [
      ...['operation', 'clients', 'ours /s', 'etcd /s', 'ratio', 'ours p50 / p99 ms', 'etcd p50 / p99 ms'],
      ...['ours CPU µs leader / all', 'etcd CPU µs leader / all'],
    ],
    rows,
  );
}

function pinnedTable(photon: SystemResults | undefined, echo: readonly Measurement[]): string {
  const rows: string[][] = [];
  for (const { operation, clients } of echo) {
    const ours = found(photon?.pinned, operation, clients);
    const theirs = found(echo, operation, clients);
    rows.push([
      operation,
      String(clients),
      rate(ours),
      rate(theirs),
      ratio(ours?.callsPerSecond, theirs?.callsPerSecond),
      ours?.leaderCpuUs.toFixed(0) ?? '–',
      theirs?.leaderCpuUs.toFixed(0) ?? '–',
      ratio(theirs?.leaderCpuUs, ours?.leaderCpuUs),
    ]);
  }
  return table(
    [
      ...['operation', 'clients', 'ours /s', 'echo /s', 'ratio'],
      ...['ours CPU µs', 'echo CPU µs', 'ratio by CPU'],
    ],
    rows,
  );
}

function restTable(systems: readonly SystemResults[]): string {
  const many = systems[0]?.manyKeys.keys ?? 0;
  const of = (value: (system: SystemResults) => string): string[] => systems.map(value);
  const rows = [
    ['RssAnon / RssFile of the leader after the runs, MB', ...of(({ memory }) => memoryText(memory))],
    [`${grouped(many)} keys: loaded in, s`, ...of(({ manyKeys }) => manyKeys.loadSeconds.toFixed(1))],
    [`${grouped(many)} keys: store, MB`, ...of(({ manyKeys }) => megabytes(manyKeys.storeBytes))],
    [
      `${grouped(many)} keys: RssAnon / RssFile after loading`,
      ...of(({ manyKeys }) => memoryText(manyKeys.afterLoad)),
    ],
    [`${grouped(many)} keys: most under load`, ...of(({ manyKeys }) => memoryText(manyKeys.underLoad))],
    [`${grouped(many)} keys: after a restart`, ...of(({ manyKeys }) => memoryText(manyKeys.afterRestart))],
    [
      `${grouped(many)} keys: restart after a stop / a kill, s`,
      ...of(({ manyKeys: { restartMs, restartAfterKillMs } }) =>
        [restartMs, restartAfterKillMs].map((ms) => (ms / 1_000).toFixed(2)).join(' / '),
      ),
    ],
    ...(systems[0]?.syncs ?? []).map(({ clients }, at) => [
      `syncs of the leader for each put, ${clients} clients`,
      ...of(({ syncs }) => syncs[at]?.syncsPerWrite.toFixed(3) ?? '–'),
    ]),
    [
      `watch, one key to ${systems[0]?.fanOut.watchers ?? 0} watchers: events/s`,
      ...of(({ fanOut }) => grouped(Math.round(fanOut.eventsPerSecond))),
    ],
    [
      'watch: from one put to its last event, p50 / p99 ms',
      ...of(
        ({ fanOut }) => `${(fanOut.lagP50Us / 1_000).toFixed(2)} / ${(fanOut.lagP99Us / 1_000).toFixed(2)}`,
      ),
    ],
  ];
  return table(['', ...systems.map(({ name }) => (name === 'photon' ? 'ours' : name))], rows);
}

function targetTable(
  photon: SystemResults | undefined,
  etcd: SystemResults | undefined,
  echo: readonly Measurement[],
): string {
  const rows: string[][] = [];
  const goal = (what: string, reached: number | undefined, wanted: number, more: boolean): void => {
    if (reached === undefined || !Number.isFinite(reached)) return;
    const met = more ? reached >= wanted : reached <= wanted;
    rows.push([what, `${more ? '≥' : '≤'} ${wanted}`, reached.toFixed(2), met ? 'met' : 'missed']);
  };
  const by = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : a / b;
  const put = (system: SystemResults | undefined, clients: number) => found(system?.shared, 'put', clients);
  goal(
    'put at 1 client, of etcd’s',
    by(put(photon, 1)?.callsPerSecond, put(etcd, 1)?.callsPerSecond),
    0.8,
    true,
  );
  goal('p99 of puts at 64 clients, of etcd’s', by(put(photon, 64)?.p99Us, put(etcd, 64)?.p99Us), 1.5, false);
  for (const { operation, clients, callsPerSecond } of echo) {
    if (clients < 16) continue;
    const ours = found(photon?.pinned, operation, clients);
    goal(
      `${operation} at ${clients} clients, of an echo`,
      by(ours?.callsPerSecond, callsPerSecond),
      0.6,
      true,
    );
  }
  if (photon !== undefined) {
    const { keys, underLoad, restartMs, restartAfterKillMs } = photon.manyKeys;
    goal(`RssAnon with ${grouped(keys)} keys under load, MB`, underLoad.rssAnonBytes / 1e6, 250, false);
    goal(`restart with ${grouped(keys)} keys, s`, Math.max(restartMs, restartAfterKillMs) / 1_000, 3, false);
  }
  return table(['what', 'wanted', 'reached', ''], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, at) => (at === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function rate(measurement: Measurement | undefined): string {
  return measurement === undefined ? '–' : grouped(Math.round(measurement.callsPerSecond));
}

function latency(measurement: Measurement | undefined): string {
  if (measurement === undefined) return '–';
  return [measurement.p50Us, measurement.p99Us].map((us) => (us / 1_000).toFixed(2)).join(' / ');
}

function cpu(measurement: Measurement | undefined): string {
  if (measurement === undefined) return '–';
  return `${measurement.leaderCpuUs.toFixed(0)} / ${measurement.allCpuUs.toFixed(0)}`;
}

function ratio(of: number | undefined, to: number | undefined): string {
  return of === undefined || to === undefined || to === 0 ? '–' : (of / to).toFixed(2);
}

function memoryText(memory: { readonly rssAnonBytes: number; readonly rssFileBytes: number }): string {
  return `${megabytes(memory.rssAnonBytes)} / ${megabytes(memory.rssFileBytes)}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(0);
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
