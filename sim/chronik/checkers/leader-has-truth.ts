import { Violation } from '../../types.ts';
import { readRecords } from '../batch.ts';
import { type BrokerStep, type ChronikChecker, type ToldRecords } from '../checker.ts';
import { type ChronikState, type Replica } from '../state.ts';

/**
 * Whoever leads a partition has everything that the world was told of it: its log does not end below, and every record that was
 * acknowledged to an acks=-1 producer or served to a consumer lies at its offset with its value. Looked at when a broker begins
 * to lead in an epoch, and of those that lead in the same epoch or a later one whenever the world is told of more. Who hears so
 * late of his election that he was already replaced need not have what his successors have told.
 *
 * Not verified: who should have been elected; keys and headers of records; logs that are compacted. After an unclean
 * election nothing that was told before it counts.
 */
export class LeaderHasTruth implements ChronikChecker {
  readonly name = 'leader-has-truth';

  onStep({ replicas, state, process, nowUs }: BrokerStep): void {
    for (const { before, after } of replicas) {
      if (after?.role !== 'leader') continue;
      if (before?.role === 'leader' && before.leaderEpoch === after.leaderEpoch) continue;
      this.#requireAll(state, after, process.segments, nowUs);
    }
  }

  onTold({ state, id, leaderEpoch, endOffset }: ToldRecords): void {
    for (const node of state.cluster.nodes) {
      const replica = state.isRunning(node) ? state.replica(node, id) : undefined;
      if (replica?.role !== 'leader' || replica.leaderEpoch < leaderEpoch) continue;
      requireEnd(replica, endOffset);
    }
  }

  #requireAll(
    state: ChronikState,
    replica: Replica,
    segments: BrokerStep['process']['segments'],
    nowUs: number,
  ): void {
    const truth = state.truth.of(replica.id);
    if (replica.leaderEpoch < truth.uncleanEpoch) return;
    requireEnd(replica, truth.endIn(replica.leaderEpoch));
    const mirror = state.mirror(replica.node);
    const values = new Map<number, string | undefined>();
    for (const [offset, record] of truth.records()) {
      if (offset < replica.logStartOffset || record.leaderEpoch > replica.leaderEpoch) continue;
      const batch = mirror.batchAt(replica.directory, offset);
      if (batch === undefined) {
        if (mirror.batches(replica.directory) === undefined) return;
        throw new Violation(this.name, `${who(replica)} lacks offset ${offset}, which was ${record.told}`);
      }
      if (!values.has(offset)) {
        const bytes = segments.peek(batch.file, batch.positionBytes, batch.lengthBytes);
        for (const found of readRecords(bytes, 0, batch)) values.set(found.offset, found.value);
      }
      if (values.get(offset) === record.value) continue;
      const what = `${String(values.get(offset))} at offset ${offset}, where ${String(record.value)} was ${record.told}`;
      throw new Violation(this.name, `${who(replica)} has ${what}, at ${nowUs} µs`);
    }
  }
}

function requireEnd(replica: Replica, end: number): void {
  if (replica.logEndOffset >= end) return;
  throw new Violation(
    'leader-has-truth',
    `${who(replica)} has a log that ends at ${replica.logEndOffset}, where the world was told of everything below ${end}`,
  );
}

function who({ node, topic, partition, leaderEpoch }: Replica): string {
  return `n${node}, which leads ${topic}-${partition} in epoch ${leaderEpoch},`;
}
