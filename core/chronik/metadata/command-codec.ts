import { present } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { type Message } from '../../wire/protobuf.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { commandBodies, type CommandName, type MetadataCommand } from './commands.ts';

/**
 * Who put a command into the log, so that he learns what became of it. That it stands there at most once is Raft's business.
 */
export interface CommandOrigin {
  readonly broker: NodeId;
  /** Drawn at that broker's start, so that its numbers mean nothing to a later life of it. */
  readonly boot: number;
  /** Counts that broker's commands of this life from 1. */
  readonly seq: number;
}

export interface LoggedCommand {
  readonly origin: CommandOrigin;
  readonly command: MetadataCommand;
}

const formatVersion = 1;

/** As they are in logs: a number is never given twice. */
const commandNumbers: Readonly<Record<CommandName, number>> = {
  registerBroker: 1,
  unfenceBroker: 2,
  fenceBroker: 3,
  beginControlledShutdown: 4,
  createTopic: 5,
  deleteTopic: 6,
  createPartitions: 7,
  alterPartition: 8,
  electLeaders: 9,
  alterReassignments: 10,
  alterConfigs: 11,
  incrementalAlterConfigs: 12,
  allocateProducerIds: 13,
  createAcls: 14,
  deleteAcls: 15,
  alterScramCredentials: 16,
  alterClientQuotas: 17,
};

const namesByNumber: ReadonlyMap<number, CommandName> = new Map(
  (Object.keys(commandNumbers) as CommandName[]).map((name) => [commandNumbers[name], name]),
);

const writer = new WireWriter();

/** A command as an entry of the log: the format's version, its kind and origin, then what it says. */
export function encodeCommand({ origin, command }: LoggedCommand): Uint8Array {
  writer.reset();
  writer.byte(formatVersion);
  writer.varint(commandNumbers[command.kind]);
  writer.varint(origin.broker);
  writer.varint(origin.boot);
  writer.varint(origin.seq);
  bodyOf(command.kind).write(writer, command);
  return writer.finish();
}

/** @throws Error for a command that a newer program has written; `WireError` where the bytes are none */
export function decodeCommand(bytes: Uint8Array): LoggedCommand {
  const reader = new WireReader(bytes);
  const version = reader.byte();
  if (version !== formatVersion) {
    throw new Error(
      `the metadata's log holds a command of format ${version}; this program reads ${formatVersion}`,
    );
  }
  const number = reader.varint();
  const kind = namesByNumber.get(number);
  if (kind === undefined) {
    throw new Error(`the metadata's log holds a command of kind ${number}, which this program does not know`);
  }
  const origin = { broker: reader.varint() as NodeId, boot: reader.varint(), seq: reader.varint() };
  const body = bodyOf(kind).read(reader) as object;
  return { origin, command: { kind, ...body } as MetadataCommand };
}

/** The origin alone, which costs less. */
export function originOf(bytes: Uint8Array): CommandOrigin {
  const reader = new WireReader(bytes, 1);
  reader.varint();
  return { broker: reader.varint() as NodeId, boot: reader.varint(), seq: reader.varint() };
}

function bodyOf(kind: CommandName): Message<unknown> {
  return present(commandBodies[kind] as unknown as Message<unknown>, 'every kind of command has a form');
}
