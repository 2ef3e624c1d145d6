/** How a record came to be known outside of the cluster. */
export type Told = 'acknowledged' | 'served';

export interface KnownRecord {
  /** Undefined: a record without a value. */
  readonly value: string | undefined;
  readonly told: Told;
  /** Of whoever told it first: who leads in an earlier epoch, overtaken without his knowledge, need not have it. */
  readonly leaderEpoch: number;
  readonly atUs: number;
}

/**
 * What the world has been told of one partition: records that an acks=-1 producer was acknowledged, and records that a consumer
 * was served. Whoever leads has to have them.
 */
export class PartitionTruth {
  /** `trueHW`: behind the highest offset that anybody was told of. */
  end = 0;
  /** Records below were deleted because somebody asked for it, or by age and size. */
  startOffset = 0;
  /** Leaders of an epoch below this one have been overtaken by an unclean election: what they say does not count. */
  uncleanEpoch = 0;
  readonly #records = new Map<number, KnownRecord>();
  /** In which anything was told. */
  #newestEpoch = -1;

  /** @returns what was known of this offset before, where that is something else */
  learn(offset: number, record: KnownRecord): KnownRecord | undefined {
    if (offset < this.startOffset) return undefined;
    const known = this.#records.get(offset);
    if (known !== undefined && known.value !== record.value) return known;
    if (known === undefined) this.#records.set(offset, record);
    this.#newestEpoch = Math.max(this.#newestEpoch, record.leaderEpoch);
    this.end = Math.max(this.end, offset + 1);
    return undefined;
  }

  /** Behind what was told by leaders of this epoch and of those before it. */
  endIn(leaderEpoch: number): number {
    if (leaderEpoch >= this.#newestEpoch) return this.end;
    let end = 0;
    for (const [offset, record] of this.#records) {
      if (record.leaderEpoch <= leaderEpoch) end = Math.max(end, offset + 1);
    }
    return end;
  }

  known(offset: number): KnownRecord | undefined {
    return this.#records.get(offset);
  }

  /** Every known record, by offset in no order. */
  records(): Iterable<readonly [offset: number, record: KnownRecord]> {
    return this.#records;
  }

  /** Records below this offset may be gone from now on. */
  deletedBelow(offset: number): void {
    if (offset <= this.startOffset) return;
    this.startOffset = offset;
    for (const known of this.#records.keys()) if (known < offset) this.#records.delete(known);
    this.end = Math.max(this.end, offset);
  }

  /** Somebody leads from this epoch on who was not in sync: whatever he lacks is lost, by order. */
  forgiven(epoch: number): void {
    this.uncleanEpoch = Math.max(this.uncleanEpoch, epoch);
    this.#records.clear();
    // He may not even have what was deleted.
    this.end = 0;
  }
}

/** By partition. */
export class Truth {
  readonly #partitions = new Map<string, PartitionTruth>();

  /** @param key see `partitionKeyText` */
  of(key: string): PartitionTruth {
    let truth = this.#partitions.get(key);
    if (truth === undefined) {
      truth = new PartitionTruth();
      this.#partitions.set(key, truth);
    }
    return truth;
  }
}
