import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { storageReference } from '../../../nodes/plasma/storage/reference.ts';

test('the reference page is what the schema says (node nodes/plasma/storage/write-reference.ts writes it)', () => {
  const page = readFileSync(
    new URL('../../../docs/reference/plasma-storage-configuration.md', import.meta.url),
    'utf8',
  );
  expect(page).toBe(storageReference());
});
