import { kafkaErrors } from '../../core/wire/kafka/error-codes.ts';
import { type FaultKind } from '../fault.ts';
import { firstMissed } from '../system-run.ts';
import { type ChronikFloors } from './plan.ts';
import { type ChronikState } from './state.ts';

/** Which floor a run has not come up to, in words; undefined when it has come up to all. */
export function missedFloor(
  floors: ChronikFloors,
  state: ChronikState,
  fired: Readonly<Partial<Record<FaultKind, number>>>,
): string | undefined {
  const { fired: firedFloors = {}, ...counted } = floors;
  const { consumed, shares, groupCommits, transactions } = state.history;
  const counts: Readonly<Record<keyof typeof counted, number>> = {
    ...state.counts,
    consumed: consumed.length,
    generations: new Set(shares.map(({ groupId, generation }) => `${groupId} ${generation}`)).size,
    commits: groupCommits.filter(({ error }) => error === kafkaErrors.NONE).length,
    transactions: transactions.filter(({ outcome }) => outcome === 'committed').length,
  };
  return firstMissed(counted, counts) ?? firstMissed(firedFloors, fired);
}
