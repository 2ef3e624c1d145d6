import { writeFileSync } from 'node:fs';

import { requirePrograms } from '../settings.ts';
import { etcd, photon, type SystemKind } from '../systems.ts';
import { busyCores, describeMachine } from '../usage.ts';
import { measureExpiry } from './expiry.ts';
import { measureFailover } from './failover.ts';
import { type Figure, figureTable, type PartResults, verdictOf } from './figures.ts';
import { measureLeases } from './leases.ts';
import { measureMemory } from './memory.ts';
import { measureRestart } from './restart.ts';
import { type FullSettings, type PartName } from './settings.ts';
import { measureSnapshot } from './snapshot.ts';
import { Stage } from './stage.ts';
import { measureCompaction, measureDefragment } from './upkeep.ts';
import { measureWatchers } from './watchers.ts';

const kinds: Readonly<Record<SystemKind['name'], SystemKind>> = { photon, etcd };

interface Part {
  measure(stage: Stage): Promise<readonly Figure[]>;
  /** Works on the cluster with many keys, which the parts share. */
  readonly shares: boolean;
}

const parts: Readonly<Record<PartName, Part>> = {
  memory: { measure: measureMemory, shares: true },
  snapshot: { measure: measureSnapshot, shares: true },
  restart: { measure: measureRestart, shares: true },
  compaction: { measure: measureCompaction, shares: true },
  defragment: { measure: measureDefragment, shares: true },
  watchers: { measure: measureWatchers, shares: false },
  leases: { measure: measureLeases, shares: false },
  expiry: { measure: measureExpiry, shares: false },
  failover: { measure: measureFailover, shares: false },
};

/** What users of etcd ask most for, measured on both: `--full`. */
export async function runFull(settings: FullSettings, say: (text: string) => void): Promise<void> {
  const versions = requirePrograms(['etcd', 'etcdctl']);
  const startedAt = new Date().toISOString().slice(0, 16);
  const busyCoresBefore = await busyCores(1_000);
  const results: PartResults[] = [];
  for (const name of settings.systems) {
    const stage = new Stage(kinds[name], settings, say);
    try {
      for (const part of settings.only) {
        if (!parts[part].shares) await stage.unload();
        try {
          results.push(await measurePart(part, stage));
        } catch (error) {
          // The others are worth having all the same.
          stage.say(`${part} failed: ${(error as Error).stack ?? String(error)}`);
          process.exitCode = 1;
        }
      }
    } finally {
      await stage.unload();
    }
  }
  const machine = describeMachine();
  process.stdout.write(
    `${machine}. ${versions.etcd}. ${startedAt}; others used ${busyCoresBefore.toFixed(2)} cores just before.\n\n` +
      `Three members, ${settings.keys} keys, values of 256 bytes, ${settings.watchers} watchers, ${settings.leases} leases.\n\n` +
      `${figureTable(results)}\n`,
  );
  if (settings.json === undefined) return;
  const run = { machine, versions, startedAt, busyCoresBefore, settings, results };
  writeFileSync(settings.json, `${JSON.stringify(run, undefined, 2)}\n`);
}

async function measurePart(part: PartName, stage: Stage): Promise<PartResults> {
  const startMs = performance.now();
  const figures = await parts[part].measure(stage);
  const seconds = (performance.now() - startMs) / 1_000;
  for (const figure of figures) {
    const verdict = stage.kind.name === 'photon' ? ` ${verdictOf(figure)}` : '';
    const noise =
      figure.noise === undefined
        ? ''
        : ` (idle loop ${figure.noise.idle.worstMs.toFixed(1)}, disk ${figure.noise.disk.worstMs.toFixed(1)})`;
    stage.say(`${part}: ${figure.what}: ${figure.value.toFixed(2)} ${figure.unit}${noise}${verdict}`);
  }
  stage.say(`${part} took ${seconds.toFixed(0)} s`);
  return { part, system: stage.kind.name, seconds, figures };
}
