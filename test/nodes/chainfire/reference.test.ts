import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { chainfireReference } from '../../../nodes/chainfire/reference.ts';

test('the reference page is what the schema says (node nodes/chainfire/write-reference.ts writes it)', () => {
  const page = readFileSync(
    new URL('../../../docs/reference/chainfire-configuration.md', import.meta.url),
    'utf8',
  );
  expect(page).toBe(chainfireReference());
});
