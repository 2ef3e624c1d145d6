import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { defaultImageLimits, judgeImage } from '../../../core/plasma/images/image-header.ts';
import { writeSampleGuest } from '../../../nodes/plasma-tools/sample-guest.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'photon-sample-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

test('a disk that a BIOS boots from, and that is taken for an image', async () => {
  const file = join(directory, 'sample.raw');
  await writeSampleGuest(file);
  const bytes = readFileSync(file);
  expect(bytes.readUInt16LE(510)).toBe(0xaa55);
  expect(
    judgeImage({ head: bytes, fileBytes: bytes.length, format: 'raw' }, defaultImageLimits),
  ).toMatchObject({
    kind: 'accepted',
    virtualBytes: bytes.length,
  });
});

test('a file that is there is left as it is', async () => {
  const file = join(directory, 'sample.raw');
  writeFileSync(file, 'precious');
  await expect(writeSampleGuest(file)).rejects.toThrow(`${file} is there already: name another file`);
  expect(readFileSync(file, 'utf8')).toBe('precious');
});
