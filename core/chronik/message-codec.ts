import { unreachable } from '../base/assert.ts';
import { concatBytes } from '../base/bytes.ts';
import { decodeGroupMessages, encodeGroupMessages } from '../raft/message-codec.ts';
import { type GroupMessage } from '../raft/types.ts';
import { type SegmentReader } from '../storage/segment-files.ts';
import { WireError, WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { type BrokerMessage } from './broker-protocol.ts';
import { BrokerBeat } from './metadata/messages.ts';
import {
  decodeReplicationMessages,
  replicationMessagePieces,
  replicationMessageBytes,
} from './replication/message-codec.ts';
import { type ReplicationMessage } from './replication/messages.ts';
import {
  isMarkerMessage,
  type MarkerMessage,
  readMarkerMessage,
  writeMarkerMessage,
} from './transaction/messages.ts';

/**
 * What brokers say to each other: a version, then blocks, each with a byte for whose it is, its length, and messages in the
 * layout of the part that they belong to. Within a block messages keep their order; between blocks none is promised, as the
 * network promises none.
 */
const formatVersion = 1;

/** In the order of their numbers on the wire; a new one comes last. */
const blocks = ['raft', 'beat', 'replication', 'marker'] as const;

/** @param segments where records lie that a message only names */
export function encodeBrokerMessages(
  messages: readonly BrokerMessage[],
  segments: Pick<SegmentReader, 'read'>,
): Uint8Array {
  return concatBytes(brokerMessageChunks(messages, segments));
}

/** The same in pieces that follow each other: records that are at hand are not copied. */
export function brokerMessageChunks(
  messages: readonly BrokerMessage[],
  segments: Pick<SegmentReader, 'read'>,
): readonly Uint8Array[] {
  const raft: GroupMessage[] = [];
  const replication: ReplicationMessage[] = [];
  const chunks: Uint8Array[] = [Uint8Array.of(formatVersion)];
  for (const message of messages) {
    if (message.kind === 'raft') raft.push(message.message);
    else if (message.kind === 'brokerBeat') addBlock(chunks, 'beat', BrokerBeat.encode(message.beat));
    else if (isMarkerMessage(message)) addBlock(chunks, 'marker', encodeMarkerMessage(message));
    else replication.push(message);
  }
  if (raft.length > 0) addBlock(chunks, 'raft', encodeGroupMessages(raft));
  if (replication.length > 0) {
    addBlock(chunks, 'replication', ...replicationMessagePieces(replication, segments));
  }
  return chunks;
}

/** Bytes in messages are views of the input. @throws WireError */
export function decodeBrokerMessages(bytes: Uint8Array): readonly BrokerMessage[] {
  const reader = new WireReader(bytes);
  const version = reader.byte();
  if (version !== formatVersion) {
    throw new WireError(`version ${version} of the brokers' protocol is not spoken here`);
  }
  const messages: BrokerMessage[] = [];
  while (!reader.done) {
    const block = blocks[reader.byte()];
    const content = reader.bytes();
    switch (block) {
      case 'raft':
        for (const message of decodeGroupMessages(content)) messages.push({ kind: 'raft', message });
        break;
      case 'beat':
        messages.push({ kind: 'brokerBeat', beat: BrokerBeat.decode(content) });
        break;
      case 'replication':
        for (const message of decodeReplicationMessages(content)) messages.push(message);
        break;
      case 'marker':
        messages.push(readMarkerMessage(new WireReader(content)));
        break;
      case undefined:
        throw new WireError('a block of messages is of an unknown kind');
      default:
        unreachable(block);
    }
  }
  return messages;
}

const smallMessageBytes = 64;

/** About how many bytes a message takes on the wire. */
export function brokerMessageBytes(message: BrokerMessage): number {
  if (message.kind === 'raft') return raftMessageBytes(message.message);
  if (message.kind === 'brokerBeat' || isMarkerMessage(message)) return smallMessageBytes;
  return replicationMessageBytes(message);
}

function raftMessageBytes({ message }: GroupMessage): number {
  switch (message.kind) {
    case 'appendRequest':
      return message.entries.reduce((bytes, { data }) => bytes + data.length, smallMessageBytes);
    case 'proposalForwarded':
      return message.proposals.reduce((bytes, { length }) => bytes + length, smallMessageBytes);
    default:
      return smallMessageBytes;
  }
}

function encodeMarkerMessage(message: MarkerMessage): Uint8Array {
  const writer = new WireWriter();
  writeMarkerMessage(writer, message);
  return writer.finish();
}

function addBlock(
  chunks: Uint8Array[],
  block: (typeof blocks)[number],
  ...content: readonly Uint8Array[]
): void {
  const writer = new WireWriter();
  writer.byte(blocks.indexOf(block));
  writer.varint(content.reduce((length, piece) => length + piece.length, 0));
  chunks.push(writer.finish(), ...content);
}
