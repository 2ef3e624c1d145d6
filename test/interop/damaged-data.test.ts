import { mkdirSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';

import { FileSegments } from '../../adapters/segments/file-segments.ts';
import { RecordLog } from '../../core/storage/record-log.ts';
import { Cluster, photonFile } from './cluster.ts';
import { runCommand } from './command.ts';

test('a log that cannot be read is refused by name, and the process ends though its peers could be called', async () => {
  const cluster = await Cluster.plan(2);
  const { dataDir } = cluster.place('a');
  try {
    mkdirSync(cluster.dir, { recursive: true });
    cluster.launch('a');
    await expect
      .poll(() => readdirSync(cluster.dir).includes('a') && readdirSync(dataDir).includes('state'))
      .toBe(true);
    await cluster.end('a', 'SIGKILL');
    // Whole by its checksum, and nothing that a member ever wrote.
    const segments = FileSegments.open({ dir: dataDir });
    const { log } = RecordLog.recover(segments, { prefix: 'log/', segmentBytesMax: 65_536 });
    const { file, bytes } = log.append(new Uint8Array(100).fill(0xff)).append;
    segments.append(file, bytes);
    const failure = await new Promise((resolve) => segments.sync(resolve));
    expect(failure).toBeUndefined();
    segments.close();
    const result = await runCommand(process.execPath, [
      photonFile,
      'chainfire',
      'serve',
      ...cluster.serveFlags('a'),
    ]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(`photon chainfire serve: cannot open the data in ${dataDir}: `);
  } finally {
    await cluster.remove();
  }
});
