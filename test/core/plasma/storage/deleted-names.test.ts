import { expect, test } from 'vitest';

import { DeletedNames } from '../../../../core/plasma/storage/deleted-names.ts';
import { deletedMax } from '../../../../core/plasma/storage/disk-row.ts';

test('the newest names are remembered, in the order of their deletion, and the oldest is forgotten first', () => {
  const deleted = new DeletedNames();
  for (let number = 0; number < deletedMax; number += 1) deleted.add(`red/${number}`);
  deleted.add('red/0');
  expect(deleted.has('red/0')).toBe(true);
  deleted.add('red/last');
  expect(deleted.names).toHaveLength(deletedMax);
  expect(deleted.has('red/0')).toBe(false);
  expect(deleted.has('red/1')).toBe(true);
  expect(deleted.names.at(-1)).toBe('red/last');
});
