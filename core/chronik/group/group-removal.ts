import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { type GroupClock } from './clock.ts';
import { subscribedTopics } from './consumer-protocol.ts';
import { type Group } from './group.ts';
import { type AfterAppend, type LedPartition, unstableKey } from './led-partition.ts';
import { type OffsetRecord, type OffsetsRecord } from './offset-records.ts';
import { type OffsetsWriter } from './offsets-writer.ts';
import { type GroupParts } from './rebalances.ts';
import { type GroupSettings } from './settings.ts';

/** Tombstones of one batch: it stays well below what a log takes. */
const tombstonesPerBatch = 1_000;

/** Offsets and groups that are no more: deleted, expired (KIP-211), or of topics that were deleted. */
export class GroupRemoval {
  readonly #settings: GroupSettings;
  readonly #clock: GroupClock;
  readonly #writer: OffsetsWriter;

  constructor({ settings, clock, writer }: GroupParts) {
    this.#settings = settings;
    this.#clock = clock;
    this.#writer = writer;
  }

  /** Ends a group that has no members. @returns why it does not, or `NONE`: `after` follows when it is durable */
  remove(led: LedPartition, group: Group, after: AfterAppend): KafkaError {
    // What a transaction commits later would bring it back.
    if (group.state !== 'Empty' || group.unstable.size > 0) return 'NON_EMPTY_GROUP';
    const keys = new Map<string, OffsetRecord>();
    for (const record of this.#tombstones(group, () => true)) keys.set(keyOf(record), record);
    // What is in flight lies before the tombstones in the log, and must not be left by them.
    for (const record of led.inFlightOf(group.id)) {
      if (record.kind === 'offset') keys.set(keyOf(record), { ...record, value: undefined });
    }
    return this.#end(led, group, [...keys.values()], after);
  }

  /** Forgets what has outlived its retention, and the group with its last offset. */
  expire(led: LedPartition, group: Group): void {
    // What is in flight may be a newer commit of what seems old.
    if (group.state === 'Dead' || group.inFlight > 0) return;
    const expired = this.#expired(group);
    const isOver =
      group.state === 'Empty' && expired.length === group.offsetCount && group.unstable.size === 0;
    if (isOver && group.pendingMembers.size === 0) {
      this.#end(led, group, expired, { kind: 'nothing' });
    } else this.#append(led, expired);
  }

  /** Offsets of partitions that are no more. */
  forgetTopic(led: LedPartition, group: Group, topic: string): void {
    if (group.state === 'Dead') return;
    const records = [...this.#tombstones(group, (name) => name === topic)];
    const inFlight = led.inFlightOf(group.id).filter((one) => one.kind === 'offset' && one.topic === topic);
    const keys = new Map(records.map((record) => [keyOf(record), record]));
    for (const record of inFlight as readonly OffsetRecord[])
      keys.set(keyOf(record), { ...record, value: undefined });
    this.#append(led, [...keys.values()]);
  }

  #expired(group: Group): readonly OffsetRecord[] {
    const subscribed = group.size === 0 ? new Set<string>() : subscribedTopics(group);
    // Members that do not say what they read may read anything.
    if (subscribed === undefined || (group.size > 0 && group.state !== 'Stable')) return [];
    const wallMs = this.#clock.wallMs ?? -1;
    const { offsetsRetentionMs } = this.#settings;
    // As long as a group had members their offsets were in use, however old the commit.
    const emptySinceMs =
      group.state === 'Empty' && group.protocolType !== undefined ? group.stateSinceMs : -1;
    return this.#tombstones(group, (topic, partition) => {
      const committed = group.offset(topic, partition)?.committed;
      if (committed === undefined || subscribed.has(topic)) return false;
      if (group.unstable.has(unstableKey(topic, partition))) return false;
      if (committed.expireMs >= 0) return wallMs >= committed.expireMs;
      return wallMs - Math.max(committed.commitMs, emptySinceMs) >= offsetsRetentionMs;
    });
  }

  #tombstones(group: Group, chosen: (topic: string, partition: number) => boolean): readonly OffsetRecord[] {
    const records: OffsetRecord[] = [];
    for (const [topic, partitions] of group.offsets) {
      for (const partition of partitions.keys()) {
        if (!chosen(topic, partition)) continue;
        records.push({ kind: 'offset', group: group.id, topic, partition, value: undefined });
      }
    }
    return records;
  }

  /** The group's own tombstone is the last of them: what is read before it is not all. */
  #end(led: LedPartition, group: Group, offsets: readonly OffsetRecord[], after: AfterAppend): KafkaError {
    const rest = offsets.length % tombstonesPerBatch;
    const last = offsets.slice(offsets.length - rest);
    const error = this.#append(led, offsets.slice(0, offsets.length - rest));
    if (error !== 'NONE') return error;
    const records: OffsetsRecord[] = [...last, { kind: 'group', group: group.id, value: undefined }];
    const ended = this.#writer.append(led, records, after);
    if (ended === 'NONE') group.enter('Dead', this.#clock.wallMs ?? -1);
    return ended;
  }

  #append(led: LedPartition, records: readonly OffsetsRecord[]): KafkaError {
    for (let from = 0; from < records.length; from += tombstonesPerBatch) {
      const batch = records.slice(from, from + tombstonesPerBatch);
      const error = this.#writer.append(led, batch, { kind: 'nothing' });
      if (error !== 'NONE') return error;
    }
    return 'NONE';
  }
}

function keyOf({ topic, partition }: OffsetRecord): string {
  return `${partition}:${topic}`;
}
