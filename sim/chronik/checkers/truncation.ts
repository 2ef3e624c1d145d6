import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';
import { isSameBatch } from '../committed-log.ts';

/**
 * No replica cuts from its log a batch that some replica has shown below its high watermark and that the world was told of, while
 * it is wanted: the records were not deleted (its log still begins before them), and the broker is still to hold the partition.
 *
 * Not verified: where exactly a log is cut, as long as what is cut was never committed; batches that an unclean election has
 * given up.
 */
export class Truncation implements ChronikChecker {
  readonly name = 'truncation';

  onStep({ logEvents, process, state }: BrokerStep): void {
    for (const { kind, directory, batch } of logEvents) {
      if (kind !== 'cut') continue;
      const id = idOf(directory);
      const known = state.partition(id);
      if (known?.state.replicas.includes(process.node) !== true) continue;
      const truth = state.truth.of(id);
      if (batch.baseOffset >= truth.end || batch.lastOffset < truth.startOffset) continue;
      const replica = state.replica(process.node, id);
      // It was to hold it no more, by what it has applied so far.
      if (replica === undefined) continue;
      // By age or size, or since somebody has asked for it: its log begins behind it.
      if (batch.lastOffset < replica.logStartOffset) continue;
      const committed = state.committed(id).at(batch.baseOffset);
      if (committed === undefined || !isSameBatch(committed, batch)) continue;
      const offsets = `offsets ${batch.baseOffset} to ${batch.lastOffset} of ${known.topic.name}-${known.partition}`;
      throw new Violation(
        this.name,
        `n${process.node} has cut ${offsets}, where the world was told of everything below ${truth.end}`,
      );
    }
  }
}

/** `partitions/topic-3.17` is partition 3 of the topic that entry 17 has made: `17.3`, as in `partitionKeyText`. */
function idOf(directory: string): string {
  const found = /-(\d+)\.(\d+)$/.exec(directory);
  return found === null ? '' : `${found[2]}.${found[1]}`;
}
