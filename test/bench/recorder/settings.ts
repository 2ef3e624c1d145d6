import { tmpdir } from 'node:os';

import { benchArguments, BenchRefusal } from '../arguments.ts';

export interface RecorderBenchSettings {
  /** Of each round and kind. */
  readonly seconds: number;
  readonly rounds: number;
  readonly keys: number;
  readonly clients: number;
  /** Holds the members' data and recordings. */
  readonly dir: string;
  readonly json: string | undefined;
}

export const usage = `npm run bench -- recorder [--quick] [--rounds N] [--json FILE] [--dir DIR]

Two clusters of three members, one of them recorded, under the load of h2load in turns. Prints the share that is left.
  --quick       short and small: to see that it works
  --rounds N    how often each is measured, 3 to 99 (default 9)
  --json FILE   the figures as JSON, too
  --dir DIR     where the members keep their data (default: the system's directory for temporary files)
`;

/** @throws BenchRefusal */
export function recorderBenchSettings(args: readonly string[]): RecorderBenchSettings {
  const {
    quick,
    rounds = quick ? '3' : '9',
    json,
    dir,
  } = benchArguments(
    args,
    {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string' },
    },
    usage,
  );
  if (!/^\d{1,2}$/.test(rounds) || Number(rounds) < 3) {
    throw new BenchRefusal(`--rounds ${rounds}: allowed are 3 to 99\n\n${usage}`);
  }
  return {
    seconds: quick ? 0.5 : 4,
    rounds: Number(rounds),
    keys: quick ? 5_000 : 100_000,
    clients: 64,
    dir: dir ?? tmpdir(),
    json,
  };
}
