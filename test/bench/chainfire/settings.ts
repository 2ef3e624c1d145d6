import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';

import { benchArguments, BenchRefusal } from '../arguments.ts';

/** What a run measures, and how long. */
export interface BenchSettings {
  readonly quick: boolean;
  /** File for the results, as JSON. */
  readonly json: string | undefined;
  /** Holds the members' data while they are measured. */
  readonly dir: string;
  /** Of each figure. */
  readonly seconds: number;
  readonly keys: number;
  readonly manyKeys: number;
  readonly clients: readonly number[];
  readonly watchers: number;
  readonly systems: readonly ('photon' | 'etcd')[];
}

export const usage = `npm run bench -- chainfire [--quick] [--json FILE] [--dir DIR] [--system photon|etcd]

Three members of ours and three of etcd, one after the other on the same disk, under the load of h2load. Prints tables.
  --quick       short and small: to see that it works, not to compare
  --json FILE   the figures as JSON, too
  --dir DIR     where the members keep their data (default: the system's directory for temporary files)
  --system NAME one of the two alone
`;

/** @throws BenchRefusal */
export function benchSettings(args: readonly string[]): BenchSettings {
  const { quick, json, dir, system } = benchArguments(
    args,
    {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      dir: { type: 'string' },
      system: { type: 'string' },
    },
    usage,
  );
  if (system !== undefined && system !== 'photon' && system !== 'etcd') {
    throw new BenchRefusal(`--system ${system}: there are photon and etcd\n\n${usage}`);
  }
  return {
    quick,
    json,
    dir: dir ?? tmpdir(),
    seconds: quick ? 0.5 : 4,
    keys: quick ? 5_000 : 100_000,
    manyKeys: quick ? 20_000 : 1_000_000,
    clients: [1, 16, 64, 256],
    watchers: 100,
    systems: system === undefined ? ['photon', 'etcd'] : [system],
  };
}

/** Programs of others, with the Debian packages that hold them. */
const programs = {
  h2load: { flag: '--version', debian: 'nghttp2-client' },
  etcd: { flag: '--version', debian: 'etcd-server' },
  strace: { flag: '--version', debian: 'strace' },
  taskset: { flag: '--version', debian: 'util-linux' },
} as const;

/** @throws BenchRefusal that names what is missing. @returns first lines of what the programs say of their versions */
export function requirePrograms(): Readonly<Record<keyof typeof programs, string>> {
  const versions: Record<string, string> = {};
  const missing: string[] = [];
  for (const [program, { flag, debian }] of Object.entries(programs)) {
    const { error, stdout } = spawnSync(program, [flag], { encoding: 'utf8' });
    if (error === undefined) versions[program] = stdout.split('\n')[0]?.trim() ?? '';
    else missing.push(`${program} (Debian package ${debian})`);
  }
  if (missing.length > 0) throw new BenchRefusal(`this benchmark needs ${missing.join(', ')}: not found`);
  return versions as Record<keyof typeof programs, string>;
}
