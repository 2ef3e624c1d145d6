import { Command, Option } from 'commander';

import { ChainfireError } from '../../adapters/client/errors.ts';
import { type Lock } from '../../adapters/client/lock.ts';
import { utf8Decode } from '../../core/wire/protobuf.ts';
import { exitCodeOf, runHolding, StopSignals, untilStopped } from './held.ts';
import { type CommonOptions, integer } from './options.ts';
import { bytesJson } from './render.ts';
import { type Session, withSession } from './session.ts';

interface Options extends CommonOptions {
  readonly ttl: number;
  readonly wait?: number;
}

export function lockCommand(): Command {
  return new Command('lock')
    .description('take a lock, and hold it until a command ends or this is stopped')
    .argument('<name>', 'the lock: etcdctl lock of the same name excludes this one')
    .argument('[command...]', 'what to run while it is held; put -- before what has options of its own')
    .addOption(
      new Option('--ttl <seconds>', 'how long others wait when this process is gone')
        .default(10)
        .argParser(integer(1)),
    )
    .addOption(
      new Option('--wait <seconds>', 'give up waiting for it then; otherwise never').argParser(integer(1)),
    )
    .addHelpText(
      'after',
      `
The command finds the lock's key in PHOTON_LOCK_KEY and its fencing token in PHOTON_LOCK_TOKEN; its exit code is the exit
code. Without a command the key is printed. The token rises from holder to holder: whatever the lock guards should refuse
one that is lower than it has seen. When the lease is lost the command is told to end (SIGTERM), and the exit code is 1.

Examples:
  photon kv lock deploy -- make deploy
  photon kv lock deploy --wait 10 -- sh -c 'echo held with token $PHOTON_LOCK_TOKEN'
`,
    )
    .action(async (name: string, command: readonly string[], options: Options) => {
      using stop = new StopSignals();
      await withSession(options, (session) => held(session, { name, command, stop: stop.signal }, options));
    });
}

async function held(
  { db }: Session,
  task: { readonly name: string; readonly command: readonly string[]; readonly stop: AbortSignal },
  options: Options,
): Promise<void> {
  const { stop } = task;
  let lock: Lock;
  try {
    lock = await db.lock(task.name, {
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
    const [program, ...args] = task.command;
    if (program === undefined) {
      print(lock, options);
      await untilStopped(stop, lock.lease);
    } else {
      const environment = {
        PHOTON_LOCK_KEY: utf8Decode(lock.keyBytes),
        PHOTON_LOCK_TOKEN: String(lock.token),
      };
      process.exitCode = await runHolding([program, ...args], environment, { stop, lease: lock.lease });
    }
  } finally {
    await lock.unlock();
  }
}

function print(lock: Lock, options: Options): void {
  if (options.json) {
    const json = { ...bytesJson('key', lock.keyBytes), token: lock.token };
    process.stdout.write(`${JSON.stringify(json)}\n`);
  } else {
    process.stdout.write(Buffer.concat([lock.keyBytes, Buffer.from('\n')]));
  }
}
