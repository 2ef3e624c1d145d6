import { crc32c } from '../base/crc32c.ts';
import { utf8LengthOf } from '../base/utf8.ts';
import { WireError, WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { addressBytesMax, clusterBytesMax, incarnationMax, nameBytesMax } from './config.ts';
import { type MemberRecord, memberStates, type Rumor, type SwimMessage } from './types.ts';

/**
 * A datagram: two bytes that say what it is, the version, a byte of flags, the CRC-32C of everything else, then the cluster's
 * name and messages up to the end. A message is a byte for its kind and a part of its own length, with its fields in the order of
 * their declaration; integers are varints.
 *
 * The flags are 0. Bit 0 is kept for datagrams that end in a keyed tag: until there is one, whoever can send a datagram to a
 * member can make it believe anything, which is why nothing of consensus may rest on it.
 */
export interface Datagram {
  readonly cluster: string;
  readonly messages: readonly SwimMessage[];
}

const magicFirst = 0x50;
const magicSecond = 0x47;
const formatVersion = 1;
const noFlags = 0;
const headBytes = 8;
const checkedHeadBytes = 4;

const kinds: readonly SwimMessage['kind'][] = ['ping', 'ack', 'nack', 'pingRequest', 'sync', 'rumor'];

export function encodeMessage(message: SwimMessage): Uint8Array {
  const writer = new WireWriter();
  writer.byte(kinds.indexOf(message.kind));
  const start = writer.begin();
  writeFields(writer, message);
  writer.end(start);
  return writer.finish();
}

/** What a record takes in a `sync`. */
export function encodedRecordLength(record: MemberRecord): number {
  const writer = new WireWriter();
  writeRecord(writer, record);
  return writer.length;
}

/** What stands around messages. */
export function envelopeLength(cluster: string): number {
  // A cluster's name is so short that its length takes one byte.
  return headBytes + 1 + utf8LengthOf(cluster);
}

/** @param messages each as `encodeMessage` gives it */
export function encodeDatagram(cluster: string, messages: readonly Uint8Array[]): Uint8Array {
  const writer = new WireWriter();
  writer.byte(magicFirst);
  writer.byte(magicSecond);
  writer.byte(formatVersion);
  writer.byte(noFlags);
  writer.uint32LittleEndian(0);
  writer.text(cluster);
  for (const message of messages) writer.raw(message);
  const datagram = writer.finish();
  const checksum = checksumOf(datagram);
  for (let byte = 0; byte < 4; byte += 1)
    datagram[checkedHeadBytes + byte] = (checksum >>> (8 * byte)) & 0xff;
  return datagram;
}

/** @throws WireError for what is no datagram of ours, or is damaged */
export function decodeDatagram(datagram: Uint8Array): Datagram {
  const reader = new WireReader(datagram);
  if (reader.byte() !== magicFirst || reader.byte() !== magicSecond)
    throw new WireError('no gossip datagram');
  if (reader.byte() !== formatVersion) throw new WireError('a gossip datagram is of another version');
  if (reader.byte() !== noFlags) throw new WireError('a gossip datagram has flags that are not known');
  const checksum = reader.uint32LittleEndian();
  if (checksum !== checksumOf(datagram)) throw new WireError('a gossip datagram arrived damaged');
  const cluster = boundedText(reader, clusterBytesMax);
  const messages: SwimMessage[] = [];
  while (!reader.done) {
    const kind = kinds[reader.byte()];
    if (kind === undefined) throw new WireError('a gossip message is of an unknown kind');
    const part = reader.part();
    messages.push(readFields(part, kind));
    if (!part.done) throw new WireError('a gossip message is followed by more bytes');
  }
  return { cluster, messages };
}

function checksumOf(datagram: Uint8Array): number {
  return crc32c(datagram.subarray(headBytes), crc32c(datagram.subarray(0, checkedHeadBytes)));
}

function writeFields(writer: WireWriter, message: SwimMessage): void {
  switch (message.kind) {
    case 'ping':
      writer.varint(message.seq);
      writer.text(message.from);
      writer.text(message.target);
      break;
    case 'ack':
    case 'nack':
      writer.varint(message.seq);
      writer.text(message.from);
      break;
    case 'pingRequest':
      writer.varint(message.seq);
      writer.text(message.from);
      writer.text(message.target);
      writer.text(message.targetAddress);
      break;
    case 'sync':
      writer.text(message.from);
      writer.byte(message.wantsAnswer ? 1 : 0);
      for (const record of message.records) writeRecord(writer, record);
      break;
    case 'rumor':
      writeRecord(writer, message.rumor);
      writer.text(message.rumor.from);
      break;
  }
}

function readFields(reader: WireReader, kind: SwimMessage['kind']): SwimMessage {
  switch (kind) {
    case 'ping':
      return { kind, seq: reader.varint(), from: readName(reader), target: readName(reader) };
    case 'ack':
    case 'nack':
      return { kind, seq: reader.varint(), from: readName(reader) };
    case 'pingRequest':
      return {
        kind,
        seq: reader.varint(),
        from: readName(reader),
        target: readName(reader),
        targetAddress: readAddress(reader),
      };
    case 'sync': {
      const from = readName(reader);
      const wantsAnswer = reader.byte() === 1;
      const records: MemberRecord[] = [];
      while (!reader.done) records.push(readRecord(reader));
      return { kind, from, wantsAnswer, records };
    }
    case 'rumor': {
      const rumor: Rumor = { ...readRecord(reader), from: readName(reader) };
      return { kind, rumor };
    }
  }
}

function writeRecord(writer: WireWriter, record: MemberRecord): void {
  writer.text(record.name);
  writer.byte(memberStates.indexOf(record.state));
  writer.varint(record.incarnation);
  writer.text(record.gossipAddress);
  writer.text(record.clientAddress);
  writer.text(record.peerAddress);
  writer.text(record.note);
}

function readRecord(reader: WireReader): MemberRecord {
  const name = readName(reader);
  const state = memberStates[reader.byte()];
  if (state === undefined) throw new WireError('a member is in an unknown state');
  const incarnation = reader.varint();
  if (incarnation > incarnationMax) throw new WireError('an incarnation is out of range');
  const gossipAddress = readAddress(reader);
  const clientAddress = boundedText(reader, addressBytesMax);
  const peerAddress = boundedText(reader, addressBytesMax);
  const note = boundedText(reader, addressBytesMax);
  return { name, state, incarnation, gossipAddress, clientAddress, peerAddress, note };
}

function readName(reader: WireReader): string {
  return nonEmpty(boundedText(reader, nameBytesMax));
}

function readAddress(reader: WireReader): string {
  return nonEmpty(boundedText(reader, addressBytesMax));
}

function nonEmpty(text: string): string {
  if (text === '') throw new WireError('a name or an address is empty');
  return text;
}

function boundedText(reader: WireReader, bytesMax: number): string {
  const text = reader.text();
  if (utf8LengthOf(text) > bytesMax) throw new WireError(`a text is longer than ${bytesMax} bytes`);
  return text;
}
