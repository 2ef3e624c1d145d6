import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';

import { benchArguments, BenchRefusal } from '../arguments.ts';
import { type FullSettings, partNames, partsOf } from './full/settings.ts';

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
  /** Another run altogether: what users of etcd ask most for. */
  readonly full: FullSettings | undefined;
}

export const usage = `npm run bench -- chainfire [--full [--only PART,…]] [--quick] [--json FILE] [--dir DIR] [--system photon|etcd]

Three members of ours and three of etcd, one after the other on the same disk, under the load of h2load. Prints tables.
  --quick       short and small: to see that it works, not to compare
  --json FILE   the figures as JSON, too
  --dir DIR     where the members keep their data (default: the system's directory for temporary files)
  --system NAME one of the two alone
  --full        instead: memory, snapshots, restarts, upkeep, watchers, leases and failover with a million keys
  --only PARTS  of --full: ${partNames.join(', ')}
`;

/** @throws BenchRefusal */
export function benchSettings(args: readonly string[]): BenchSettings {
  const { quick, json, dir, system, full, only } = benchArguments(
    args,
    {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      dir: { type: 'string' },
      system: { type: 'string' },
      full: { type: 'boolean', default: false },
      only: { type: 'string' },
    },
    usage,
  );
  if (system !== undefined && system !== 'photon' && system !== 'etcd') {
    throw new BenchRefusal(`--system ${system}: there are photon and etcd\n\n${usage}`);
  }
  if (only !== undefined && !full) throw new BenchRefusal(`--only is for --full\n\n${usage}`);
  const systems: BenchSettings['systems'] = system === undefined ? ['photon', 'etcd'] : [system];
  const kept = { json, dir: dir ?? tmpdir(), systems };
  return {
    ...kept,
    quick,
    seconds: quick ? 0.5 : 4,
    keys: quick ? 5_000 : 100_000,
    manyKeys: quick ? 20_000 : 1_000_000,
    clients: [1, 16, 64, 256],
    watchers: 100,
    full: full ? { ...kept, ...sizes(quick), only: partsOf(only) } : undefined,
  };
}

function sizes(quick: boolean): Pick<FullSettings, 'keys' | 'watchers' | 'connections' | 'leases' | 'kills'> {
  return quick
    ? { keys: 50_000, watchers: 1_000, connections: 100, leases: 5_000, kills: 3 }
    : { keys: 1_000_000, watchers: 10_000, connections: 100, leases: 50_000, kills: 5 };
}

/** Programs of others, with the Debian packages that hold them. */
const programs = {
  h2load: { flag: '--version', debian: 'nghttp2-client' },
  etcd: { flag: '--version', debian: 'etcd-server' },
  etcdctl: { flag: 'version', debian: 'etcd-client' },
  strace: { flag: '--version', debian: 'strace' },
  taskset: { flag: '--version', debian: 'util-linux' },
} as const;

/** @throws BenchRefusal that names what is missing. @returns first lines of what the programs say of their versions */
export function requirePrograms<Program extends keyof typeof programs>(
  wanted: readonly Program[],
): Readonly<Record<Program, string>> {
  const versions: Record<string, string> = {};
  const missing: string[] = [];
  for (const program of wanted) {
    const { flag, debian } = programs[program];
    const { error, stdout } = spawnSync(program, [flag], { encoding: 'utf8' });
    if (error === undefined) versions[program] = stdout.split('\n')[0]?.trim() ?? '';
    else missing.push(`${program} (Debian package ${debian})`);
  }
  if (missing.length > 0) throw new BenchRefusal(`this benchmark needs ${missing.join(', ')}: not found`);
  return versions as Record<Program, string>;
}
