import { concatBytes } from '../../base/bytes.ts';
import { type FileSlice, type SegmentReader } from '../../storage/segment-files.ts';
import { WireError, WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type PartitionKey } from '../types.ts';
import {
  fetchErrors,
  type FetchAnswer,
  type FetchPosition,
  type ReplicaFetch,
  type ReplicaFetchAnswered,
  type ReplicaSynced,
  type ReplicationMessage,
  type SyncedMark,
} from './messages.ts';

/**
 * Messages between replicas: a count, then for each a byte for its kind and its fields in the order of their declaration.
 * Integers are varints; what may be −1 is written one higher. Records come as they lie in the segment file: a slice is a
 * chunk of its own until somebody reads it.
 */
const kinds: readonly ReplicationMessage['kind'][] = [
  'replicaFetch',
  'replicaFetchAnswered',
  'replicaSynced',
];

export type WireChunk = Uint8Array | FileSlice;

export function replicationMessageChunks(messages: readonly ReplicationMessage[]): readonly WireChunk[] {
  const chunks: WireChunk[] = [];
  const writer = new WireWriter();
  writer.varint(messages.length);
  for (const message of messages) {
    writer.byte(kinds.indexOf(message.kind));
    switch (message.kind) {
      case 'replicaFetch':
        writeFetch(writer, message);
        break;
      case 'replicaFetchAnswered':
        writeAnswers(writer, message, chunks);
        break;
      case 'replicaSynced':
        writeSynced(writer, message);
        break;
    }
  }
  chunks.push(writer.finish());
  return chunks;
}

/** @param segments where the records lie that answers name */
export function encodeReplicationMessages(
  messages: readonly ReplicationMessage[],
  segments: Pick<SegmentReader, 'read'>,
): Uint8Array {
  return concatBytes(replicationMessagePieces(messages, segments));
}

/** The same in pieces: records that are at hand are not copied. */
export function replicationMessagePieces(
  messages: readonly ReplicationMessage[],
  segments: Pick<SegmentReader, 'read'>,
): readonly Uint8Array[] {
  return replicationMessageChunks(messages).map((chunk) => bytesOfChunk(chunk, segments));
}

/** Records are views of the input. @throws WireError */
export function decodeReplicationMessages(bytes: Uint8Array): readonly ReplicationMessage[] {
  const reader = new WireReader(bytes);
  const messages: ReplicationMessage[] = [];
  for (let count = reader.varint(); count > 0; count -= 1) {
    const kind = kinds[reader.byte()];
    switch (kind) {
      case 'replicaFetch':
        messages.push(readFetch(reader));
        break;
      case 'replicaFetchAnswered':
        messages.push({ kind, answers: readList(reader, readAnswer) });
        break;
      case 'replicaSynced':
        messages.push({ kind, brokerEpoch: readEpoch(reader), marks: readList(reader, readMark) });
        break;
      case undefined:
        throw new WireError('a message between replicas is of an unknown kind');
    }
  }
  if (!reader.done) throw new WireError('messages between replicas are followed by more bytes');
  return messages;
}

/** About how many bytes a message takes on the wire. */
export function replicationMessageBytes(message: ReplicationMessage): number {
  switch (message.kind) {
    case 'replicaFetch':
      return 16 + 32 * message.positions.length;
    case 'replicaFetchAnswered':
      return message.answers.reduce((bytes, { records }) => bytes + 48 + recordsBytes(records), 16);
    case 'replicaSynced':
      return 16 + 24 * message.marks.length;
  }
}

export function recordsBytes(records: Uint8Array | FileSlice | undefined): number {
  if (records === undefined) return 0;
  return records instanceof Uint8Array ? records.length : records.lengthBytes;
}

function bytesOfChunk(chunk: WireChunk, segments: Pick<SegmentReader, 'read'>): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  const bytes = segments.read(chunk.file, chunk.positionBytes, chunk.lengthBytes);
  if (bytes.length === chunk.lengthBytes) return bytes;
  // The lengths are written: what follows would be taken for records otherwise. Nobody takes a batch of zeros for one.
  const padded = new Uint8Array(chunk.lengthBytes);
  padded.set(bytes);
  return padded;
}

function writeFetch(writer: WireWriter, message: ReplicaFetch): void {
  writer.varint(message.fetchSeq);
  writeEpoch(writer, message.brokerEpoch);
  writer.varint(message.positions.length);
  for (const position of message.positions) {
    writeKey(writer, position.key);
    writeEpoch(writer, position.leaderEpoch);
    writer.varint(position.fetchOffset);
    writeEpoch(writer, position.lastFetchedEpoch);
    writer.varint(position.syncedOffset);
    writer.varint(position.logStartOffset);
  }
}

function readFetch(reader: WireReader): ReplicaFetch {
  return {
    kind: 'replicaFetch',
    fetchSeq: reader.varint(),
    brokerEpoch: readEpoch(reader),
    positions: readList(reader, readPosition),
  };
}

function readPosition(reader: WireReader): FetchPosition {
  return {
    key: readKey(reader),
    leaderEpoch: readEpoch(reader),
    fetchOffset: reader.varint(),
    lastFetchedEpoch: readEpoch(reader),
    syncedOffset: reader.varint(),
    logStartOffset: reader.varint(),
  };
}

function writeAnswers(writer: WireWriter, message: ReplicaFetchAnswered, chunks: WireChunk[]): void {
  writer.varint(message.answers.length);
  for (const answer of message.answers) {
    writeKey(writer, answer.key);
    writer.varint(answer.fetchSeq);
    writer.byte(answer.error === 'NONE' ? 0 : 1 + fetchErrors.indexOf(answer.error));
    writeEpoch(writer, answer.leaderEpoch);
    writer.varint(answer.highWatermark);
    writer.varint(answer.logStartOffset);
    writer.byte(answer.divergence === undefined ? 0 : 1);
    if (answer.divergence !== undefined) {
      writeEpoch(writer, answer.divergence.epoch);
      writer.varint(answer.divergence.endOffset);
    }
    writer.varint(recordsBytes(answer.records));
    if (answer.records === undefined) continue;
    chunks.push(writer.finish(), answer.records);
    writer.reset();
  }
}

function readAnswer(reader: WireReader): FetchAnswer {
  const key = readKey(reader);
  const fetchSeq = reader.varint();
  const errorCode = reader.byte();
  const error = errorCode === 0 ? 'NONE' : fetchErrors[errorCode - 1];
  if (error === undefined) throw new WireError('an answer to a fetch has an unknown error');
  const leaderEpoch = readEpoch(reader);
  const highWatermark = reader.varint();
  const logStartOffset = reader.varint();
  const diverges = reader.byte();
  if (diverges > 1) throw new WireError('an answer to a fetch has other flags set');
  const divergence = diverges === 0 ? undefined : { epoch: readEpoch(reader), endOffset: reader.varint() };
  const records = reader.bytes();
  return {
    key,
    fetchSeq,
    error,
    leaderEpoch,
    highWatermark,
    logStartOffset,
    divergence,
    records: records.length === 0 ? undefined : records,
  };
}

function writeSynced(writer: WireWriter, message: ReplicaSynced): void {
  writeEpoch(writer, message.brokerEpoch);
  writer.varint(message.marks.length);
  for (const mark of message.marks) {
    writeKey(writer, mark.key);
    writeEpoch(writer, mark.leaderEpoch);
    writer.varint(mark.syncedOffset);
  }
}

function readMark(reader: WireReader): SyncedMark {
  return { key: readKey(reader), leaderEpoch: readEpoch(reader), syncedOffset: reader.varint() };
}

function writeKey(writer: WireWriter, key: PartitionKey): void {
  writer.varint(key.created);
  writer.varint(key.partition);
}

function readKey(reader: WireReader): PartitionKey {
  return { created: reader.varint(), partition: reader.varint() };
}

function writeEpoch(writer: WireWriter, epoch: number): void {
  writer.varint(epoch + 1);
}

function readEpoch(reader: WireReader): number {
  return reader.varint() - 1;
}

/** Grows as it reads: a claimed count allocates nothing. */
function readList<T>(reader: WireReader, read: (reader: WireReader) => T): readonly T[] {
  const items: T[] = [];
  for (let count = reader.varint(); count > 0; count -= 1) items.push(read(reader));
  return items;
}
