import { expect, test } from 'vitest';

import { restorableTables, rowFate, rowsTaken } from '../../../../core/chainfire/backup/row-fates.ts';
import { metaTable } from '../../../../core/chainfire/mvcc/keys.ts';
import { memberTables } from '../../../../core/chainfire/tables.ts';

test('the fate of the rows of every table is stated', () => {
  expect([...restorableTables].sort()).toEqual([...memberTables].sort());
});

test('who the members were stays behind; how far the state is goes along', () => {
  expect(rowFate(metaTable, 'configuration')).toBe('left');
  expect(rowFate(metaTable, 'membership')).toBe('left');
  expect(rowFate(metaTable, 'member/0000000000000001')).toBe('left');
  expect(rowFate(metaTable, 'applied')).toBe('taken');
  expect(rowFate(metaTable, 'physical')).toBe('taken');
});

test('a row that no rule speaks of is named, and nothing is taken', () => {
  const value = Uint8Array.of(1);
  expect(
    rowsTaken(metaTable, [
      ['applied', value],
      ['members', value],
    ]),
  ).toEqual({ kind: 'unknown', key: 'members' });
  expect(rowFate('other', 'key')).toBe('unknown');
});

test('only what is kept is handed on, in its order', () => {
  const value = Uint8Array.of(1);
  expect(
    rowsTaken(metaTable, [
      ['applied', value],
      ['configuration', value],
      ['physical', value],
    ]),
  ).toEqual({
    kind: 'taken',
    rows: [
      ['applied', value],
      ['physical', value],
    ],
  });
});
