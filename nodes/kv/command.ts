import { Command, Option } from 'commander';

import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  sortOrders,
  sortTargets,
  TxnRequest,
} from '../../core/chainfire/api/kv.ts';
import { utf8Encode } from '../../core/wire/protobuf.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { printPages } from './get-pages.ts';
import { keyOf, type KeyRange, rangeOf } from './keys.ts';
import { electCommand } from './elect.ts';
import { leaseCommand } from './lease.ts';
import { lockCommand } from './lock.ts';
import { type CommonOptions, integer, leaseId, withConnection } from './options.ts';
import { type Answer, renderJson, renderText } from './render.ts';
import { askOnce, withSession } from './session.ts';
import { parseCompare, parseOperation, TxnSyntaxError } from './txn-syntax.ts';
import { watchCommand } from './watch.ts';

const common = `
Exit codes: 0 done; 1 refused, or surely not done; 2 wrong usage; 3 nobody knows whether a write was done;
4 get of one key that does not exist. With --json one line of JSON is printed; keys and values are text there, or
key_base64 and value_base64 where they are not UTF-8.
`;

export function kvCommand(): Command {
  const kv = new Command('kv')
    .description('read and write keys of a Chainfire cluster (or of etcd)')
    .addHelpText(
      'after',
      `${common}
Examples:
  photon kv put hello world
  photon kv get hello
  photon kv get --prefix app/ --json
  photon kv del app/ --prefix
  photon kv txn --compare 'version(hello) > 0' --then 'put hello again' --else 'get hello'
  photon kv watch app/ --prefix
  photon kv lock deploy -- make deploy
  photon kv get hello --endpoints 127.0.0.1:2379,127.0.0.1:2381
`,
    );
  const commands = [
    getCommand(),
    putCommand(),
    delCommand(),
    txnCommand(),
    compactCommand(),
    watchCommand(),
    lockCommand(),
    electCommand(),
  ];
  for (const command of commands) kv.addCommand(withConnection(command));
  kv.addCommand(leaseCommand());
  return kv;
}

function getCommand(): Command {
  interface Options extends CommonOptions {
    readonly prefix?: boolean;
    readonly fromKey?: boolean;
    readonly limit: number;
    readonly rev: number;
    readonly serializable?: boolean;
    readonly consistency: 'linearizable' | 'serializable' | 'local';
    readonly sortBy: keyof typeof sortTargets;
    readonly order?: 'ascend' | 'descend';
  }
  return new Command('get')
    .description('print a key and its value, or those of a range')
    .argument('<key>', 'the key, or where the range begins')
    .argument('[end]', 'where the range ends, itself not in it')
    .option('--prefix', 'every key that begins with <key>')
    .option('--from-key', 'every key from <key> on')
    .addOption(
      new Option('--limit <count>', 'print so many keys at most; 0: all').default(0).argParser(integer(0)),
    )
    .addOption(new Option('--rev <revision>', 'as of this revision; 0: now').default(0).argParser(integer(0)))
    .addOption(
      new Option('--sort-by <target>', 'what to sort by').choices(Object.keys(sortTargets)).default('key'),
    )
    .addOption(new Option('--order <order>', 'in which order').choices(['ascend', 'descend']))
    .addOption(
      new Option(
        '--consistency <level>',
        'linearizable: what is true now; serializable: what one member knows to be committed; local: what it has',
      )
        .choices(['linearizable', 'serializable', 'local'])
        .default('linearizable'),
    )
    .option('--serializable', 'the same as --consistency serializable')
    .option('--keys-only', 'print keys without values')
    .option('--count-only', 'print only how many keys there are')
    .action(async (key: string, end: string | undefined, options: Options) => {
      const range = rangeOf(key, end, options);
      if (isPaged(range, options)) {
        const keysOnly = options.keysOnly === true;
        const consistency = options.serializable === true ? 'serializable' : options.consistency;
        const get = { rev: options.rev, keysOnly, consistency };
        return withSession(options, ({ db }) => printPages(db, range, get));
      }
      const isLocal = options.consistency === 'local';
      const response = await askOnce(options, {
        kind: 'range',
        ...(isLocal ? { consistency: 'local' } : {}),
        request: RangeRequest.create({
          ...range,
          limit: options.limit,
          revision: options.rev,
          sortTarget: sortTargets[options.sortBy],
          sortOrder: options.order === undefined ? sortOrders.none : sortOrders[options.order],
          serializable: options.serializable === true || options.consistency === 'serializable',
          keysOnly: options.keysOnly === true,
          countOnly: options.countOnly === true,
        }),
      });
      print({ ...noAnswer, responseRange: response }, options);
      if (range.rangeEnd === '' && response.count === 0) process.exitCode = exitCodes.notFound;
    });
}

/** As text, in the order of keys, and all of them: these need not be held to be printed. */
function isPaged(
  { rangeEnd }: KeyRange,
  options: {
    readonly json: boolean;
    readonly limit: number;
    readonly sortBy: string;
    readonly order?: string | undefined;
    readonly countOnly?: boolean | undefined;
  },
): boolean {
  if (rangeEnd === '' || options.json || options.limit > 0 || options.countOnly === true) return false;
  return options.sortBy === 'key' && options.order !== 'descend';
}

function putCommand(): Command {
  interface Options extends CommonOptions {
    readonly prevKv?: boolean;
    readonly lease?: bigint;
  }
  return new Command('put')
    .description('write a key')
    .argument('<key>')
    .argument('<value>')
    .option('--prev-kv', 'print what the key held before')
    .addOption(new Option('--lease <id>', 'delete the key when this lease ends; in hex').argParser(leaseId))
    .action(async (key: string, value: string, options: Options) => {
      const request = PutRequest.create({
        key: keyOf(key),
        value: utf8Encode(value),
        lease: options.lease ?? 0n,
        prevKv: options.prevKv === true,
      });
      print({ ...noAnswer, responsePut: await askOnce(options, { kind: 'put', request }) }, options);
    });
}

function delCommand(): Command {
  interface Options extends CommonOptions {
    readonly prefix?: boolean;
    readonly fromKey?: boolean;
    readonly prevKv?: boolean;
  }
  return new Command('del')
    .description('delete a key, or a range of keys; prints how many there were')
    .argument('<key>', 'the key, or where the range begins')
    .argument('[end]', 'where the range ends, itself not in it')
    .option('--prefix', 'every key that begins with <key>')
    .option('--from-key', 'every key from <key> on')
    .option('--prev-kv', 'print what was deleted')
    .action(async (key: string, end: string | undefined, options: Options) => {
      const request = DeleteRangeRequest.create({
        ...rangeOf(key, end, options),
        prevKv: options.prevKv === true,
      });
      print(
        { ...noAnswer, responseDeleteRange: await askOnce(options, { kind: 'deleteRange', request }) },
        options,
      );
    });
}

function txnCommand(): Command {
  interface Options extends CommonOptions {
    readonly compare: readonly string[];
    readonly then: readonly string[];
    readonly else: readonly string[];
  }
  return new Command('txn')
    .description('if every compare holds do all of --then, otherwise all of --else, atomically')
    .addOption(listOption('--compare <compare>', 'TARGET(KEY) OPERATOR OPERAND; may be repeated'))
    .addOption(listOption('--then <operation>', 'what to do when all compares hold; may be repeated'))
    .addOption(listOption('--else <operation>', 'what to do otherwise; may be repeated'))
    .addHelpText(
      'after',
      `
A compare:    TARGET is version, create, mod (revisions), value or lease; OPERATOR is =, !=, > or <.
An operation: put KEY VALUE | get KEY [END] [--prefix] [--from-key] | del KEY [END] [--prefix] [--from-key]
Quote what holds spaces. The first line printed is SUCCESS or FAILURE, then what each operation answers.

Examples:
  photon kv txn --compare 'version(lock) = 0' --then 'put lock me' --else 'get lock'
  photon kv txn --compare 'value("a key") = "old value"' --then 'put "a key" "new value"'
  photon kv txn --compare 'mod(config) < 100' --then 'del config/ --prefix' --then 'put config none'
`,
    )
    .action(async (options: Options) => {
      if (options.then.length + options.else.length === 0) {
        throw new ExitError('photon kv txn: give at least one --then or --else', exitCodes.refused);
      }
      const request = parsed(() =>
        TxnRequest.create({
          compare: options.compare.map(parseCompare),
          success: options.then.map(parseOperation),
          failure: options.else.map(parseOperation),
        }),
      );
      print({ ...noAnswer, responseTxn: await askOnce(options, { kind: 'txn', request }) }, options);
    });
}

function compactCommand(): Command {
  return new Command('compact')
    .description('forget history below a revision')
    .argument('<revision>', 'reads below it fail afterwards', integer(1))
    .option('--physical', 'wait until the space is freed')
    .action(async (revision: number, options: CommonOptions & { readonly physical?: boolean }) => {
      const request = CompactionRequest.create({ revision, physical: options.physical === true });
      const response = await askOnce(options, { kind: 'compact', request });
      if (options.json) writeOut(`${JSON.stringify({ revision: response.header?.revision })}\n`);
      else writeOut(`compacted revision ${revision}\n`);
    });
}

const noAnswer: Answer = {
  responseRange: undefined,
  responsePut: undefined,
  responseDeleteRange: undefined,
  responseTxn: undefined,
};

function print(answer: Answer, options: CommonOptions): void {
  if (options.json) writeOut(`${JSON.stringify(renderJson(answer, options))}\n`);
  else for (const part of renderText(answer, options)) writeOut(part);
}

function writeOut(part: string | Uint8Array): void {
  process.stdout.write(part);
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TxnSyntaxError)
      throw new ExitError(`photon kv txn: ${error.message}`, exitCodes.refused, { cause: error });
    throw error;
  }
}

function listOption(flags: string, about: string): Option {
  return new Option(flags, about)
    .default([], 'none')
    .argParser((value: string, previous: readonly string[]) => [...previous, value]);
}
