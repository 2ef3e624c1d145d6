import { expect, test } from 'vitest';

import { Confirmations } from '../../../../core/chronik/metadata/confirmations.ts';

function asking(): { readonly confirmations: Confirmations; readonly questions: number[] } {
  const questions: number[] = [];
  const confirmations = new Confirmations({ request: (context) => questions.push(context), repeatUs: 100 });
  return { confirmations, questions };
}

test('nothing is asked while nobody wants to know', () => {
  const { confirmations, questions } = asking();
  expect(confirmations.dueUs).toBe(Infinity);
  expect(confirmations.settle(5, 9)).toBeUndefined();
  expect(questions).toEqual([]);
});

test('what was decided before is confirmed when it is applied, not when the answer comes (Raft dissertation §6.4)', () => {
  const { confirmations, questions } = asking();
  expect([confirmations.ask(), confirmations.ask()]).toEqual([1, 1]);
  expect(confirmations.settle(0, 9)).toBeUndefined();
  expect(questions).toEqual([1]);
  confirmations.ready(1, 11);
  expect(confirmations.settle(1, 10)).toBeUndefined();
  expect(confirmations.dueUs).toBe(Infinity);
  expect(confirmations.settle(2, 11)).toBe(1);
  expect(confirmations.settle(3, 12)).toBeUndefined();
  expect(questions).toEqual([1]);
});

test('who asks while a question is under way waits for the next one', () => {
  const { confirmations, questions } = asking();
  confirmations.ask();
  confirmations.settle(0, 9);
  expect([confirmations.ask(), confirmations.ask()]).toEqual([2, 2]);
  confirmations.ready(1, 9);
  expect(confirmations.settle(1, 9)).toBe(1);
  expect(confirmations.dueUs).toBeLessThanOrEqual(1);
  confirmations.settle(1, 9);
  confirmations.ready(2, 9);
  expect(confirmations.settle(2, 9)).toBe(2);
  expect(questions).toEqual([1, 2]);
});

test('a question that is refused or lost is asked anew after a while, and a late answer to it counts no more', () => {
  const { confirmations, questions } = asking();
  confirmations.ask();
  confirmations.settle(0, 9);
  confirmations.refused(1);
  expect(confirmations.ask()).toBe(1);
  confirmations.settle(99, 9);
  expect(questions).toEqual([1]);
  expect(confirmations.dueUs).toBe(100);
  confirmations.settle(100, 9);
  confirmations.settle(200, 9);
  expect(questions).toEqual([1, 2, 3]);
  confirmations.ready(2, 9);
  expect(confirmations.settle(201, 9)).toBeUndefined();
  confirmations.ready(3, 9);
  expect(confirmations.settle(202, 9)).toBe(1);
});

test('a question that is answered at once is confirmed at once', () => {
  const confirmations: Confirmations = new Confirmations({
    request: (context) => {
      confirmations.ready(context, 4);
    },
    repeatUs: 100,
  });
  const number = confirmations.ask();
  expect(confirmations.settle(0, 4)).toBe(number);
});
