import { kafkaErrors } from '../../core/wire/kafka/error-codes.ts';
import { type FaultKind } from '../fault.ts';
import { type ChronikFloors } from './plan.ts';
import { type ChronikState } from './state.ts';

/** Which floor a run has not come up to, in words; undefined when it has come up to all. */
export function missedFloor(
  floors: ChronikFloors,
  state: ChronikState,
  fired: Readonly<Partial<Record<FaultKind, number>>>,
): string | undefined {
  const { consumed, generations, commits, transactions, fired: firedFloors = {}, ...counted } = floors;
  const records = state.history.consumed.length;
  if (consumed !== undefined && records < consumed) return missed('records consumed', records, consumed);
  const { shares, groupCommits } = state.history;
  const shared = new Set(shares.map(({ groupId, generation }) => `${groupId} ${generation}`)).size;
  if (generations !== undefined && shared < generations) return missed('generations', shared, generations);
  const committed = groupCommits.filter(({ error }) => error === kafkaErrors.NONE).length;
  if (commits !== undefined && committed < commits) return missed('commits', committed, commits);
  const whole = state.history.transactions.filter(({ outcome }) => outcome === 'committed').length;
  if (transactions !== undefined && whole < transactions) return missed('transactions', whole, transactions);
  for (const [name, floor] of Object.entries(counted) as [keyof typeof state.counts, number][]) {
    if (state.counts[name] < floor) return missed(name, state.counts[name], floor);
  }
  for (const [kind, floor] of Object.entries(firedFloors) as [FaultKind, number][]) {
    if ((fired[kind] ?? 0) < floor) return missed(kind, fired[kind] ?? 0, floor);
  }
  return undefined;
}

function missed(what: string, count: number, floor: number): string {
  return `${what}: ${count}, where ${floor} is the least`;
}
