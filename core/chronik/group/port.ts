import { type KafkaCall } from '../../wire/kafka/apis.ts';
import { type Offset } from '../types.ts';

/** The topic that groups and their offsets are kept in: compacted, and never written by clients. */
export const offsetsTopic = '__consumer_offsets';

/** Who asks, as the broker knows him. */
export interface GroupClient {
  /** The client's own name for itself, if it has one. */
  readonly id: string | undefined;
  readonly principal: string;
  readonly host: string;
}

/** The requests that go to the coordinator of a group. */
export type GroupApi =
  | 'joinGroup'
  | 'syncGroup'
  | 'heartbeat'
  | 'leaveGroup'
  | 'offsetCommit'
  | 'offsetFetch'
  | 'offsetDelete'
  | 'describeGroups'
  | 'listGroups'
  | 'deleteGroups'
  | 'txnOffsetCommit';

export type GroupCall = KafkaCall<GroupApi>;

/** What became of an append, at once: whether it is durable shows later, when the high watermark has passed `endOffset`. */
export type GroupAppend =
  | { readonly kind: 'appended'; /** Behind the last record. */ readonly endOffset: Offset }
  /** Nothing was appended. `error` is the name of Kafka's error. */
  | { readonly kind: 'refused'; readonly error: string };

export interface GroupPermission {
  readonly operation: 'READ' | 'WRITE' | 'DESCRIBE' | 'DELETE';
  readonly resource: 'GROUP' | 'TOPIC' | 'TRANSACTIONAL_ID';
  readonly name: string;
}

/** What the coordinator needs of the broker that it belongs to. All of it answers at once. */
export interface GroupPort {
  /** Partitions of `__consumer_offsets`; 0 while there is no such topic. */
  partitionCount(): number;
  /**
   * Appends one encoded record batch (version 2, base offset 0) to a partition of `__consumer_offsets` that this broker leads,
   * as a producer with acks=-1 would, `min.insync.replicas` included; nobody waits for it but by `highWatermarkMoved`.
   * A batch of a transaction carries its producer's id and epoch, which the partition's log checks.
   */
  append(partition: number, batch: Uint8Array): GroupAppend;
  /** Answers a request, with the response's body. Every request is answered once, at any time. */
  reply(requestId: number, body: unknown): void;
  allows(client: GroupClient, permission: GroupPermission): boolean;
  /** Kafka's bit field of what the client may do with the group (KIP-430). */
  authorizedOperations(client: GroupClient, groupId: string): number;
  /** Whether there is such a partition: offsets are kept for no others. */
  partitionExists(topic: string, partition: number): boolean;
}

/** The log of a partition that this broker leads, as far as a coordinator reads it. */
export interface GroupLog {
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  readonly logEndOffset: Offset;
  /**
   * Whole batches below the high watermark, beginning with the one that holds `fromOffset` or the next one there is (the log is
   * compacted): at most `bytesMax` bytes, but at least one batch. Empty when there are none.
   */
  read(fromOffset: Offset, bytesMax: number): Uint8Array;
}

/** A marker that ends a transaction was appended to a partition of `__consumer_offsets` that this broker leads. */
export interface GroupMarker {
  readonly partition: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly committed: boolean;
  /** Behind the marker. */
  readonly endOffset: Offset;
}
