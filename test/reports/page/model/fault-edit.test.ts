import { describe, expect, test } from 'vitest';

import {
  editable,
  enabledFaults,
  faultKinds,
  numberFields,
  parseFault,
  templateOf,
  withNumber,
} from '../../../../reports/page/model/fault-edit.ts';
import { faultTargets } from '../../../../reports/page/model/fault-targets.ts';
import { faultWords } from '../../../../reports/page/model/words.ts';
import { crash, one, three, two } from '../hand-made.ts';

const nodes = [one, two, three];

describe('the list of faults in the page', () => {
  test('runs without those that are switched off', () => {
    const list = editable([crash(1, 1), crash(2, 2)]);
    expect(enabledFaults(list.map((item) => ({ ...item, enabled: item.id !== 0 })))).toEqual([crash(2, 2)]);
  });

  test('offers every number of a fault, and takes another in its place', () => {
    expect(numberFields(crash(5, 2)).map(({ name, value }) => [name, value])).toEqual([
      ['atUs', 5],
      ['node', 2],
      ['downUs', 1_000],
    ]);
    expect(withNumber(crash(5, 2), 'atUs', 70)).toEqual(crash(70, 2));
  });

  test.each([
    ['atUs', Number.NaN],
    ['downUs', -1],
    ['node', 0],
  ])('refuses %s of %d by name', (name, value) => {
    expect(() => withNumber(crash(5, 2), name, value)).toThrow(name);
  });

  test.each([
    ['{"kind": "crash"', 'JSON'],
    ['{"kind": "flood", "atUs": 1}', 'kind'],
    ['{"kind": "crash", "atUs": 1, "node": 1}', 'downUs'],
    ['[]', 'fault'],
  ])('refuses %s, and says what is wrong', (text, named) => {
    expect(() => parseFault(text)).toThrow(named);
  });

  test('has something to begin with for every kind: it can be read back, described and drawn', () => {
    for (const kind of faultKinds) {
      const fault = templateOf(kind, 1_000, nodes);
      expect(parseFault(JSON.stringify(fault))).toEqual(fault);
      expect(faultWords(fault)).not.toContain('undefined');
      expect(faultTargets(fault, nodes).length).toBeGreaterThan(0);
    }
  });
});

test('a fault is about the members that it names, or about all', () => {
  expect(faultTargets(crash(1, 2), nodes)).toEqual([two]);
  expect(
    faultTargets({ kind: 'partition', atUs: 1, forUs: 1, side: [one], otherSide: [three] }, nodes),
  ).toEqual([one, three]);
  expect(faultTargets({ kind: 'slowNetwork', atUs: 1, forUs: 1, factor: 2 }, nodes)).toEqual(nodes);
});
