import { BenchRefusal } from '../../arguments.ts';

/** Parts of a full run, in their order: first those that share a cluster with many keys. */
export const partNames = [
  'memory',
  'snapshot',
  'restart',
  'compaction',
  'defragment',
  'watchers',
  'leases',
  'expiry',
  'failover',
] as const;
export type PartName = (typeof partNames)[number];

export interface FullSettings {
  readonly only: readonly PartName[];
  readonly systems: readonly ('photon' | 'etcd')[];
  readonly keys: number;
  readonly watchers: number;
  readonly connections: number;
  readonly leases: number;
  /** How often a leader is killed. */
  readonly kills: number;
  readonly dir: string;
  readonly json: string | undefined;
}

/** @param text as given on the command line: names with commas between them. @throws BenchRefusal */
export function partsOf(text: string | undefined): readonly PartName[] {
  if (text === undefined) return partNames;
  const asked = text.split(',').map((name) => name.trim());
  for (const name of asked) {
    if ((partNames as readonly string[]).includes(name)) continue;
    throw new BenchRefusal(`--only ${name}: there are ${partNames.join(', ')}`);
  }
  return partNames.filter((name) => asked.includes(name));
}
