import { expect, test } from 'vitest';

import { TransactionsWhole } from '../../../sim/chronik/checkers/transactions-whole.ts';
import { ChronikHistory, type TransactionTold } from '../../../sim/chronik/history.ts';
import { type ChronikState } from '../../../sim/chronik/state.ts';

function judge(history: ChronikHistory): void {
  new TransactionsWhole().onEnd({ history } as ChronikState);
}

function historyOf(
  outcome: TransactionTold['outcome'],
  reads: readonly (readonly [value: string, atUs: number])[],
  askedToCommitUs: number | undefined = outcome === 'aborted' ? undefined : 100,
): ChronikHistory {
  const history = new ChronikHistory();
  history.transactions.push({
    client: 1,
    values: ['a', 'b'].map((value, partition) => ({ topic: 'sales', partition, value })),
    startUs: 10,
    askedToCommitUs,
    endUs: 200,
    outcome,
  });
  for (const [value, atUs] of reads)
    history.committedReads.push({ atUs, client: 2, topic: 'sales', partition: 0, offset: 5, value });
  return history;
}

test('a transaction that is read whole passes, and so does one of unknown outcome that is not there at all', () => {
  judge(
    historyOf('committed', [
      ['a', 150],
      ['b', 150],
    ]),
  );
  judge(
    historyOf('unknown', [
      ['a', 150],
      ['b', 150],
    ]),
  );
  const history = historyOf('unknown', [['else', 150]]);
  judge(history);
});

test('records of an aborted transaction fire, and those that are read before their commit', () => {
  expect(() => judge(historyOf('aborted', [['a', 150]]))).toThrow(/of a transaction that was aborted/);
  expect(() =>
    judge(
      historyOf('committed', [
        ['a', 99],
        ['b', 150],
      ]),
    ),
  ).toThrow(/before anybody asked for its commit/);
});

test('a torn one fires, whatever its producer was told; and one that was promised and of which nothing is there', () => {
  expect(() => judge(historyOf('unknown', [['a', 150]]))).toThrow(/has read 1 of 2 records/);
  expect(() => judge(historyOf('committed', [['a', 150]]))).toThrow(/b of sales-1 is not there/);
  const history = historyOf('committed', []);
  const [told] = history.transactions;
  if (told !== undefined)
    history.transactions.unshift({ ...told, values: [{ topic: 'x', partition: 0, value: 'c' }] });
  history.committedReads.push({ atUs: 150, client: 2, topic: 'x', partition: 0, offset: 1, value: 'c' });
  expect(() => judge(history)).toThrow(/has read 0 of 2 records/);
});

test('a record that is given twice fires', () => {
  expect(() =>
    judge(
      historyOf('committed', [
        ['a', 150],
        ['b', 150],
        ['a', 160],
      ]),
    ),
  ).toThrow(/twice/);
});
