import { Command, InvalidArgumentError, Option } from 'commander';

import { KafkaClientError } from '../../adapters/kafka/client/errors.ts';
import { ownCompressions, type OwnCompression } from '../../adapters/kafka/client/compression.ts';
import { type Appended, Producer } from '../../adapters/kafka/client/producer.ts';
import { type NewRecord } from '../../core/wire/kafka/records.ts';
import { type BrokerOptions, integer, settings, withBrokers } from './options.ts';
import { linesOf } from './lines.ts';
import { printJson, printLine } from './print.ts';
import { withCluster } from './session.ts';

interface Options extends BrokerOptions {
  readonly recordKey?: string;
  readonly keySeparator?: string;
  readonly deleteKey?: string;
  readonly header?: readonly (readonly [string, string])[];
  readonly partition?: number;
  readonly acks: Acks;
  readonly compression: OwnCompression;
  readonly quiet?: boolean;
}

type Acks = -1 | 0 | 1;

const command = 'photon produce';

export function produceCommand(): Command {
  return withBrokers(
    new Command('produce')
      .description('append records to a topic: the values given, or each line of standard input')
      .argument('<topic>')
      .argument('[value...]')
      .option('--record-key <key>', 'the key of each record')
      .option('--key-separator <text>', 'what stands before it in a line is the key')
      .option('--delete-key <key>', 'append a record that deletes this key from a compacted topic')
      .addOption(
        new Option('--header <name=value>', 'a header of each record; may be given again').argParser(
          settings,
        ),
      )
      .addOption(
        new Option('--partition <number>', 'where to; default: by key, without one in turn').argParser(
          integer(0),
        ),
      )
      .addOption(
        new Option('--acks <all|1|0>', 'wait for all in-sync replicas, for the leader, for nobody')
          .default(-1, 'all')
          .argParser(acksOf),
      )
      .addOption(
        new Option('--compression <codec>', 'of each batch').choices(ownCompressions).default('none'),
      )
      .option('--quiet', 'print nothing of what was appended'),
  )
    .addHelpText(
      'after',
      `
With acks all, what is sent again since its answer was lost is in the topic once. A line that comes while others are under
way goes with the next batch.

Exit codes: 0 all were appended; 1 some were not; 3 nobody knows.

Examples:
  photon produce orders 'first order'
  photon produce orders --key-separator : < orders.txt
  tail -f access.log | photon produce access --compression zstd --quiet
`,
    )
    .action((topic: string, values: readonly string[], options: Options) =>
      withCluster(options, command, async (cluster) => {
        const producer = new Producer(cluster, {
          acks: options.acks,
          compression: options.compression,
          timeoutMs: options.timeout * 1_000,
        });
        const send = async (records: readonly NewRecord[]) => {
          if (records.length === 0) return;
          tell(topic, await producer.send(topic, records, options.partition), options);
        };
        if (options.deleteKey !== undefined) {
          await send([{ ...recordOf(undefined, options), key: Buffer.from(options.deleteKey) }]);
        }
        if (values.length > 0) {
          await send(values.map((value) => recordOf(Buffer.from(value), options)));
        } else if (options.deleteKey === undefined) {
          for await (const lines of linesOf(process.stdin))
            await send(lines.map((line) => lineOf(line, options)));
        }
      }),
    );
}

function acksOf(text: string): Acks {
  if (text === 'all' || text === '-1') return -1;
  if (text === '1') return 1;
  if (text === '0') return 0;
  throw new InvalidArgumentError('it must be all, 1 or 0.');
}

function recordOf(value: Uint8Array | undefined, { recordKey, header = [] }: Options): NewRecord {
  return {
    timestampMs: Date.now(),
    key: recordKey === undefined ? undefined : Buffer.from(recordKey),
    value,
    headers: header.map(([key, text]) => ({ key, value: Buffer.from(text) })),
  };
}

function lineOf(line: Buffer, options: Options): NewRecord {
  const { keySeparator } = options;
  if (keySeparator === undefined) return recordOf(line, options);
  const at = line.indexOf(keySeparator);
  if (at < 0) {
    throw new KafkaClientError(
      `no ${JSON.stringify(keySeparator)} in the line ${JSON.stringify(line.toString())}`,
      'failed',
    );
  }
  const value = line.subarray(at + Buffer.byteLength(keySeparator));
  return { ...recordOf(value, options), key: line.subarray(0, at) };
}

function tell(topic: string, appended: readonly Appended[], { quiet, json }: Options): void {
  if (quiet === true) return;
  for (const { partition, baseOffset, count } of appended) {
    if (json === true) printJson({ topic, partition, offset: baseOffset, count });
    else if (baseOffset < 0) printLine(`${topic}-${partition}: ${count} sent`);
    else if (count === 1) printLine(`${topic}-${partition} offset ${baseOffset}`);
    else printLine(`${topic}-${partition} offsets ${baseOffset} to ${baseOffset + count - 1}`);
  }
}
