import { afterEach, expect, test, vi } from 'vitest';

import { parseBytes, printJson, printTable, showBytes } from '../../../nodes/plasma-tools/print.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function printed(print: () => void): string {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    text += String(piece);
    return true;
  });
  print();
  return text;
}

test.each([
  ['1', 1],
  ['512B', 512],
  ['512k', 524_288],
  ['512M', 536_870_912],
  ['2GiB', 2_147_483_648],
  ['2gb', 2_147_483_648],
  ['1TiB', 1_099_511_627_776],
])('%s is a size', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(['', '0', '-1', '1.5G', '1 G', 'G', '1P', '0x10', '9999999999999999', '999999999999999T'])(
  '"%s" is none',
  (text) => {
    expect(parseBytes(text)).toBe(undefined);
  },
);

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1 KiB'],
  [1_536, '1.5 KiB'],
  [2_147_483_648, '2 GiB'],
  [2 ** 60, '1024 PiB'],
])('%d bytes are shown in the largest unit that fits', (bytes, text) => {
  expect(showBytes(bytes)).toBe(text);
});

test('columns are as wide as what stands in them, and lines end with it', () => {
  const rows = [
    ['web', 'running', ''],
    ['a-long-name', 'up', '7'],
  ];
  expect(printed(() => printTable(['NAME', 'STATE', 'N'], rows))).toBe(
    'NAME         STATE    N\nweb          running\na-long-name  up       7\n',
  );
  expect(printed(() => printTable(['NAME'], []))).toBe('NAME\n');
});

test('JSON can be read again', () => {
  expect(JSON.parse(printed(() => printJson({ a: [1, 'zwölf'] })))).toEqual({ a: [1, 'zwölf'] });
});
