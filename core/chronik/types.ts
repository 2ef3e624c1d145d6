/** Position of a record in a partition's log, from 0. */
export type Offset = number;
/** Counts the leaders of a partition: it rises with each, and every batch carries its leader's. −1: none yet. */
export type LeaderEpoch = number;
/** Counts the changes of a partition's leader and in-sync replicas: who changes them names the one that he has seen. */
export type PartitionEpoch = number;
/** A life of a broker as its cluster knows it: the index of the entry that registered it. −1: not registered. */
export type BrokerEpoch = number;
/** 32 hex digits. */
export type TopicId = string;

/** A partition as clients name it. */
export interface TopicPartition {
  readonly topic: string;
  /** From 0. */
  readonly partition: number;
}

/**
 * A partition as brokers name it among themselves: a topic that was deleted and made again under its name is another one.
 */
export interface PartitionKey {
  /** Index of the log entry that made the topic. */
  readonly created: number;
  /** From 0. */
  readonly partition: number;
}

export const noLeader = -1;
export const noEpoch = -1;

/** Equal text means the same partition. */
export function partitionKeyText({ created, partition }: PartitionKey): string {
  return `${created}.${partition}`;
}
