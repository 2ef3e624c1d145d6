import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { ClusterFile, type ClusterRecord } from '../../../nodes/chainfire/cluster-file.ts';

const record: ClusterRecord = {
  clusterId: '00000000000000aa',
  nodeId: 4,
  birth: [{ id: nodeId(1), name: 'a', peerUrls: ['http://h:1'] }],
  join: { name: 'd', peerUrls: ['http://h:4'] },
  hasStarted: false,
  members: [{ id: 1, name: 'a', peerUrls: ['http://h:1'] }],
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-cluster-file-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const unexpected = (error: Error): void => {
  throw error;
};

test('what was written is read again; a directory without the file knows of no cluster', async () => {
  expect(ClusterFile.read(dir)).toBeUndefined();
  await new ClusterFile(dir, record, unexpected).write();
  expect(ClusterFile.read(dir)).toEqual(record);
  expect(readdirSync(dir)).toEqual(['cluster']);
});

test('changes that come together are written as one, the last of each; close waits for them', async () => {
  const file = new ClusterFile(dir, record, unexpected);
  const members = [...record.members, { id: 4, name: 'd', peerUrls: ['http://h:4'] }];
  file.change({ hasStarted: true });
  file.change({ members: [] });
  file.change({ members });
  await file.close();
  expect(ClusterFile.read(dir)).toEqual({ ...record, hasStarted: true, members });
  file.change({ removed: 'it was removed' });
  await file.close();
  expect(ClusterFile.read(dir)?.removed).toBe('it was removed');
});

test('a failure is told, and the next change is written all the same', async () => {
  const failures: Error[] = [];
  const file = new ClusterFile(join(dir, 'gone'), record, (error) => failures.push(error));
  file.change({ hasStarted: true });
  await file.close();
  expect(failures).toEqual([expect.objectContaining({ code: 'ENOENT' })]);
  rmSync(dir, { recursive: true });
});

const broken: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['no object', '3'],
  ['no cluster id', JSON.stringify({ ...record, clusterId: 'aa' })],
  ['members that are none', JSON.stringify({ ...record, members: [{ id: 1, name: 'a' }] })],
  ['a birth without ids', JSON.stringify({ ...record, birth: [{ name: 'a', peerUrls: [] }] })],
];
test.each(broken)('a file that holds %s is refused by name', (_, content) => {
  writeFileSync(join(dir, 'cluster'), content);
  expect(() => ClusterFile.read(dir)).toThrow(
    `${join(dir, 'cluster')} does not say what a member knows of its cluster; restore it, or remove this member and add it anew`,
  );
});
