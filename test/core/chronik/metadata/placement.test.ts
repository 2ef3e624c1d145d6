import '../../../property-seed.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Placement, placeReplicas } from '../../../../core/chronik/metadata/placement.ts';
import { Scene } from './scene.ts';

function place(scene: Scene, count: number, factor: number): Placement {
  const placement = placeReplicas(scene.state, { count, factor });
  if ('kind' in placement) throw new Error(placement.message);
  return placement;
}

function racks(scene: Scene, named: Readonly<Record<number, string>>): void {
  for (const [id, rack] of Object.entries(named)) {
    scene.register(Number(id), rack);
    scene.unfence(Number(id));
  }
}

test('partitions are spread evenly, and the second replicas of a broker’s partitions differ', () => {
  const scene = new Scene();
  scene.start(1, 2, 3);
  expect(place(scene, 6, 3)).toEqual([
    [1, 2, 3],
    [2, 3, 1],
    [3, 1, 2],
    [1, 3, 2],
    [2, 1, 3],
    [3, 2, 1],
  ]);
});

test('what is placed goes where there is least', () => {
  const scene = new Scene();
  scene.start(1, 2, 3);
  scene.topic('t', [[1], [1], [2]]);
  expect(place(scene, 3, 1)).toEqual([[3], [2], [3]]);
});

test('replicas are spread over racks', () => {
  const scene = new Scene();
  racks(scene, { 1: 'north', 2: 'north', 3: 'south', 4: 'south' });
  for (const replicas of place(scene, 8, 2)) {
    const named = replicas.map((id) => scene.state.broker(id)?.rack);
    expect(new Set(named).size).toBe(2);
  }
});

test('a fenced broker is chosen only where there are too few others, and never to lead', () => {
  const scene = new Scene();
  scene.start(1, 2, 3);
  scene.fence(1);
  for (const replicas of place(scene, 4, 2)) expect(replicas).not.toContain(1);
  for (const replicas of place(scene, 4, 3)) expect(replicas.at(-1)).toBe(1);
  scene.fence(2);
  scene.fence(3);
  expect(placeReplicas(scene.state, { count: 1, factor: 1 })).toMatchObject({
    code: 'INVALID_REPLICATION_FACTOR',
    message: 'no broker is active: each is fenced or about to stop',
  });
});

test('however many brokers and partitions, none leads or keeps much more than another', () => {
  const sizes = fc.record({
    brokers: fc.integer({ min: 1, max: 9 }),
    count: fc.integer({ min: 1, max: 40 }),
    factor: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(sizes, ({ brokers, count, factor }) => {
      fc.pre(factor <= brokers);
      const scene = new Scene();
      scene.start(...Array.from({ length: brokers }, (_, at) => at + 1));
      const placement = place(scene, count, factor);
      const led = new Map<number, number>();
      const kept = new Map<number, number>();
      for (const replicas of placement) {
        expect(new Set(replicas).size).toBe(factor);
        for (const [at, id] of replicas.entries()) {
          kept.set(id, (kept.get(id) ?? 0) + 1);
          if (at === 0) led.set(id, (led.get(id) ?? 0) + 1);
        }
      }
      const spread = (counts: ReadonlyMap<number, number>): number => {
        const all = Array.from({ length: brokers }, (_, at) => counts.get(at + 1) ?? 0);
        return Math.max(...all) - Math.min(...all);
      };
      expect(spread(led)).toBeLessThanOrEqual(1);
      expect(spread(kept)).toBeLessThanOrEqual(2);
    }),
    { numRuns: 100 },
  );
});
