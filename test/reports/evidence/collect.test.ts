import { describe, expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { collectEvidence } from '../../../reports/evidence/collect.ts';
import { type Change, type RunEvidence } from '../../../reports/evidence/types.ts';
import { scenarioNamed } from '../../../scenarios/registry.ts';
import { runJudged } from '../../../sim/judged-run.ts';

const seed = 7;
const plan = scenarioNamed('swarm').plan(seed);
const evidence = collectEvidence(plan, seed);

test.each(['swarm', 'torn-log-tail', 'lost-fsync', 'watch-resumed-across-compaction'])(
  'a run of %s that is watched is the same run, hash included',
  (name) => {
    const scenario = { ...scenarioNamed(name).plan(3), durationUs: 4_000_000, floors: {} };
    expect(collectEvidence(scenario, 3).result).toEqual(runJudged(scenario, 3));
  },
);

test('every step of the run is there, in the order of time, each after the one before it on its node and in its boot', () => {
  expect(evidence.firstStep).toBe(0);
  expect(evidence.steps).toHaveLength(evidence.result.events);
  const last = new Map<string, number>();
  let atUs = 0;
  for (const [number, step] of evidence.steps.entries()) {
    expect(step.atUs).toBeGreaterThanOrEqual(atUs);
    atUs = step.atUs;
    const process = `${step.node}.${step.boot}`;
    const before = last.get(process);
    if (before !== undefined) expect(step.causes[0]).toBe(before);
    for (const cause of step.causes) expect(cause).toBeLessThan(number);
    last.set(process, number);
  }
  expect(last.size).toBeGreaterThan(plan.cluster.members);
});

describe('packets', () => {
  test('one that was taken was sent, arrived and was taken, in this order; its taker names its sender as a cause', () => {
    let joined = 0;
    for (const { sentBy, sentUs, arrivedUs, takenBy, from, what } of evidence.packets) {
      if (takenBy === undefined) continue;
      const taker = there(evidence.steps[takenBy]);
      expect(arrivedUs).toBeGreaterThanOrEqual(sentUs);
      expect(taker.atUs).toBeGreaterThanOrEqual(arrivedUs ?? Infinity);
      // What the transport says by itself comes of no step.
      if (from.kind === 'client' || what.startsWith('snapshotTaken')) continue;
      const sender = there(evidence.steps[there(sentBy)]);
      expect(sender.node).toBe(from.node);
      expect(sender.atUs).toBeLessThanOrEqual(sentUs);
      expect(taker.causes).toContain(sentBy);
      joined += 1;
    }
    expect(joined).toBeGreaterThan(200);
  });

  test('every message that a member was given came by a packet of just these messages', () => {
    const received = [...evidence.steps.keys()].filter((at) => evidence.steps[at]?.kind === 'received');
    const taken = new Map(evidence.packets.map((packet) => [packet.takenBy, packet]));
    expect(received.length).toBeGreaterThan(200);
    for (const step of received) {
      const packet = there(taken.get(step));
      for (const kind of packet.what.split(' ')) expect(evidence.steps[step]?.event).toContain(kind);
    }
  });

  test('some are lost under these faults, and what was lost was taken by nobody', () => {
    const lost = evidence.packets.filter(({ arrivedUs }) => arrivedUs === undefined);
    expect(lost.length).toBeGreaterThan(50);
    for (const { takenBy } of lost) expect(takenBy).toBeUndefined();
  });
});

test('an answered operation was given to a member, and answered by a step of the same member behind it', () => {
  let answered = 0;
  for (const [position, { outcome }] of evidence.operations.entries()) {
    if (outcome.kind !== 'answered') continue;
    const steps = there(evidence.operationSteps[position]);
    const [first, last] = [there(steps[0]), there(steps.at(-1))];
    expect(evidence.steps[first]?.kind).toBe('requested');
    expect(evidence.steps[last]?.effects.join()).toContain('reply');
    answered += 1;
  }
  expect(answered).toBeGreaterThan(20);
});

test('whoever takes a snapshot follows from the step that sent it, even when it was paused at its end', () => {
  const name = 'crash-during-snapshot-install';
  const run = collectEvidence({ ...scenarioNamed(name).plan(1), durationUs: 15_000_000, floors: {} }, 1);
  const taken = run.steps.filter(({ kind }) => kind === 'snapshotReceived');
  expect(taken.length).toBeGreaterThan(0);
  for (const { node, causes } of taken) {
    const sent = causes.map((cause) => there(run.steps[cause]).effects.join(' '));
    expect(sent.some((effects) => effects.includes(`sendSnapshot to=${node} `))).toBe(true);
  }
});

describe('lanes', () => {
  const lanes = [...evidence.lanes.values()];

  test('repeat no value, and go on in time', () => {
    for (const lane of lanes) {
      for (const changes of Object.values(lane) as readonly (readonly Change<unknown>[])[]) {
        for (let at = 1; at < changes.length; at += 1) {
          const [before, change] = [there(changes[at - 1]), there(changes[at])];
          expect(change.value).not.toBe(before.value);
          expect(change.atUs).toBeGreaterThanOrEqual(before.atUs);
          expect(change.step).toBeGreaterThanOrEqual(before.step);
        }
      }
    }
  });

  test('show every node down before its start, what was applied behind what was committed, the disk behind the log', () => {
    for (const lane of lanes) {
      expect(lane.role[0]).toEqual({ atUs: 0, step: 0, value: 'down' });
      for (const { step, value } of lane.appliedIndex) {
        expect(value).toBeLessThanOrEqual(at(lane.commitIndex, step));
      }
      for (const { step, value } of lane.durableBytes) {
        expect(value).toBeLessThanOrEqual(at(lane.appendedBytes, step));
      }
    }
    expect(lanes.some((lane) => lane.role.some(({ value }) => value === 'leader'))).toBe(true);
    expect(lanes.some((lane) => lane.role.some(({ value }) => value === 'paused'))).toBe(true);
    expect(lanes.some((lane) => lane.clockOffsetUs.length > 1)).toBe(true);
  });
});

describe('where only the newest steps are kept', () => {
  const stepsMax = 500;
  const newest = collectEvidence(plan, seed, { stepsMax });

  test('they are those of the whole run, with their numbers', () => {
    expect(newest.firstStep).toBe(evidence.steps.length - stepsMax);
    expect(newest.result).toEqual(evidence.result);
    expect(texts(newest)).toEqual(texts(evidence).slice(-stepsMax));
  });

  test('packets and notes are those of their time, and lanes go on from the value that stood then', () => {
    const fromUs = newest.steps[0]?.atUs ?? 0;
    const inTime = evidence.packets.filter(({ arrivedUs, sentUs }) => (arrivedUs ?? sentUs) >= fromUs);
    expect(newest.packets.map((packet) => JSON.stringify(packet))).toEqual(
      inTime.map((packet) => JSON.stringify(packet)),
    );
    for (const [node, lane] of newest.lanes) {
      const whole = there(evidence.lanes.get(node));
      for (const step of [newest.firstStep, newest.firstStep + stepsMax - 1]) {
        expect(at(lane.term, step)).toBe(at(whole.term, step));
        expect(at(lane.commitIndex, step)).toBe(at(whole.commitIndex, step));
      }
    }
  });
});

function there<T>(value: T | undefined): T {
  return present(value, 'the evidence has it');
}

function at<T>(changes: readonly Change<T>[], step: number): T {
  return there(changes.findLast((change) => change.step <= step)).value;
}

function texts(of: RunEvidence): readonly string[] {
  return of.steps.map((step) => JSON.stringify(step));
}
