import { expect, test } from 'vitest';
import { groupId, nodeId } from '../../../../core/base/ids.ts';
import { decodeCommand, encodeCommand, originOf } from '../../../../core/chronik/metadata/command-codec.ts';
import {
  commandBodies,
  type CommandName,
  createCommand,
} from '../../../../core/chronik/metadata/commands.ts';
import { decodeMetadataMessage, encodeMetadataMessage } from '../../../../core/chronik/metadata/messages.ts';
import { PartitionRow } from '../../../../core/chronik/metadata/rows.ts';
import { noLeader } from '../../../../core/chronik/types.ts';
import { WireError } from '../../../../core/wire/reader.ts';

const origin = { broker: nodeId(3), boot: 2 ** 52 + 1, seq: 9 };

test('every command with nothing set comes back as it went', () => {
  for (const kind of Object.keys(commandBodies) as CommandName[]) {
    const command = createCommand(kind, {});
    const bytes = encodeCommand({ origin, command });
    expect(decodeCommand(bytes)).toEqual({ origin, command });
    expect(originOf(bytes)).toEqual(origin);
  }
});

test('what clients name comes back as they named it, sensible or not', () => {
  const command = createCommand('createTopic', {
    name: 'Ünïcode',
    partitionCount: -1,
    replicationFactor: -7,
    assignments: [{ partition: -3, brokers: [-1, 0, 2 ** 31] }],
  });
  expect(decodeCommand(encodeCommand({ origin, command })).command).toEqual(command);
  const quota = createCommand('alterClientQuotas', {
    alterations: [
      { entity: [{ type: 'user', name: undefined }], operations: [{ key: 'x', value: 0.1, remove: false }] },
    ],
  });
  expect(decodeCommand(encodeCommand({ origin, command: quota })).command).toEqual(quota);
});

test('a command of a newer program is refused by name', () => {
  const bytes = encodeCommand({ origin, command: createCommand('deleteAcls', {}) });
  const newer = bytes.slice();
  newer[0] = 2;
  expect(() => decodeCommand(newer)).toThrow('a command of format 2; this program reads 1');
  const unknown = bytes.slice();
  unknown[1] = 99;
  expect(() => decodeCommand(unknown)).toThrow('a command of kind 99');
});

test('a partition that nobody leads is so when it is read again', () => {
  const row = PartitionRow.create({
    replicas: [nodeId(1)],
    isr: [nodeId(1)],
    leader: noLeader,
    leaderEpoch: 4,
  });
  expect(PartitionRow.decode(PartitionRow.encode(row))).toEqual(row);
  const led = { ...row, leader: nodeId(300) };
  expect(PartitionRow.decode(PartitionRow.encode(led))).toEqual(led);
});

test('messages come back as they went, and what is none is refused', () => {
  const beat = { brokerEpoch: -1, appliedIndex: 77, wantsShutdown: true };
  const said = { kind: 'brokerBeat', beat } as const;
  expect(decodeMetadataMessage(encodeMetadataMessage(said))).toEqual(said);
  const message = { group: groupId(1), message: { kind: 'timeoutNow', term: 5 } } as const;
  const raft = { kind: 'raft', message } as const;
  expect(decodeMetadataMessage(encodeMetadataMessage(raft))).toEqual(raft);
  expect(() => decodeMetadataMessage(new Uint8Array(0))).toThrow(WireError);
  expect(() => decodeMetadataMessage(Uint8Array.of(9))).toThrow('kind 9');
  expect(() => decodeMetadataMessage(Uint8Array.of(2, 0xff))).toThrow(WireError);
});
