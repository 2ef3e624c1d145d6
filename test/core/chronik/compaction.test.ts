import { expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { scanBatches } from '../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch } from '../../../core/wire/kafka/records.ts';
import { brokersWithTopic, topic } from './test-client.ts';
import { type TestBrokers } from './three-brokers.ts';

const minute = 60_000_000;

/** The wall clock of brokers in tests begins here. */
const wallBeginsMs = 1_700_000_000_000;

function put(brokers: TestBrokers, key: string, value: string): void {
  const record = {
    timestampMs: wallBeginsMs + Math.floor(brokers.nowUs / 1_000),
    key: bytesFromLatin1(key),
    value: bytesFromLatin1(value),
  };
  const { responses } = brokers.call(brokers.leaderOf(topic), 'produce', {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records: encodeBatch({ records: [record] }) }] }],
  });
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
}

/** Every record that is there, fetched to the end. */
function all(brokers: TestBrokers): readonly string[] {
  const leader = brokers.leaderOf(topic);
  const found: string[] = [];
  for (let fetchOffset = 0; ;) {
    const { responses } = brokers.call(leader, 'fetch', {
      ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000 },
      topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
    });
    const { records, highWatermark } = present(responses[0]?.partitions[0], 'answered');
    const batches = records instanceof Uint8Array ? scanBatches(records).batches : [];
    const last = batches.at(-1);
    if (last === undefined) {
      expect(fetchOffset).toBe(highWatermark);
      return found;
    }
    for (const batch of batches) {
      for (const { key, value, offset } of decodeRecords(batch)) {
        if (offset < fetchOffset) continue;
        found.push([key, value].map((bytes) => latin1FromBytes(present(bytes, 'bytes'))).join('='));
      }
    }
    fetchOffset = last.lastOffset + 1;
  }
}

function versions(brokers: TestBrokers, key: string): number {
  return all(brokers).filter((one) => one.startsWith(`${key}=`)).length;
}

test('a compacted topic keeps the last record of each key, and says when it looks', () => {
  const brokers = brokersWithTopic(3, {
    configs: [
      ['cleanup.policy', 'compact'],
      ['segment.bytes', '200'],
      ['min.cleanable.dirty.ratio', '0'],
    ],
  });
  for (let at = 0; at < 20; at += 1) put(brokers, at % 2 === 0 ? 'a' : 'b', `${at}`);
  brokers.run(2 * minute);
  // The newest segment is never touched.
  expect(versions(brokers, 'a')).toBeLessThan(4);
  expect(all(brokers)).toContain('a=18');
  expect(all(brokers)).toContain('b=19');

  const set = (name: string, value: string): void => {
    const configs = [{ name, configOperation: 0, value }];
    brokers.call(1, 'incrementalAlterConfigs', {
      resources: [{ resourceType: 2, resourceName: topic, configs }],
    });
    brokers.run(1_000_000);
  };
  set('min.cleanable.dirty.ratio', '1');
  for (let at = 20; at < 40; at += 1) put(brokers, 'a', `${at}`);
  brokers.run(2 * minute);
  // A log that is compacted in part is never all of it to be compacted, and the ratio asks for that.
  expect(versions(brokers, 'a')).toBeGreaterThan(19);

  set('max.compaction.lag.ms', '60000');
  brokers.run(3 * minute);
  expect(versions(brokers, 'a')).toBeLessThan(5);
  expect(all(brokers)).toContain('a=39');
  expect(all(brokers)).toContain('b=19');
});
