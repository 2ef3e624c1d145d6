import { assert } from '../../base/assert.ts';
import { type Prng } from '../../base/prng.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { type GroupCall, type GroupClient, type GroupLog, type GroupMarker, type GroupPort } from './port.ts';
import { type GroupSettings } from './settings.ts';

export interface LedOffsetsPartition {
  readonly partition: number;
  readonly leaderEpoch: LeaderEpoch;
  readonly log: GroupLog;
}

/**
 * Consumer groups: who is in which, who consumes what, and how far they have come. A broker coordinates the groups whose
 * partition of `__consumer_offsets` it leads; everything that outlives it is a record there.
 *
 * Nothing is answered before the records that it rests on are below the high watermark. A new leader first reads the
 * partition up to where its log ended when it was elected, so it knows all that any coordinator before it has answered.
 *
 * Source: Kafka protocol guide, group membership; KIP-62, KIP-98, KIP-211, KIP-345, KIP-394, KIP-447.
 */
export class GroupCoordinator {
  readonly #settings: GroupSettings;
  readonly #port: GroupPort;
  /** Member ids are drawn from it. */
  readonly #prng: Prng;

  constructor(given: { readonly settings: GroupSettings; readonly port: GroupPort; readonly prng: Prng }) {
    this.#settings = given.settings;
    this.#port = given.port;
    this.#prng = given.prng;
  }

  /** When `tick` is to be called at the latest. */
  get deadlineUs(): number {
    return Infinity;
  }

  /** A client's request; its answer goes out through the port, at once or later. */
  request(requestId: number, call: GroupCall, client: GroupClient, nowUs: number): void {
    assert(requestId >= 0 && nowUs >= 0, 'a request has a number and a time');
    throw new Error(`not there yet: ${call.api} ${client.id} ${this.#settings.membersMax}`);
  }

  /**
   * This broker leads a partition of `__consumer_offsets`, in this epoch. Also called when it led it before, in another epoch:
   * what was not durable then is not known to be now, so the groups are read again.
   */
  partitionLed(led: LedOffsetsPartition, nowUs: number): void {
    throw new Error(`not there yet: ${led.partition} ${nowUs} ${this.#prng.below(1)}`);
  }

  /** It leads it no more, or the topic is gone. Whoever waits is told to look for the coordinator again. */
  partitionLeft(partition: number): void {
    throw new Error(`not there yet: ${partition}`);
  }

  /** Records below it are durable, and so are the answers that rest on them. */
  highWatermarkMoved(partition: number, highWatermark: Offset, nowUs: number): void {
    throw new Error(`not there yet: ${partition} ${highWatermark} ${nowUs}`);
  }

  /** A transaction that offsets were committed in has ended (KIP-98): they count, or never did, once the marker is durable. */
  markerAppended(marker: GroupMarker): void {
    throw new Error(`not there yet: ${marker.partition}`);
  }

  /** Offsets of partitions that are no more are forgotten. */
  topicDeleted(topic: string, nowUs: number): void {
    throw new Error(`not there yet: ${topic} ${nowUs} ${this.#port.partitionCount()}`);
  }

  /** Wall time: stamps commits, and decides which offsets have expired. Before the first one nothing expires. */
  wallClock(wallMs: number): void {
    throw new Error(`not there yet: ${wallMs}`);
  }

  /** Time-outs of members and rebalances, a turn of loading, a turn of expiry. */
  tick(nowUs: number): void {
    throw new Error(`not there yet: ${nowUs}`);
  }
}
