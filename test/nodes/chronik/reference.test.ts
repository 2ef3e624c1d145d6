import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { chronikReference, settingsReference } from '../../../nodes/chronik/reference.ts';

test('the reference page is what the schema says (node nodes/chronik/write-reference.ts writes it)', () => {
  const page = readFileSync(
    new URL('../../../docs/reference/chronik-configuration.md', import.meta.url),
    'utf8',
  );
  expect(page).toBe(chronikReference());
});

test('the page of settings is what brokers check by (node nodes/chronik/write-reference.ts writes it)', () => {
  const page = readFileSync(new URL('../../../docs/reference/chronik-settings.md', import.meta.url), 'utf8');
  expect(page).toBe(settingsReference());
});
