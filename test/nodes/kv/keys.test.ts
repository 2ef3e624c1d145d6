import { expect, test } from 'vitest';

import { fromKeyEnd, keyOf, prefixEnd } from '../../../nodes/kv/keys.ts';

test('the end of a prefix is the least key behind all that begin with it', () => {
  expect(prefixEnd('a')).toBe('b');
  expect(prefixEnd('a\xff')).toBe('b');
  expect(prefixEnd('a\xfe\xff\xff')).toBe('a\xff');
  expect(prefixEnd('\xff\xff')).toBe(fromKeyEnd);
});

test('keys are UTF-8', () => {
  expect(keyOf('ä€')).toBe('\xc3\xa4\xe2\x82\xac');
});
