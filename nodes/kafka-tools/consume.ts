import { once } from 'node:events';

import { Command, Option } from 'commander';

import { type KafkaCluster } from '../../adapters/kafka/client/cluster.ts';
import {
  type Delivered,
  GroupReader,
  PartitionReader,
  type RecordReader,
} from '../../adapters/kafka/client/readers.ts';
import { type Place } from '../../adapters/kafka/client/offsets.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { stopRequest } from '../process/stop-request.ts';
import { type BrokerOptions, integer, integers, withBrokers } from './options.ts';
import { placeOf } from './places.ts';
import { withCluster } from './session.ts';

interface Options extends BrokerOptions {
  readonly group?: string;
  readonly from: Place | number;
  readonly partition?: readonly number[];
  readonly count?: number;
  readonly untilEnd?: boolean;
  readonly uncommitted?: boolean;
  readonly keys?: boolean;
}

const command = 'photon consume';
const sessionTimeoutMs = 30_000;
const rebalanceTimeoutMs = 60_000;
const partitionBytesMax = 1_048_576;
const waitMs = 500;

export function consumeCommand(): Command {
  return withBrokers(
    new Command('consume')
      .description('print the records of topics as they come, until it is stopped')
      .argument('<topic...>')
      .option('--group <id>', 'as a member of this group, which remembers how far it has come')
      .addOption(
        new Option(
          '--from <place>',
          'beginning, end, an offset, or a time as 2026-01-31T12:00:00Z; in a group: where it has come to no offset yet',
        )
          .default('beginning')
          .argParser(placeOf),
      )
      .addOption(new Option('--partition <list>', 'only these, without a group').argParser(integers))
      .addOption(new Option('--count <number>', 'stop when so many are printed').argParser(integer(1)))
      .option('--until-end', 'stop when everything that is there now is printed')
      .option('--uncommitted', 'print records of transactions that have not ended or were aborted, too')
      .option('--keys', 'print key, tab, value'),
  )
    .addHelpText(
      'after',
      `
Values are printed as they are, a line each; with --json one object a record: keys, values and headers as text, or
as …_base64 where they are not UTF-8. A group's offsets are stored every few seconds and at the end.

Examples:
  photon consume orders
  photon consume orders --from end --keys
  photon consume orders --until-end --json
  photon consume orders --group billing
`,
    )
    .action((topics: readonly string[], options: Options) =>
      withCluster(options, command, (cluster) => consume(cluster, topics, options)),
    );
}

async function consume(cluster: KafkaCluster, topics: readonly string[], options: Options): Promise<void> {
  const from = typeof options.from === 'string' ? placeOf(options.from) : options.from;
  if (options.group !== undefined && options.partition !== undefined) {
    throw new ExitError(
      `${command}: --partition and --group do not go together: a group shares out all of them`,
      exitCodes.refused,
    );
  }
  const fetch = {
    isolation: options.uncommitted === true ? 'readUncommitted' : 'readCommitted',
    waitMs,
    partitionBytesMax,
  } as const;
  const reader: RecordReader =
    options.group === undefined
      ? await PartitionReader.open(cluster, { topics, partitions: options.partition, from, fetch })
      : new GroupReader(cluster, {
          membership: { group: options.group, topics, sessionTimeoutMs, rebalanceTimeoutMs },
          from,
          fetch,
        });
  let stopping = false;
  void stopRequest().then(() => {
    stopping = true;
  });
  let left = options.count ?? Infinity;
  const end = options.untilEnd === true ? await reader.ends() : undefined;
  try {
    while (!stopping && left > 0 && !(end !== undefined && reader.hasReached(end))) {
      for (const record of await reader.next()) {
        if (left <= 0 || stopping) break;
        await print(record, options);
        reader.done(record);
        left -= 1;
      }
    }
  } finally {
    await reader.close();
  }
}

const tab = Buffer.from('\t');
const newline = Buffer.from('\n');

async function print(record: Delivered, { json, keys }: Options): Promise<void> {
  const { topic, partition, offset, timestampMs, key, value, headers } = record;
  const bytes =
    json === true
      ? Buffer.from(
          `${JSON.stringify({
            topic,
            partition,
            offset,
            timestamp: new Date(timestampMs).toISOString(),
            ...textOrBase64('key', key),
            ...textOrBase64('value', value),
            headers: headers.map((header) => ({ key: header.key, ...textOrBase64('value', header.value) })),
          })}\n`,
        )
      : Buffer.concat([
          ...(keys === true ? [key ?? new Uint8Array(0), tab] : []),
          value ?? new Uint8Array(0),
          newline,
        ]);
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
}

/** Null stays null. */
export function textOrBase64(name: string, bytes: Uint8Array | undefined): Record<string, string | null> {
  if (bytes === undefined) return { [name]: null };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  return Buffer.from(text).equals(buffer)
    ? { [name]: text }
    : { [`${name}_base64`]: buffer.toString('base64') };
}
