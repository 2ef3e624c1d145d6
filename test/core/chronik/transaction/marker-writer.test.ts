import { expect, test } from 'vitest';

import { nodeId } from '../../../../core/base/ids.ts';
import { MarkerWriter } from '../../../../core/chronik/transaction/marker-writer.ts';
import {
  type MarkerMessage,
  type MarkerWrite,
  readMarkerMessage,
  writeMarkerMessage,
} from '../../../../core/chronik/transaction/messages.ts';
import { WireReader } from '../../../../core/wire/reader.ts';
import { WireWriter } from '../../../../core/wire/writer.ts';

const coordinator = nodeId(1);
const key = { created: 5, partition: 0 };
const marker: MarkerWrite = {
  ...{ kind: 'markerWrite', attempt: 1, key, producerId: 9, producerEpoch: 2 },
  ...{ committed: true, coordinatorEpoch: 3, leaderEpoch: 4, firstOffset: 17 },
};

function writerOf(open: { leaderEpoch: number; firstOffset: number | undefined } | undefined): {
  writer: MarkerWriter;
  sent: MarkerMessage[];
  appended: number[];
} {
  const sent: MarkerMessage[] = [];
  const appended: number[] = [];
  const writer = new MarkerWriter({
    ledPartition: () => open && { leaderEpoch: open.leaderEpoch, openTransaction: () => open.firstOffset },
    appendMarker: (_, token) => {
      appended.push(token);
      return true;
    },
    send: (to, message) => {
      expect(to).toBe(coordinator);
      sent.push(message);
    },
  });
  return { writer, sent, appended };
}

test('a marker is written where its transaction is open, and answered when it is durable', () => {
  const { writer, sent, appended } = writerOf({ leaderEpoch: 4, firstOffset: 17 });
  writer.query(coordinator, { kind: 'markerQuery', attempt: 1, key, producerId: 9 });
  expect(sent.splice(0)).toEqual([{ kind: 'markerFound', attempt: 1, key, leaderEpoch: 4, firstOffset: 17 }]);
  writer.write(coordinator, marker);
  expect(sent).toEqual([]);
  for (const token of appended) writer.appendEnded(token, true);
  expect(sent).toEqual([{ kind: 'markerWritten', attempt: 1, key, written: true }]);
  expect(writer.waiting).toBe(0);
});

test('a marker that comes late ends nothing else: not a later transaction, not in another leadership', () => {
  for (const open of [
    { leaderEpoch: 4, firstOffset: 18 },
    { leaderEpoch: 4, firstOffset: undefined },
    { leaderEpoch: 5, firstOffset: 17 },
    undefined,
  ]) {
    const { writer, sent, appended } = writerOf(open);
    writer.write(coordinator, marker);
    expect(appended).toEqual([]);
    expect(sent).toEqual([{ kind: 'markerWritten', attempt: 1, key, written: false }]);
  }
});

test('where nothing is open a marker that expects so is written: it carries the epoch that fences the producer', () => {
  const { writer, appended } = writerOf({ leaderEpoch: 4, firstOffset: undefined });
  writer.write(coordinator, { ...marker, firstOffset: -1 });
  expect(appended).toHaveLength(1);
});

test('what brokers say about markers is read as it was written', () => {
  const messages: readonly MarkerMessage[] = [
    marker,
    { ...marker, committed: false, firstOffset: -1 },
    { kind: 'markerQuery', attempt: 300, key, producerId: 2 ** 40 },
    { kind: 'markerFound', attempt: 1, key, leaderEpoch: -1, firstOffset: -1 },
    { kind: 'markerWritten', attempt: 1, key, written: true },
  ];
  for (const message of messages) {
    const writer = new WireWriter();
    writeMarkerMessage(writer, message);
    expect(readMarkerMessage(new WireReader(writer.finish()))).toEqual(message);
  }
});
