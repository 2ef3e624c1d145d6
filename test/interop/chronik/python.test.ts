import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Cluster } from '../cluster.ts';
import { runCommand } from '../command.ts';
import { describeWith, python } from '../requirement.ts';

let cluster: Cluster;

async function runScript(name: string): Promise<unknown> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const { code, stdout, stderr } = await runCommand(python, [script, cluster.endpoints], {
    timeoutMs: 120_000,
  });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describeWith(['kafkaPython', 'confluentKafka'], 'clients of Python against three brokers', () => {
  beforeAll(async () => {
    cluster = await Cluster.start(3, ['--group-initial-rebalance-delay-ms', '200'], 'chronik');
  });
  afterAll(() => cluster.remove());

  test('python3-kafka: topics, a producer, a group, offsets', async () => {
    cluster.showLogsOnFailure();
    expect(await runScript('kafka_python.py')).toEqual({
      retention: '3600000',
      offsets: Array.from({ length: 30 }, (_, offset) => offset),
      values: Array.from({ length: 90 }, (_, value) => value),
      later: [90],
      ends: [31, 30, 30],
      beginnings: [0, 0, 0],
      committed: [31, 30, 30],
      groups: ['pythons'],
      state: 'Empty',
      topics: [],
    });
  });

  test('python3-confluent-kafka: codecs, idempotence, transactions with offsets, fencing', async () => {
    cluster.showLogsOnFailure();
    expect(await runScript('confluent_kafka_client.py')).toEqual({
      retention: '7200000',
      isrs: [
        [1, 2, 3],
        [1, 2, 3],
      ],
      ...{ gzip: 0, snappy: 0, lz4: 0, zstd: 0, offsets: true },
      ...{ committed: 200, copied: 200, readCommitted: true, nothingMore: true },
      fenced: '_FENCED',
      groups: expect.arrayContaining(['copiers', 'readers']) as unknown,
      watermarks: [0, 400],
    });
  });
});
