import { expect, test } from 'vitest';

import { fromKeyEnd, prefixEnd } from '../../../../core/chainfire/client/key-prefix.ts';

test('the end of a prefix is the least key behind all that begin with it', () => {
  expect(prefixEnd('a')).toBe('b');
  expect(prefixEnd('a\xff')).toBe('b');
  expect(prefixEnd('a\xfe\xff\xff')).toBe('a\xff');
  expect(prefixEnd('\xff\xff')).toBe(fromKeyEnd);
});
