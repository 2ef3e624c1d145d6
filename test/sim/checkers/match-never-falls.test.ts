import { expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { MatchNeverFalls } from '../../../sim/checkers/match-never-falls.ts';
import { member, step } from './observations.ts';

function watched(): { leads: (match: number, term?: number) => void; starts: (node: number) => void } {
  const checker = new MatchNeverFalls();
  return {
    leads: (match, term = 2) => {
      checker.onStep(step({ node: 1, role: 'leader', term, matches: { 2: match } }));
    },
    starts: (node) => {
      checker.onRecovered(nodeId(node), member({ node }));
    },
  };
}

test('match-never-falls fires when a leader knows of less than before, and the member has lived on', () => {
  const { leads, starts } = watched();
  starts(1);
  starts(2);
  leads(0);
  leads(5);
  leads(5);
  leads(7);
  // What it first heard may have been of the start before.
  leads(3);
  expect(() => {
    leads(2);
  }).toThrow('leader 1 of term 2 knew member 2 to hold 3, and now no more than 2');
});

test('a leader begins anew once for each start of the member', () => {
  const { leads, starts } = watched();
  starts(2);
  leads(0);
  starts(2);
  leads(9);
  leads(0);
  leads(9);
  expect(() => {
    leads(8);
  }).toThrow('match-never-falls');
});

test('another term of the same leader begins with nothing', () => {
  const { leads } = watched();
  leads(9, 2);
  leads(0, 3);
  leads(4, 3);
});
