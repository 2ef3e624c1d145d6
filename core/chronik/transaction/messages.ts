import { WireError, type WireReader } from '../../wire/reader.ts';
import { type WireWriter } from '../../wire/writer.ts';
import { type LeaderEpoch, type Offset, type PartitionKey } from '../types.ts';

/**
 * How a coordinator has a transaction's markers written by the leaders of its partitions, in two steps. Messages may be
 * lost, doubled and overtaken, and a marker that comes late must not end a later transaction of the same producer: so the
 * coordinator first asks what is open there, and a marker names what it ends. Where that is no longer what is open, the leader writes
 * nothing and the coordinator asks again.
 */
export type MarkerMessage = MarkerQuery | MarkerFound | MarkerWrite | MarkerWritten;

/** A coordinator's work on one partition; rises with every attempt of a coordinator's life, and comes back in the answer. */
interface MarkerAttempt {
  readonly attempt: number;
  readonly key: PartitionKey;
}

export interface MarkerQuery extends MarkerAttempt {
  readonly kind: 'markerQuery';
  readonly producerId: number;
}

export interface MarkerFound extends MarkerAttempt {
  readonly kind: 'markerFound';
  /** Of the leader that has answered; −1: it does not lead the partition. */
  readonly leaderEpoch: LeaderEpoch;
  /** First offset of the producer's open transaction; −1: none is open. */
  readonly firstOffset: Offset;
}

export interface MarkerWrite extends MarkerAttempt {
  readonly kind: 'markerWrite';
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly committed: boolean;
  /** The leader epoch of the coordinator's own partition: an older coordinator is fenced by it. */
  readonly coordinatorEpoch: number;
  /** As found: in another leadership, or with another transaction open, nothing is written. */
  readonly leaderEpoch: LeaderEpoch;
  readonly firstOffset: Offset;
}

export interface MarkerWritten extends MarkerAttempt {
  readonly kind: 'markerWritten';
  /** Below the high watermark; otherwise it is not known to be, and everything begins anew. */
  readonly written: boolean;
}

export const markerMessageKinds = ['markerQuery', 'markerFound', 'markerWrite', 'markerWritten'] as const;

/** Tells them from whatever else brokers say to each other. */
export function isMarkerMessage(message: { readonly kind: string }): message is MarkerMessage {
  return (markerMessageKinds as readonly string[]).includes(message.kind);
}

/** Fields in the order of their declaration; integers are varints, what may be −1 is written one higher. */
export function writeMarkerMessage(writer: WireWriter, message: MarkerMessage): void {
  writer.byte(markerMessageKinds.indexOf(message.kind));
  writer.varint(message.attempt);
  writer.varint(message.key.created);
  writer.varint(message.key.partition);
  switch (message.kind) {
    case 'markerQuery':
      writer.varint(message.producerId);
      break;
    case 'markerFound':
      writer.varint(message.leaderEpoch + 1);
      writer.varint(message.firstOffset + 1);
      break;
    case 'markerWrite':
      writer.varint(message.producerId);
      writer.varint(message.producerEpoch);
      writer.byte(message.committed ? 1 : 0);
      writer.varint(message.coordinatorEpoch);
      writer.varint(message.leaderEpoch + 1);
      writer.varint(message.firstOffset + 1);
      break;
    case 'markerWritten':
      writer.byte(message.written ? 1 : 0);
      break;
  }
}

/** @throws WireError */
export function readMarkerMessage(reader: WireReader): MarkerMessage {
  const kind = markerMessageKinds[reader.byte()];
  const attempt = reader.varint();
  const key = { created: reader.varint(), partition: reader.varint() };
  switch (kind) {
    case 'markerQuery':
      return { kind, attempt, key, producerId: reader.varint() };
    case 'markerFound':
      return { kind, attempt, key, leaderEpoch: reader.varint() - 1, firstOffset: reader.varint() - 1 };
    case 'markerWrite':
      return {
        ...{ kind, attempt, key },
        producerId: reader.varint(),
        producerEpoch: reader.varint(),
        committed: reader.bool(),
        coordinatorEpoch: reader.varint(),
        leaderEpoch: reader.varint() - 1,
        firstOffset: reader.varint() - 1,
      };
    case 'markerWritten':
      return { kind, attempt, key, written: reader.bool() };
    case undefined:
  }
  throw new WireError('a message about transaction markers is of an unknown kind');
}
