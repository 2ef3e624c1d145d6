import { expect, test } from 'vitest';

import { outcomeRows, outcomeSentence } from '../../../../reports/page/model/outcome.ts';
import { type RunResult } from '../../../../sim/types.ts';
import { noResult } from '../../evidence/hand-made.ts';

const violated: RunResult = {
  ...noResult,
  violation: { invariant: 'vote-once', site: 's', detail: 'vote-once: member 3', atUs: 5_000_000 },
  faultsFired: { crash: 2 },
};

test('what became of a violation is said in a sentence', () => {
  const later = { ...violated, violation: { ...violated.violation, atUs: 6_000_000 } } as RunResult;
  const another = { ...violated, violation: { ...violated.violation, invariant: 'durability' } } as RunResult;
  expect(outcomeSentence(violated, { ...noResult, simulatedUs: 60_000_000 })).toBe(
    'The violation has vanished: the run ends well after 60 s.',
  );
  expect(outcomeSentence(violated, violated)).toBe('The same violation, at the same time.');
  expect(outcomeSentence(violated, later)).toBe('The same invariant is violated, at 6.000000 s.');
  expect(outcomeSentence(violated, another)).toBe('Another invariant is violated: durability.');
  expect(outcomeSentence(noResult, violated)).toBe('A violation has appeared: vote-once.');
});

test('two outcomes stand side by side, and what differs is marked', () => {
  const differing = outcomeRows(violated, noResult).filter(({ differs }) => differs);
  expect(differing.map(({ name, before, after }) => [name, before, after])).toEqual([
    ['Violation', 'vote-once', 'none'],
    ['Detail', 'vote-once: member 3', '–'],
    ['At', '5.000000 s', '–'],
    ['Fired: crash', '2', '0'],
  ]);
});
