import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

import { FileSegments } from '../../../adapters/segments/file-segments.ts';
import { NodeFileLayer } from '../../../adapters/segments/node-file-layer.ts';
import { RelaxedFileLayer } from '../../../adapters/segments/relaxed-file-layer.ts';

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function newDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'photon-relaxed-'));
  dirs.push(dir);
  return dir;
}

function synced(segments: FileSegments): Promise<string | undefined> {
  return new Promise((resolve) => segments.sync(resolve));
}

test('what is relaxed is with the system once its sync has ended; the disk is asked only for the rest', async () => {
  const dir = newDirectory();
  const asked: string[] = [];
  const original = NodeFileLayer.prototype.syncData;
  const layer = new RelaxedFileLayer((path) => ({
    kind: path.startsWith(join(dir, '__meta')) ? 'always' : 'never',
  }));
  NodeFileLayer.prototype.syncData = function (descriptor, onEnd) {
    asked.push('synced');
    original.call(this, descriptor, onEnd);
  };
  try {
    const segments = FileSegments.open({ dir, layer });
    segments.append('partitions/t-0.1/segment_0.wal', Buffer.from('records'));
    expect(await synced(segments)).toBeUndefined();
    expect(asked).toEqual([]);
    // Another process sees it: to be killed now loses nothing.
    expect(readFileSync(join(dir, 'partitions/t-0.1/segment_0.wal'), 'utf8')).toBe('records');
    segments.append('__meta/log_0.wal', Buffer.from('votes'));
    expect(await synced(segments)).toBeUndefined();
    expect(asked).toEqual(['synced']);
    segments.close();
  } finally {
    NodeFileLayer.prototype.syncData = original;
    layer.stop();
  }
});

test('a flush in the background that fails fails the next sync', async () => {
  const dir = newDirectory();
  const layer = new RelaxedFileLayer(() => ({ kind: 'interval', ms: 1 }));
  const segments = FileSegments.open({ dir, layer });
  segments.append('partitions/t-0.1/segment_0.wal', Buffer.from('records'));
  expect(await synced(segments)).toBeUndefined();
  // Its directory becomes a file: what is to be flushed cannot be opened any more, and is not simply gone.
  const partition = join(dir, 'partitions', 't-0.1');
  renameSync(partition, `${partition}.moved`);
  writeFileSync(partition, '');
  let failure: string | undefined;
  while (failure === undefined) {
    segments.append('partitions/u-0.1/segment_0.wal', Buffer.from('more'));
    failure = await synced(segments);
  }
  expect(failure).toMatch(/ENOTDIR/);
  segments.close();
  layer.stop();
});
