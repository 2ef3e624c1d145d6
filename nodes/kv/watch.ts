import { Command, Option } from 'commander';

import { errorOfWatchEnd } from '../../adapters/client/errors.ts';
import { type GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { type OpenWatch } from '../../adapters/client/driver.ts';
import { type Event, eventTypes } from '../../core/chainfire/api/watch.ts';
import { type WatchBatch, type WatchTarget } from '../../core/chainfire/client/protocol.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { rangeOf } from './keys.ts';
import { type CommonOptions, integer } from './options.ts';
import { keyValueJson, pair } from './render.ts';
import { withSession } from './session.ts';

interface Options extends CommonOptions {
  readonly prefix?: boolean;
  readonly fromKey?: boolean;
  readonly rev: number;
  readonly prevKv?: boolean;
  readonly progressNotify?: boolean;
}

export function watchCommand(): Command {
  return new Command('watch')
    .description('print changes of a key or a range as they happen, until it is stopped')
    .argument('<key>', 'the key, or where the range begins')
    .argument('[end]', 'where the range ends, itself not in it')
    .option('--prefix', 'every key that begins with <key>')
    .option('--from-key', 'every key from <key> on')
    .addOption(
      new Option('--rev <revision>', 'from this revision on; 0: from now on')
        .default(0)
        .argParser(integer(0)),
    )
    .option('--prev-kv', 'print what the key held before, too')
    .option('--progress-notify', 'print how far it has come while nothing changes')
    .addHelpText(
      'after',
      `
For each change PUT or DELETE is printed, then key and value (with --prev-kv those before it first). It goes on where it
was when a member is lost. Exit code 1: what comes next has been compacted, or nobody could be reached in --timeout.

Examples:
  photon kv watch app/ --prefix
  photon kv watch hello --rev 1 --prev-kv
`,
    )
    .action(async (key: string, end: string | undefined, options: Options) => {
      const target: WatchTarget = {
        ...rangeOf(key, end, options),
        startRevision: options.rev,
        prevKv: options.prevKv === true,
        filters: [],
        progressNotify: options.progressNotify === true,
      };
      await withSession(options, ({ client }) => watch(client, target, options));
    });
}

/** Ends when the watch does, or whoever reads the output is gone. */
function watch(client: GrpcChainfireClient, target: WatchTarget, options: Options): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const why = client.lastStreamFailure ?? 'nobody answered';
      reject(new ExitError(`photon kv: not done: no member has set the watch up; ${why}`, exitCodes.failed));
    }, options.timeout * 1_000);
    let isSetUp = false;
    const open: OpenWatch = client.watch(target, {
      delivered: (batch) => {
        clearTimeout(timer);
        const isFirst = !isSetUp;
        isSetUp = true;
        if (isFirst && batch.events.length === 0) return;
        // A pipe that is full is not written to: the member keeps what follows.
        if (!print(batch, options)) {
          open.pause();
          process.stdout.once('drain', () => open.resume());
        }
      },
      ended: (end) => {
        clearTimeout(timer);
        reject(errorOfWatchEnd(end));
      },
    });
    process.stdout.once('error', () => resolve());
  });
}

/** @returns false: the output wants no more for now */
function print({ revision, events }: WatchBatch, options: Options): boolean {
  if (options.json) {
    return process.stdout.write(`${JSON.stringify({ revision, events: events.map(eventJson) })}\n`);
  }
  if (events.length === 0) return process.stdout.write(`progress notify: ${revision}\n`);
  return process.stdout.write(Buffer.concat(events.flatMap(eventText)));
}

function eventText({ type, kv, prevKv }: Event): readonly Uint8Array[] {
  const name = type === eventTypes.delete ? 'DELETE\n' : 'PUT\n';
  return [
    Buffer.from(name),
    ...(prevKv === undefined ? [] : pair(prevKv)),
    ...(kv === undefined ? [] : pair(kv)),
  ];
}

function eventJson({ type, kv, prevKv }: Event): Record<string, unknown> {
  return {
    type: type === eventTypes.delete ? 'delete' : 'put',
    ...(kv === undefined ? {} : keyValueJson(kv)),
    ...(prevKv === undefined ? {} : { prev_kv: keyValueJson(prevKv) }),
  };
}
