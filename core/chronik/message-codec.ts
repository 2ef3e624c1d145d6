import { decodeGroupMessages, encodeGroupMessages } from '../raft/message-codec.ts';
import { type GroupMessage } from '../raft/types.ts';
import { type SegmentReader } from '../storage/segment-files.ts';
import { WireError, WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { type BrokerMessage } from './broker-protocol.ts';

/**
 * What brokers say to each other: a version, then a block for each part that has something to say, in that part's own
 * layout. Within a block messages keep their order; between blocks none is promised, as the network promises none.
 */
const formatVersion = 1;

const parts: readonly BrokerMessage['kind'][] = ['raft'];

/** @param segments where records lie that a message only names */
export function encodeBrokerMessages(
  messages: readonly BrokerMessage[],
  segments: Pick<SegmentReader, 'read'>,
): Uint8Array {
  const raft: GroupMessage[] = [];
  for (const message of messages) raft.push(message.message);
  void segments;
  const writer = new WireWriter();
  writer.byte(formatVersion);
  if (raft.length > 0) writeBlock(writer, 'raft', encodeGroupMessages(raft));
  return writer.finish();
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
    const kind = parts[reader.byte()];
    if (kind === undefined) throw new WireError('a block of messages is of an unknown part');
    const block = reader.bytes();
    for (const message of decodeGroupMessages(block)) messages.push({ kind, message });
  }
  return messages;
}

/** About how many bytes a message takes on the wire. */
export function brokerMessageBytes(message: BrokerMessage): number {
  const raft = message.message.message;
  switch (raft.kind) {
    case 'appendRequest':
      return raft.entries.reduce((bytes, { data }) => bytes + data.length, 64);
    case 'proposalForwarded':
      return raft.proposals.reduce((bytes, { length }) => bytes + length, 64);
    default:
      return 64;
  }
}

function writeBlock(writer: WireWriter, kind: BrokerMessage['kind'], block: Uint8Array): void {
  writer.byte(parts.indexOf(kind));
  writer.bytes(block);
}
