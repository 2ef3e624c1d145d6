import { type NodeId } from '../../base/ids.ts';
import { type LeaderEpoch, type Offset, type PartitionKey } from '../types.ts';
import { type MarkerMessage, type MarkerQuery, type MarkerWrite, type MarkerWritten } from './messages.ts';

/** A partition that this broker leads, as far as markers need to know it. */
export interface MarkedPartition {
  readonly leaderEpoch: LeaderEpoch;
  /** First offset of the producer's open transaction; undefined: none is open. */
  openTransaction(producerId: number): Offset | undefined;
}

export interface MarkerWriterPort {
  /** Undefined: this broker does not lead it. */
  ledPartition(key: PartitionKey): MarkedPartition | undefined;
  /**
   * Appends the control batch that ends the producer's transaction; `appendEnded` is called with the token when it is below the
   * high watermark, or is not known to come to be. @returns false when it was refused: nothing was appended
   */
  appendMarker(marker: MarkerWrite, token: number): boolean;
  send(to: NodeId, message: MarkerMessage): void;
}

/** Markers that wait for replicas; beyond it the coordinator has to ask again. */
const waitingMax = 65_536;

/** The side of a partition's leader: what is open in it, and the markers that end it (KIP-98; see messages.ts for the two steps). */
export class MarkerWriter {
  readonly #port: MarkerWriterPort;
  readonly #waiting = new Map<
    number,
    { readonly to: NodeId; readonly answer: Omit<MarkerWritten, 'written'> }
  >();
  #token = 0;

  constructor(port: MarkerWriterPort) {
    this.#port = port;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  query(from: NodeId, { attempt, key, producerId }: MarkerQuery): void {
    const partition = this.#port.ledPartition(key);
    this.#port.send(from, {
      ...{ kind: 'markerFound', attempt, key },
      leaderEpoch: partition?.leaderEpoch ?? -1,
      firstOffset: partition?.openTransaction(producerId) ?? -1,
    });
  }

  write(from: NodeId, marker: MarkerWrite): void {
    const { attempt, key } = marker;
    const answer = { kind: 'markerWritten', attempt, key } as const;
    const partition = this.#port.ledPartition(key);
    const isMeant =
      partition?.leaderEpoch === marker.leaderEpoch &&
      (partition.openTransaction(marker.producerId) ?? -1) === marker.firstOffset;
    if (isMeant && this.#waiting.size < waitingMax) {
      this.#token += 1;
      // Before it is appended: it may be answered at once.
      this.#waiting.set(this.#token, { to: from, answer });
      if (this.#port.appendMarker(marker, this.#token)) return;
      this.#waiting.delete(this.#token);
    }
    this.#port.send(from, { ...answer, written: false });
  }

  appendEnded(token: number, written: boolean): void {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return;
    this.#waiting.delete(token);
    this.#port.send(waiting.to, { ...waiting.answer, written });
  }
}
