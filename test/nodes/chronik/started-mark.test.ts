import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { StartedMark } from '../../../nodes/chronik/started-mark.ts';

test('a mark that was set once is there at the next start', () => {
  const dir = mkdtempSync(join(tmpdir(), 'photon-mark-'));
  try {
    const mark = new StartedMark(dir);
    expect(mark.isSet).toBe(false);
    mark.set();
    mark.set();
    expect([mark.isSet, new StartedMark(dir).isSet]).toEqual([true, true]);
    expect(readdirSync(dir)).toEqual(['started']);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
