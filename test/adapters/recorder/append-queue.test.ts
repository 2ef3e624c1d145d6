import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { AppendQueue } from '../../../adapters/recorder/append-queue.ts';
import { makeDirectory } from './recorded-member.ts';

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

test('bytes reach their files in order, whatever is written at once and whatever later', async () => {
  const dir = makeDirectory();
  const failures: Error[] = [];
  const queue = new AppendQueue((reason) => failures.push(reason));
  const expected = ['', '', ''];
  for (const [at] of expected.entries()) {
    queue.open(join(dir, String(at)));
    if (at === 0) {
      queue.appendNow(bytesOf('first '));
      expected[at] += 'first ';
    }
    for (let count = 0; count < 2_000; count += 1) {
      const text = `${at} ${count} `.repeat(1 + (count % 50));
      queue.append(bytesOf(text));
      expected[at] += text;
      if (count % 300 === 0) queue.flush();
      if (count % 700 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(queue.fileBytes).toBe(expected[at]?.length);
  }
  await queue.close();
  expect(queue.pendingBytes).toBe(0);
  expect(failures).toEqual([]);
  for (const [at, text] of expected.entries()) {
    expect(readFileSync(join(dir, String(at)), 'latin1')).toBe(text);
  }
});

test('little waits until it is flushed', async () => {
  const path = join(makeDirectory(), 'file');
  const queue = new AppendQueue(() => undefined);
  queue.open(path);
  queue.append(bytesOf('little'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(readFileSync(path, 'latin1')).toBe('');
  expect(queue.pendingBytes).toBe(6);
  queue.flush();
  while (queue.pendingBytes > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(readFileSync(path, 'latin1')).toBe('little');
  await queue.close();
});

test('a disk that takes no more fails once, and everything behind it is nothing', () => {
  const path = join(makeDirectory(), 'file');
  const writer = fileURLToPath(new URL('./limited-writer.ts', import.meta.url));
  // In blocks of 1,024 bytes.
  const limited = ['-c', 'ulimit -f 1024; exec "$0" "$@"', process.execPath, writer, path];
  const { stdout, stderr } = spawnSync('bash', limited, { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ failures: ['EFBIG'], pendingBytes: 0 });
  expect(statSync(path).size).toBe(1_048_576);
});

test('a file that exists is never written to', async () => {
  const path = join(makeDirectory(), 'file');
  const queue = new AppendQueue(() => undefined);
  queue.open(path);
  await queue.close();
  expect(() => new AppendQueue(() => undefined).open(path)).toThrow('EEXIST');
});
