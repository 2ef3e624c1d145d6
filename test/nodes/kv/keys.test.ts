import { expect, test } from 'vitest';

import { keyOf } from '../../../nodes/kv/keys.ts';

test('keys are UTF-8', () => {
  expect(keyOf('ä€')).toBe('\xc3\xa4\xe2\x82\xac');
});
