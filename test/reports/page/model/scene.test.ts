import { describe, expect, test } from 'vitest';

import { layOut } from '../../../../reports/page/model/rows.ts';
import { arrowsMax, makeScene, pick, projection, type Scene } from '../../../../reports/page/model/scene.ts';
import { indexScene } from '../../../../reports/page/model/scene-index.ts';
import { everything, scoped } from '../../../../reports/page/model/scope.ts';
import { linearAxis } from '../../../../reports/page/model/time-axis.ts';
import { type RunEvidence } from '../../../../reports/evidence/types.ts';
import { evidenceOf } from '../../evidence/hand-made.ts';
import { one, packet, stepAt, two } from '../hand-made.ts';

function sceneOf(evidence: RunEvidence, fromUs: number, toUs: number): Scene {
  return makeScene({
    index: indexScene(evidence, scoped(evidence, everything, undefined)),
    rows: layOut({ nodes: [one, two], clients: [] }),
    projection: projection(linearAxis(0, 1_000_000), { from: fromUs, to: toUs }, 1_000),
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
    const arrows = scene.arrows.toSorted((left, right) => left.fromX - right.fromX);
    expect(arrows.map(({ fromX, toX, lost }) => [fromX, toX, lost])).toEqual([
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

describe('of a long run', () => {
  const count = 100_000;
  const widthPx = 1_000;
  const long = evidenceOf({
    steps: Array.from({ length: count }, (_, at) => stepAt(at * 10, 1 + (at % 2))),
    packets: Array.from({ length: count }, (_, at) =>
      packet({
        sentUs: at * 10,
        // One in a thousand is long under way.
        arrivedUs: at % 50_000 === 7 ? undefined : at * 10 + (at % 1_000 === 0 ? 200_000 : 5),
        what: at % 25_000 === 3 ? 'voteRequest' : 'heartbeatRequest',
      }),
    ),
  });

  /** Counts what a frame reads of the run. */
  function counted<T>(values: readonly T[], count: { reads: number }): readonly T[] {
    return new Proxy(values, {
      get: (target, key) => {
        if (typeof key === 'string' && /^\d/u.test(key)) count.reads += 1;
        return Reflect.get(target, key) as unknown;
      },
    });
  }

  test.each([
    ['all of it', 0, 1_000_000],
    ['a half', 250_000, 750_000],
    ['a hundredth', 500_000, 510_000],
    ['its end', 990_000, 1_000_000],
  ])('a frame of %s looks at what it draws, not at the run', (_, fromUs, toUs) => {
    const reads = { reads: 0 };
    const whole = indexScene(long, scoped(long, everything, undefined));
    const index = {
      steps: whole.steps.map((own) => ({ ...own, timesUs: counted(own.timesUs, reads) })),
      packets: whole.packets.map((own) => ({
        ...own,
        packets: counted(own.packets, reads),
        blocksUntilUs: counted(own.blocksUntilUs, reads),
      })),
    };
    const scene = makeScene({
      index,
      rows: layOut({ nodes: [one, two], clients: [] }),
      projection: projection(linearAxis(0, 1_000_000), { from: fromUs, to: toUs }, widthPx),
    });
    expect(scene.dots.length).toBeGreaterThan(400);
    expect(scene.dots.length).toBeLessThanOrEqual(2 * (widthPx + 42));
    expect(scene.arrows.length).toBeGreaterThan(400);
    expect(scene.arrows.length).toBeLessThanOrEqual(arrowsMax);
    // Twenty looks find a place in so many, and a block of what went before costs one.
    expect(reads.reads).toBeLessThan(20 * scene.dots.length + 2 * arrowsMax + count / 32 + 500);
  });

  test('what is rare is drawn, what is lost too, and only what is frequent is thinned', () => {
    const { arrows, hidden } = sceneOf(long, 0, 1_000_000);
    const votes = arrows.filter(({ kind }) => kind === 'voteRequest');
    expect(votes).toHaveLength(4);
    expect(arrows.filter(({ lost }) => lost)).toHaveLength(2);
    expect(arrows.length).toBeGreaterThan(arrowsMax / 4);
    expect(hidden).toBeGreaterThan(count);
  });

  test('what is drawn from afar is still drawn from near', () => {
    const shown = (fromUs: number, toUs: number): ReadonlySet<number> =>
      new Set(sceneOf(long, fromUs, toUs).arrows.map(({ packet: { sentUs } }) => sentUs));
    const near = shown(500_000, 510_000);
    const far = [...shown(0, 1_000_000)].filter((sentUs) => sentUs >= 500_000 && sentUs <= 510_000);
    expect(far.length).toBeGreaterThan(8);
    expect(far.filter((sentUs) => !near.has(sentUs))).toEqual([]);
  });
});

describe('what lies under the pointer', () => {
  const scene = sceneOf(evidence, 0, 1_000);
  const first = scene.dots[0];

  test('is the step there, before a message that begins in it', () => {
    expect(pick(scene, (first?.x ?? 0) + 2, first?.y ?? 0)).toEqual({ kind: 'step', step: 0 });
  });

  test('is the message whose line passes there', () => {
    const arrow = scene.arrows.find(({ lost }) => !lost);
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
