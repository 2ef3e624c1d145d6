import { Command, Option } from 'commander';

import { ChainfireError } from '../../adapters/client/errors.ts';
import { type Leadership } from '../../adapters/client/election.ts';
import { utf8Encode } from '../../core/wire/protobuf.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { exitCodeOf, StopSignals, untilStopped } from './held.ts';
import { type CommonOptions, integer } from './options.ts';
import { bytesJson } from './render.ts';
import { type Session, withSession } from './session.ts';

interface Options extends CommonOptions {
  readonly listen?: boolean;
  readonly ttl: number;
  readonly wait?: number;
}

export function electCommand(): Command {
  return new Command('elect')
    .description('stand for election and lead until it is stopped, or listen to who leads')
    .argument('<name>', 'the election: etcdctl elect of the same name takes part in it')
    .argument('[value]', 'what to say as the leader')
    .option('-l, --listen', 'print the leader, and whoever follows')
    .addOption(
      new Option('--ttl <seconds>', 'how long others wait when this process is gone')
        .default(10)
        .argParser(integer(1)),
    )
    .addOption(
      new Option('--wait <seconds>', 'give up standing for election then; otherwise never').argParser(
        integer(1),
      ),
    )
    .addHelpText(
      'after',
      `
Once it leads, or another does with --listen, the leader's key and value are printed. When its lease is lost it leads no
longer, and the exit code is 1.

Examples:
  photon kv elect chief host-1
  photon kv elect --listen chief
`,
    )
    .action(async (name: string, value: string | undefined, options: Options) => {
      if (options.listen !== true && value === undefined) {
        throw new ExitError('photon kv elect: give a value, or --listen', exitCodes.refused);
      }
      using stop = new StopSignals();
      await withSession(options, (session) =>
        options.listen === true
          ? listen(session, name, stop.signal, options)
          : lead(session, { name, value: value ?? '', stop: stop.signal }, options),
      );
    });
}

async function listen({ db }: Session, name: string, stop: AbortSignal, options: Options): Promise<void> {
  for await (const leader of db.election(name).observe({ signal: stop })) {
    if (leader !== undefined) print(leader.keyBytes, leader.valueBytes, options);
  }
}

async function lead(
  { db }: Session,
  { name, value, stop }: { readonly name: string; readonly value: string; readonly stop: AbortSignal },
  options: Options,
): Promise<void> {
  let leadership: Leadership;
  try {
    leadership = await db.election(name).campaign(value, {
      ttlSeconds: options.ttl,
      timeoutMs: options.wait === undefined ? undefined : options.wait * 1_000,
      signal: stop,
    });
  } catch (error) {
    if (!stop.aborted || !(error instanceof ChainfireError)) throw error;
    process.exitCode = exitCodeOf(String(stop.reason));
    return;
  }
  try {
    print(leadership.keyBytes, utf8Encode(value), options);
    await untilStopped(stop, leadership.lease);
  } finally {
    await leadership.resign();
  }
}

function print(key: Uint8Array, value: Uint8Array, options: Options): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ...bytesJson('key', key), ...bytesJson('value', value) })}\n`);
  } else {
    const newline = Buffer.from('\n');
    process.stdout.write(Buffer.concat([key, newline, value, newline]));
  }
}
