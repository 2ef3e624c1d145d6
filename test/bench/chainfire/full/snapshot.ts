import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';

import { type Figure } from './figures.ts';
import { type Stage } from './stage.ts';
import { delayFigures, underLightLoad } from './under-light-load.ts';

/** `etcdctl snapshot save` of the leader, of either system, while a light load goes on. */
export async function measureSnapshot(stage: Stage): Promise<readonly Figure[]> {
  const { system, dir } = await stage.loaded();
  const leader = await system.leader();
  const file = join(dir, 'snapshot.db');
  const seen = await underLightLoad(system, { keys: stage.settings.keys, dir }, () =>
    etcdctl(['snapshot', 'save', file], leader.place.client),
  );
  return [
    { what: 'saved in', unit: 's', value: seen.seconds, atMost: 4 },
    { what: 'file', unit: 'MB', value: statSync(file).size / 1e6 },
    ...delayFigures(seen, { putsAtMostMs: 50 }),
  ];
}

/** @throws Error with what it said */
async function etcdctl(args: readonly string[], endpoint: string): Promise<void> {
  const child = spawn('etcdctl', [`--endpoints=${endpoint}`, ...args], {
    env: { ...process.env, ETCDCTL_API: '3' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8').slice(0, 10_000)));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${said}`);
}
