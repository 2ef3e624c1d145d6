import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { plasmaReferences } from '../../../nodes/plasma/reference.ts';

test.each(Object.entries(plasmaReferences()))(
  '%s is what the schema says (node nodes/plasma/write-reference.ts writes it)',
  (file, page) => {
    const there = readFileSync(new URL(`../../../docs/reference/${file}`, import.meta.url), 'utf8');
    expect(there).toBe(page);
  },
);
