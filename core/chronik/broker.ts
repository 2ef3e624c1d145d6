import { InvariantError } from '../base/assert.ts';
import { type Machine } from '../base/machine.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { type StorageBackend } from '../storage/backend.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { type BrokerConfig, type BrokerEffect, type BrokerEvent } from './broker-protocol.ts';
import { type BrokerView } from './broker-view.ts';

export type { BrokerView } from './broker-view.ts';
export { defaultBrokerSettings } from './settings.ts';

/** Tables of the ordered store that a broker writes. */
export const brokerTables: readonly string[] = [];

/** What a broker is lent. */
export interface BrokerPorts {
  /** `__meta/` and `partitions/` are below it. */
  readonly segments: SegmentRepair;
  readonly store: StorageBackend;
}

/**
 * A broker of a Chronik cluster: the metadata that all of them agree upon, this broker's replicas, its coordinators, and the
 * requests that wait for any of them.
 */
export class ChronikBroker implements Machine<BrokerEvent, BrokerEffect> {
  /** The broker that the store and the files describe; a new one where both are empty. */
  static recover(
    ports: BrokerPorts,
    config: BrokerConfig,
    prng: CapturablePrng,
    nowUs: number,
  ): ChronikBroker {
    void [ports, config, prng, nowUs];
    return new ChronikBroker();
  }

  get view(): BrokerView {
    throw new InvariantError('not there yet');
  }

  get deadlineUs(): number {
    throw new InvariantError('not there yet');
  }

  step(event: BrokerEvent, nowUs: number): readonly BrokerEffect[] {
    void [event, nowUs];
    throw new InvariantError('not there yet');
  }
}
