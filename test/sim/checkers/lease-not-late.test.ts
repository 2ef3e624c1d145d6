import { expect, test } from 'vitest';

import { alarmTypes } from '../../../core/chainfire/api/cluster.ts';
import { nodeId } from '../../../core/base/ids.ts';
import { LeaseNotLate } from '../../../sim/checkers/lease-not-late.ts';
import { type Shown } from './observations.ts';
import { member, step } from './observations.ts';

const second = 1_000_000;

/** A leader with a lease of one second, whose log grows by an entry each time that it is looked at. */
function leader(): { at: (nowUs: number, shown?: Partial<Shown>) => void; checker: LeaseNotLate } {
  const checker = new LeaseNotLate();
  let length = 3;
  return {
    checker,
    at: (nowUs, shown = {}) => {
      length += 1;
      const log = Array.from({ length }, () => 2);
      const state: Shown = { node: 1, role: 'leader', term: 2, log, applied: length, leases: [7n], ...shown };
      checker.onStep({ ...step(state), nowUs });
    },
  };
}

function everyHalfSecond(fromUs: number, toUs: number, look: (nowUs: number) => void): void {
  for (let nowUs = fromUs; nowUs <= toUs; nowUs += second / 2) look(nowUs);
}

test('lease-not-late fires when a leader goes on applying its log with a lease that nobody has renewed', () => {
  const { at } = leader();
  everyHalfSecond(0, 3 * second, at);
  expect(() => {
    everyHalfSecond(3.5 * second, 8 * second, at);
  }).toThrow(
    /lease 7 of 1 s was last renewed by entry 1, which member 1 had applied \d+ µs before; it leads term 2/,
  );
});

test('while members are known to differ no lease ends, and its rounds begin when the alarm is disarmed', () => {
  const { at } = leader();
  everyHalfSecond(0, 20 * second, (nowUs) => {
    at(nowUs, { alarms: [[2, alarmTypes.corrupt]] });
  });
  everyHalfSecond(20.5 * second, 22 * second, at);
  expect(() => {
    everyHalfSecond(22.5 * second, 26 * second, at);
  }).toThrow('lease-not-late');
});

test('a renewal, a restart and a snapshot begin the time to live anew', () => {
  const { at, checker } = leader();
  everyHalfSecond(0, 20 * second, (nowUs) => {
    at(nowUs, { renewedIndex: 1 + Math.floor(nowUs / second) });
  });
  everyHalfSecond(21 * second, 24 * second, (nowUs) => {
    at(nowUs, { renewedIndex: 30 });
  });
  checker.onRecovered(nodeId(1), member({ node: 1 }));
  everyHalfSecond(24.5 * second, 27 * second, (nowUs) => {
    at(nowUs, { renewedIndex: 30 });
  });
});

test('whoever does not lead, has not applied its own term, or cannot apply is not blamed', () => {
  const follower = leader();
  everyHalfSecond(0, 20 * second, (nowUs) => {
    follower.at(nowUs, { role: 'follower' });
  });
  const fresh = leader();
  everyHalfSecond(0, 20 * second, (nowUs) => {
    fresh.at(nowUs, { term: 3 });
  });
  const stuck = leader();
  everyHalfSecond(0, 20 * second, (nowUs) => {
    stuck.at(nowUs, { applied: 3 });
  });
});

test('an election does not begin the time to live anew, but gives the new leader its rounds', () => {
  const { at } = leader();
  expect(() => {
    everyHalfSecond(0, 20 * second, (nowUs) => {
      // It loses the leadership for a moment, again and again, and keeps it for long enough in between.
      at(nowUs, { role: nowUs % (5 * second) === 0 ? 'follower' : 'leader' });
    });
  }).toThrow('lease-not-late');
});
