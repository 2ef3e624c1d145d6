import { utf8Decode, WireError } from '../../wire/reader.ts';
import { KafkaReader } from '../../wire/kafka/reader.ts';
import { type KafkaWriter } from '../../wire/kafka/writer.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';

/** How far a group has come in one partition. */
export interface CommittedOffset {
  /** Of the next record to consume. */
  readonly offset: Offset;
  /** Of the leader that wrote the last record consumed (KIP-320); −1 when the client did not say. */
  readonly leaderEpoch: LeaderEpoch;
  /** What the client wanted kept beside it. */
  readonly metadata: string;
  /** Wall time of the commit. */
  readonly commitMs: number;
  /** Wall time at which a client wanted it forgotten; −1: the retention of the broker decides. */
  readonly expireMs: number;
}

export interface StoredMember {
  readonly id: string;
  readonly instanceId: string | undefined;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** The member's metadata for the group's protocol. */
  readonly subscription: Uint8Array;
  readonly assignment: Uint8Array;
}

/** A generation of a group as it is kept: one whose assignment was made, or one without members. */
export interface StoredGroup {
  /** Empty when the group has had no members. */
  readonly protocolType: string;
  readonly generation: number;
  readonly protocol: string | undefined;
  readonly leader: string | undefined;
  /** Wall time at which the group came into the state that it is in; −1 unknown. Retention of an empty group begins there. */
  readonly stateSinceMs: number;
  readonly members: readonly StoredMember[];
}

export interface OffsetRecord {
  readonly kind: 'offset';
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** Undefined: forgotten (a tombstone). */
  readonly value: CommittedOffset | undefined;
}

export interface GroupRecord {
  readonly kind: 'group';
  readonly group: string;
  /** Undefined: the group is no more (a tombstone). */
  readonly value: StoredGroup | undefined;
}

/** What one record of `__consumer_offsets` says. Kafka's own formats: its tools read the topic. */
export type OffsetsRecord = OffsetRecord | GroupRecord;

/** Versions of the formats, each the first field of a key or value. Keys' versions tell the two kinds apart. */
const offsetKeyVersion = 1;
const groupKeyVersion = 2;
const offsetValueVersion = 3;
/** The last version of an offset's value that has an expiry of its own. */
const expiringValueVersion = 1;
const groupValueVersion = 3;

export function writeOffsetsKey(writer: KafkaWriter, record: OffsetsRecord): void {
  if (record.kind === 'group') {
    writer.int16(groupKeyVersion);
    writer.string(record.group);
    return;
  }
  writer.int16(offsetKeyVersion);
  writer.string(record.group);
  writer.string(record.topic);
  writer.int32(record.partition);
}

export function writeOffsetValue(writer: KafkaWriter, value: CommittedOffset): void {
  if (value.expireMs >= 0) {
    writer.int16(expiringValueVersion);
    writer.int64(value.offset);
    writer.string(value.metadata);
    writer.int64(value.commitMs);
    writer.int64(value.expireMs);
    return;
  }
  writer.int16(offsetValueVersion);
  writer.int64(value.offset);
  writer.int32(value.leaderEpoch);
  writer.string(value.metadata);
  writer.int64(value.commitMs);
}

export function writeGroupValue(writer: KafkaWriter, value: StoredGroup): void {
  writer.int16(groupValueVersion);
  writer.string(value.protocolType);
  writer.int32(value.generation);
  writeNullable(writer, value.protocol);
  writeNullable(writer, value.leader);
  writer.int64(value.stateSinceMs);
  writer.int32(value.members.length);
  for (const member of value.members) {
    writer.string(member.id);
    writeNullable(writer, member.instanceId);
    writer.string(member.clientId);
    writer.string(member.clientHost);
    writer.int32(member.rebalanceTimeoutMs);
    writer.int32(member.sessionTimeoutMs);
    writer.int32(member.subscription.length);
    writer.raw(member.subscription);
    writer.int32(member.assignment.length);
    writer.raw(member.assignment);
  }
}

/**
 * Reads a record of any version that Kafka has written, up to those that this project writes.
 *
 * @returns undefined when the key is of a kind that is not known: of groups of another protocol, which are not ours to keep
 * @throws WireError when it is not what its versions say
 */
export function readOffsetsRecord(key: Uint8Array, value: Uint8Array | undefined): OffsetsRecord | undefined {
  const reader = new KafkaReader(key);
  const version = reader.int16();
  if (version < 0 || version > groupKeyVersion) return undefined;
  const group = readText(reader);
  if (version === groupKeyVersion) {
    return { kind: 'group', group, value: value === undefined ? undefined : readGroupValue(value) };
  }
  const topic = readText(reader);
  const partition = reader.int32();
  return {
    kind: 'offset',
    group,
    topic,
    partition,
    value: value === undefined ? undefined : readOffsetValue(value),
  };
}

function readOffsetValue(bytes: Uint8Array): CommittedOffset {
  const reader = new KafkaReader(bytes);
  const version = readVersion(reader, offsetValueVersion);
  const offset = reader.int64();
  const leaderEpoch = version >= 3 ? reader.int32() : -1;
  const metadata = readText(reader);
  const commitMs = reader.int64();
  const expireMs = version === expiringValueVersion ? reader.int64() : -1;
  return { offset, leaderEpoch, metadata, commitMs, expireMs };
}

function readGroupValue(bytes: Uint8Array): StoredGroup {
  const reader = new KafkaReader(bytes);
  const version = readVersion(reader, groupValueVersion);
  const protocolType = readText(reader);
  const generation = reader.int32();
  const protocol = readNullable(reader);
  const leader = readNullable(reader);
  const stateSinceMs = version >= 2 ? reader.int64() : -1;
  const members: StoredMember[] = [];
  for (let left = reader.int32(); left > 0; left -= 1) members.push(readMember(reader, version));
  return { protocolType, generation, protocol, leader, stateSinceMs, members };
}

function readMember(reader: KafkaReader, version: number): StoredMember {
  const id = readText(reader);
  const instanceId = version >= 3 ? readNullable(reader) : undefined;
  const clientId = readText(reader);
  const clientHost = readText(reader);
  const ownRebalanceTimeoutMs = version >= 1 ? reader.int32() : -1;
  const sessionTimeoutMs = reader.int32();
  return {
    id,
    instanceId,
    clientId,
    clientHost,
    // The first version had one time-out for both.
    rebalanceTimeoutMs: version >= 1 ? ownRebalanceTimeoutMs : sessionTimeoutMs,
    sessionTimeoutMs,
    subscription: readBytes(reader),
    assignment: readBytes(reader),
  };
}

function readVersion(reader: KafkaReader, highest: number): number {
  const version = reader.int16();
  if (version < 0 || version > highest) {
    throw new WireError(`version ${version} of a value is not known: 0 to ${highest} are`);
  }
  return version;
}

function readText(reader: KafkaReader): string {
  return utf8Decode(reader.raw(readLength(reader.int16())));
}

function readNullable(reader: KafkaReader): string | undefined {
  const length = reader.int16();
  return length === -1 ? undefined : utf8Decode(reader.raw(readLength(length)));
}

/** A copy: the group keeps it long after the buffer that it was read in. */
function readBytes(reader: KafkaReader): Uint8Array {
  return reader.raw(readLength(reader.int32())).slice();
}

function readLength(length: number): number {
  if (length < 0) throw new WireError(`${length} is no length`);
  return length;
}

function writeNullable(writer: KafkaWriter, text: string | undefined): void {
  if (text === undefined) writer.int16(-1);
  else writer.string(text);
}
