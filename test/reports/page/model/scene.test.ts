import { describe, expect, test } from 'vitest';

import { layOut } from '../../../../reports/page/model/rows.ts';
import { makeScene, pick, projection, type Scene } from '../../../../reports/page/model/scene.ts';
import { everything, scoped } from '../../../../reports/page/model/scope.ts';
import { linearAxis } from '../../../../reports/page/model/time-axis.ts';
import { longestFlightUs } from '../../../../reports/page/model/workbench-model.ts';
import { type RunEvidence } from '../../../../reports/evidence/types.ts';
import { evidenceOf } from '../../evidence/hand-made.ts';
import { one, packet, stepAt, two } from '../hand-made.ts';

function sceneOf(evidence: RunEvidence, fromUs: number, toUs: number): Scene {
  return makeScene({
    evidence,
    scoped: scoped(evidence, everything, undefined),
    rows: layOut({ nodes: [one, two], clients: [] }),
    projection: projection(linearAxis(0, 1_000_000), { from: fromUs, to: toUs }, 1_000),
    flightUsMax: longestFlightUs(evidence),
  });
}

const evidence = evidenceOf({
  steps: [stepAt(100, 1), stepAt(300, 2), stepAt(900_000, 1)],
  packets: [
    packet({ sentUs: 100, arrivedUs: 300, sentBy: 0, takenBy: 1 }),
    packet({ sentUs: 500, what: 'voteRequest' }),
  ],
});

describe('what is on the screen', () => {
  test('is what lies in view: a line from where a message left to where it arrived, and no more of the rest', () => {
    const scene = sceneOf(evidence, 0, 1_000);
    expect(scene.dots.map(({ step, x }) => [step, x])).toEqual([
      [0, 100],
      [1, 300],
    ]);
    expect(scene.arrows.map(({ fromX, toX, lost }) => [fromX, toX, lost])).toEqual([
      [100, 300, false],
      [500, 526, true],
    ]);
  });

  test('has a message that left before what is in view and arrives within it', () => {
    expect(sceneOf(evidence, 200, 260).arrows.filter(({ lost }) => !lost)).toHaveLength(1);
  });

  test('draws what shares a pixel once, and counts what lies behind', () => {
    const crowd = evidenceOf({ steps: Array.from({ length: 5_000 }, (_, index) => stepAt(index, 1)) });
    const scene = sceneOf(crowd, 0, 1_000_000);
    expect(scene.dots.length).toBeLessThan(20);
    expect(scene.dots.length + scene.hidden).toBe(5_000);
  });
});

describe('what lies under the pointer', () => {
  const scene = sceneOf(evidence, 0, 1_000);
  const first = scene.dots[0];

  test('is the step there, before a message that begins in it', () => {
    expect(pick(scene, (first?.x ?? 0) + 2, first?.y ?? 0)).toEqual({ kind: 'step', step: 0 });
  });

  test('is the message whose line passes there', () => {
    const [arrow] = scene.arrows;
    const middle = {
      x: ((arrow?.fromX ?? 0) + (arrow?.toX ?? 0)) / 2,
      y: ((arrow?.fromY ?? 0) + (arrow?.toY ?? 0)) / 2,
    };
    expect(pick(scene, middle.x, middle.y)).toEqual({ kind: 'packet', packet: evidence.packets[0] });
  });

  test('is nothing where nothing is', () => {
    expect(pick(scene, 900, 5)).toBeUndefined();
  });
});
