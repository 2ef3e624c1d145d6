import { describe, expect, test } from 'vitest';

import { faultBands, roleBands, valueAt } from '../../../../reports/page/model/bands.ts';
import { pendingBytes } from '../../../../reports/page/model/series.ts';
import { type Change, type FaultRecord, type NodeLanes } from '../../../../reports/evidence/types.ts';
import { evidenceOf, noResult } from '../../evidence/hand-made.ts';
import { crash, one } from '../hand-made.ts';

function changes<T>(...items: readonly (readonly [number, T])[]): readonly Change<T>[] {
  return items.map(([atUs, value], step) => ({ atUs, step, value }));
}

const empty: NodeLanes = {
  ...{ role: [], term: [], commitIndex: [], appliedIndex: [] },
  ...{ clockOffsetUs: [], appendedBytes: [], durableBytes: [] },
};

describe('lanes', () => {
  test('show a role and its term in one bar, until either changes', () => {
    const lanes = {
      ...empty,
      role: changes([10, 'follower' as const], [30, 'leader' as const], [50, 'down' as const]),
      term: changes([10, 1], [20, 2]),
    };
    const evidence = evidenceOf({ nodes: [one], lanes: new Map([[one, lanes]]) });
    expect(roleBands(evidence, [one], 90).map(({ fromUs, toUs, text }) => [fromUs, toUs, text])).toEqual([
      [10, 20, 'follower · term 1'],
      [20, 30, 'follower · term 2'],
      [30, 50, 'leader · term 2'],
      [50, 90, ''],
    ]);
  });

  test('keep faults that overlap apart, and leave out those after the end', () => {
    const record = (fromUs: number, toUs: number, position: number): FaultRecord => ({
      ...{ position, fault: crash(fromUs, 1), fromUs, toUs, fired: true },
    });
    const faults = [record(10, 50, 0), record(20, 30, 1), record(50, 60, 2), record(500, 600, 3)];
    const { bands, rows } = faultBands(evidenceOf({ faults, result: { ...noResult, simulatedUs: 100 } }));
    expect([bands.map(({ fromUs, row }) => [fromUs, row]), rows]).toEqual([
      [
        [10, 0],
        [20, 1],
        [50, 0],
      ],
      2,
    ]);
  });

  test('say of a fault that did not fire that it had no effect', () => {
    const over = { fault: crash(10, 1), fromUs: 10, toUs: 50 };
    const faults = [
      { ...over, position: 0, fired: false },
      { ...over, position: 1, fired: true },
    ];
    const { bands } = faultBands(evidenceOf({ faults, result: { ...noResult, simulatedUs: 100 } }));
    expect(bands.map(({ text }) => text.endsWith('(had no effect)'))).toEqual([true, false]);
  });

  test('count as pending what was appended and is not on the platter', () => {
    const lanes = {
      ...empty,
      appendedBytes: changes([10, 100], [20, 250], [40, 250]),
      durableBytes: changes([30, 100], [40, 250]),
    };
    expect(pendingBytes(lanes).map(({ atUs, value }) => [atUs, value])).toEqual([
      [10, 100],
      [20, 250],
      [30, 150],
      [40, 0],
    ]);
  });
});

test('the value in force at a time is that of the last change before it', () => {
  const term = changes([10, 1], [20, 2]);
  expect([9, 10, 19, 20, 99].map((atUs) => valueAt(term, atUs))).toEqual([undefined, 1, 1, 2, 2]);
});
