import { type NodeId } from '../../base/ids.ts';
import { type Machine } from '../../base/machine.ts';
import { type CapturablePrng } from '../../base/prng.ts';
import { type RaftView } from '../../raft/types.ts';
import { type StorageBackend } from '../../storage/backend.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import { type BrokerEpoch } from '../types.ts';
import { type MetadataCommand } from './commands.ts';
import { type MetadataChanges, type MetadataImage } from './image.ts';
import { type MetadataConfig, type MetadataEffect, type MetadataEvent } from './replica-protocol.ts';

/** What the metadata of a broker is lent. */
export interface MetadataPorts {
  /** With `metadataTables`, and for nothing else: a snapshot replaces all of it. */
  readonly store: StorageBackend;
  /** Its files begin with `metadataLogPrefix`. */
  readonly segments: SegmentRepair;
}

export const metadataLogPrefix = '__meta/';

/**
 * A broker's part of the cluster's metadata: a Raft group, the image that its log drives, this broker's own commands on their
 * way through it, and, where it leads, the controller's duties.
 *
 * Its broker steps it, translates its sync numbers, and asks it after each step what has changed.
 */
export class MetadataReplica implements Machine<MetadataEvent, MetadataEffect> {
  /**
   * The replica that the store and the log describe; a new one where both are empty.
   *
   * @throws DataLossError for one that has started before and has lost its log
   */
  static recover(
    _ports: MetadataPorts,
    _config: MetadataConfig,
    _prng: CapturablePrng,
    _nowUs: number,
  ): MetadataReplica {
    throw new Error('not there yet');
  }

  step(_event: MetadataEvent, _nowUs: number): readonly MetadataEffect[] {
    throw new Error('not there yet');
  }

  get deadlineUs(): number {
    throw new Error('not there yet');
  }

  /** Live. */
  get image(): MetadataImage {
    throw new Error('not there yet');
  }

  /** What steps have changed since the last call. The first call after the start says that all was replaced. */
  takeChanges(): MetadataChanges {
    throw new Error('not there yet');
  }

  /**
   * Puts a command on its way, whether this broker leads or not; an `outcome` effect with the same token follows, from the
   * next step at the earliest, which is due at once.
   */
  propose(_command: MetadataCommand, _token: number): void {
    throw new Error('not there yet');
  }

  /** Gives up waiting for an outcome; whether it will be done nobody knows. */
  cancel(_token: number): void {
    throw new Error('not there yet');
  }

  /** This broker leads the metadata's group. */
  get isController(): boolean {
    throw new Error('not there yet');
  }

  /** Who leads the metadata's group, as far as this broker has heard. */
  get controller(): NodeId | undefined {
    throw new Error('not there yet');
  }

  /** Of this life of this broker; −1 until it has applied its own registration. */
  get brokerEpoch(): BrokerEpoch {
    throw new Error('not there yet');
  }

  /** This broker is to stop: others are to lead what it leads. Never taken back in its life. */
  beginShutdown(): void {
    throw new Error('not there yet');
  }

  /** After `beginShutdown`: there is nothing here any more that somebody else could lead. */
  get mayStop(): boolean {
    throw new Error('not there yet');
  }

  /** For metrics and checkers. */
  get raft(): RaftView {
    throw new Error('not there yet');
  }
}
