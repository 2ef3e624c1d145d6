import { type GroupId } from '../base/ids.ts';
import { WireError, WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { decodeConfiguration, readConfiguration, writeConfiguration } from './configuration.ts';
import { readEntry, writeEntry } from './records.ts';
import { type Entry, type GroupMessage, type RaftMessage, type SnapshotHeader } from './types.ts';

/**
 * Raft messages between nodes: a count, then for each message its group, a byte for its kind, and its fields in the
 * order of their declaration; integers are varints. Both ends run this code: a change of the layout is a new version of
 * the peer protocol.
 */
const formatVersion = 2;

const kinds: readonly RaftMessage['kind'][] = [
  'voteRequest',
  'voteResponse',
  'appendRequest',
  'appendResponse',
  'heartbeatRequest',
  'heartbeatResponse',
  'timeoutNow',
  'proposalForwarded',
  'readIndexRequest',
  'readIndexResponse',
  'proposalsRefused',
  'membershipQuery',
  'removalNotice',
];

export function encodeGroupMessages(messages: readonly GroupMessage[]): Uint8Array {
  const writer = new WireWriter();
  writer.byte(formatVersion);
  writer.varint(messages.length);
  for (const { group, message } of messages) {
    writer.varint(group);
    writer.byte(kinds.indexOf(message.kind));
    writer.varint(message.term);
    writeFields(writer, message);
  }
  return writer.finish();
}

/** The data of entries and proposals are views of the input. @throws WireError */
export function decodeGroupMessages(bytes: Uint8Array): readonly GroupMessage[] {
  const reader = new WireReader(bytes);
  checkVersion(reader);
  const messages: GroupMessage[] = [];
  for (let count = reader.varint(); count > 0; count -= 1) {
    const group = reader.varint() as GroupId;
    if (group === 0) throw new WireError('a message is of no group');
    const kind = kinds[reader.byte()];
    if (kind === undefined) throw new WireError('a message is of an unknown kind');
    messages.push({ group, message: readFields(reader, kind, reader.varint()) });
  }
  if (!reader.done) throw new WireError('messages are followed by more bytes');
  return messages;
}

export function encodeSnapshotHeader(header: SnapshotHeader): Uint8Array {
  const writer = new WireWriter();
  writer.byte(formatVersion);
  writer.varint(header.group);
  writer.varint(header.leaderTerm);
  writer.varint(header.index);
  writer.varint(header.term);
  writeConfiguration(writer, header.configuration);
  return writer.finish();
}

/** @throws WireError */
export function decodeSnapshotHeader(bytes: Uint8Array): SnapshotHeader {
  const reader = new WireReader(bytes);
  checkVersion(reader);
  const header: SnapshotHeader = {
    group: reader.varint() as GroupId,
    leaderTerm: reader.varint(),
    index: reader.varint(),
    term: reader.varint(),
    configuration: readConfiguration(reader),
  };
  if (header.group === 0) throw new WireError('a snapshot is of no group');
  if (!reader.done) throw new WireError('a snapshot header is followed by more bytes');
  return header;
}

function checkVersion(reader: WireReader): void {
  const version = reader.byte();
  if (version !== formatVersion)
    throw new WireError(`version ${version} of the peer protocol is not spoken here`);
}

function writeFields(writer: WireWriter, message: RaftMessage): void {
  switch (message.kind) {
    case 'voteRequest':
      writer.varint(message.lastIndex);
      writer.varint(message.lastTerm);
      writeBits(writer, message.preVote, message.transfer);
      break;
    case 'voteResponse':
      writeBits(writer, message.preVote, message.granted);
      break;
    case 'appendRequest':
      writer.varint(message.previousIndex);
      writer.varint(message.previousTerm);
      writer.varint(message.entries.length);
      for (const entry of message.entries) writeEntry(writer, entry);
      writer.varint(message.commitIndex);
      writer.varint(message.boot);
      break;
    case 'appendResponse':
      writer.varint(message.index);
      writeBits(writer, message.rejected, false);
      writer.varint(message.hintIndex);
      writer.varint(message.hintTerm);
      writer.varint(message.boot);
      break;
    case 'heartbeatRequest':
      writer.varint(message.commitIndex);
      writer.varint(message.readSeq);
      writer.varint(message.sentUs);
      break;
    case 'heartbeatResponse':
      writer.varint(message.readSeq);
      writer.varint(message.sentUs);
      writer.varint(message.promisedUs);
      writer.varint(message.boot);
      writer.varint(message.lastIndex);
      break;
    case 'timeoutNow':
    case 'membershipQuery':
      break;
    case 'removalNotice':
      writer.varint(message.index);
      break;
    case 'proposalForwarded':
      writer.varint(message.boot);
      writer.varint(message.forwardSeq);
      writer.varint(message.proposals.length);
      for (const proposal of message.proposals) writer.bytes(proposal);
      break;
    case 'proposalsRefused':
      writer.varint(message.boot);
      writer.varint(message.forwardSeq);
      writer.varint(message.taken);
      break;
    case 'readIndexRequest':
      writer.varint(message.boot);
      writer.varint(message.context);
      break;
    case 'readIndexResponse':
      writer.varint(message.boot);
      writer.varint(message.context);
      writer.varint(message.index);
      break;
  }
}

function readFields(reader: WireReader, kind: RaftMessage['kind'], term: number): RaftMessage {
  switch (kind) {
    case 'voteRequest': {
      const lastIndex = reader.varint();
      const lastTerm = reader.varint();
      const [preVote, transfer] = readBits(reader);
      return { kind, term, lastIndex, lastTerm, preVote, transfer };
    }
    case 'voteResponse': {
      const [preVote, granted] = readBits(reader);
      return { kind, term, preVote, granted };
    }
    case 'appendRequest':
      return readAppend(reader, term);
    case 'appendResponse':
      return readAppendResponse(reader, term);
    case 'heartbeatRequest':
      return {
        kind,
        term,
        commitIndex: reader.varint(),
        readSeq: reader.varint(),
        sentUs: reader.varint(),
      };
    case 'heartbeatResponse':
      return {
        kind,
        term,
        readSeq: reader.varint(),
        sentUs: reader.varint(),
        promisedUs: reader.varint(),
        boot: reader.varint(),
        lastIndex: reader.varint(),
      };
    case 'timeoutNow':
    case 'membershipQuery':
      return { kind, term };
    case 'removalNotice':
      return { kind, term, index: reader.varint() };
    case 'proposalForwarded':
      return {
        kind,
        term,
        boot: reader.varint(),
        forwardSeq: reader.varint(),
        proposals: readProposals(reader),
      };
    case 'proposalsRefused':
      return {
        kind,
        term,
        boot: reader.varint(),
        forwardSeq: reader.varint(),
        taken: reader.varint(),
      };
    case 'readIndexRequest':
      return { kind, term, boot: reader.varint(), context: reader.varint() };
    case 'readIndexResponse':
      return { kind, term, boot: reader.varint(), context: reader.varint(), index: reader.varint() };
  }
}

/** Indexes are not sent: they follow from the first. A configuration must be one, since it takes effect when appended. */
function readAppend(reader: WireReader, term: number): RaftMessage {
  const previousIndex = reader.varint();
  const previousTerm = reader.varint();
  const entries: Entry[] = [];
  for (let count = reader.varint(); count > 0; count -= 1) {
    const entry = readEntry(reader, previousIndex + 1 + entries.length);
    if (entry.kind === 'configuration') decodeConfiguration(entry.data);
    entries.push(entry);
  }
  const commitIndex = reader.varint();
  return {
    kind: 'appendRequest',
    term,
    previousIndex,
    previousTerm,
    entries,
    commitIndex,
    boot: reader.varint(),
  };
}

function readAppendResponse(reader: WireReader, term: number): RaftMessage {
  const index = reader.varint();
  const [rejected] = readBits(reader);
  return {
    kind: 'appendResponse',
    term,
    index,
    rejected,
    hintIndex: reader.varint(),
    hintTerm: reader.varint(),
    boot: reader.varint(),
  };
}

function readProposals(reader: WireReader): readonly Uint8Array[] {
  const proposals: Uint8Array[] = [];
  for (let count = reader.varint(); count > 0; count -= 1) proposals.push(reader.bytes());
  return proposals;
}

function writeBits(writer: WireWriter, first: boolean, second: boolean): void {
  writer.byte((first ? 1 : 0) | (second ? 2 : 0));
}

function readBits(reader: WireReader): readonly [boolean, boolean] {
  const bits = reader.byte();
  if (bits > 3) throw new WireError('a pair of flags has other bits set');
  return [(bits & 1) !== 0, (bits & 2) !== 0];
}
