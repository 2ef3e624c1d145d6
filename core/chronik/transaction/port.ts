import { type NodeId } from '../../base/ids.ts';
import { type GroupAppend, type GroupClient } from '../group/port.ts';
import { type PartitionKey } from '../types.ts';
import { type MarkerMessage } from './messages.ts';

/** The topic that transactions are kept in: compacted, and never written by clients. */
export const transactionsTopic = '__transaction_state';

/** The requests that go to the coordinator of a transactional id. */
export type TransactionApi =
  | 'initProducerId'
  | 'addPartitionsToTxn'
  | 'addOffsetsToTxn'
  | 'endTxn'
  | 'describeTransactions'
  | 'listTransactions';

export interface TransactionCall {
  readonly api: TransactionApi;
  readonly version: number;
  readonly body: unknown;
}

export type TransactionClient = GroupClient;

export interface TransactionPermission {
  readonly operation: 'WRITE' | 'READ' | 'DESCRIBE';
  readonly resource: 'TRANSACTIONAL_ID' | 'TOPIC' | 'GROUP';
  readonly name: string;
}

/** What the coordinator needs of the broker that it belongs to. Nothing in it calls back into the coordinator. */
export interface TransactionPort {
  /** Partitions of `__transaction_state`; 0 while there is no such topic. */
  partitionCount(): number;
  /** Where the group's offsets are; undefined while there is no such topic. */
  offsetsPartition(groupId: string): number | undefined;
  /**
   * Appends one encoded record batch to a partition of `__transaction_state` that this broker leads, as a producer with
   * acks=-1 would; nobody waits for it but by `highWatermarkMoved`.
   */
  append(partition: number, batch: Uint8Array): GroupAppend;
  /** Answers a request, with the response's body. Every request is answered once, at any time. */
  reply(requestId: number, body: unknown): void;
  allows(client: TransactionClient, permission: TransactionPermission): boolean;
  /** Undefined: there is no such partition. */
  partitionKey(topic: string, partition: number): PartitionKey | undefined;
  /** Who leads it; undefined: nobody, at present. */
  leaderOf(key: PartitionKey): NodeId | undefined;
  /** May be this broker itself. */
  send(to: NodeId, message: MarkerMessage): void;
  /** Asks for a producer id that nobody ever had; answered by `producerIdDrawn`. */
  drawProducerId(token: number): void;
}
