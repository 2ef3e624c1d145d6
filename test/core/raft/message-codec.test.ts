import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupId, type NodeId, nodeId } from '../../../core/base/ids.ts';
import { decodeConfiguration, encodeConfiguration, isValidTarget } from '../../../core/raft/configuration.ts';
import {
  decodeGroupMessages,
  decodeSnapshotHeader,
  encodeGroupMessages,
  encodeSnapshotHeader,
} from '../../../core/raft/message-codec.ts';
import {
  type Configuration,
  type Entry,
  type GroupMessage,
  type RaftMessage,
} from '../../../core/raft/types.ts';
import { WireError } from '../../../core/wire/reader.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const data = fc.uint8Array({ maxLength: 40 });
const members: fc.Arbitrary<readonly NodeId[]> = fc
  .uniqueArray(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 5 })
  .map((values) => values.sort((left, right) => left - right).map(nodeId));
const configuration: fc.Arbitrary<Configuration> = fc.record({
  voters: members,
  outgoing: members,
  learners: members,
});

const looseEntry = fc.oneof(
  fc.record({ term: number, kind: fc.constantFrom('empty' as const, 'command' as const), data }),
  fc.record({
    term: number,
    kind: fc.constant('configuration' as const),
    data: configuration.map(encodeConfiguration),
  }),
);

const append: fc.Arbitrary<RaftMessage> = fc
  .record({
    term: number,
    previousIndex: fc.nat(1_000_000),
    previousTerm: number,
    commitIndex: number,
    boot: number,
    loose: fc.array(looseEntry, { maxLength: 4 }),
  })
  .map(({ loose, ...rest }) => {
    const entries: Entry[] = loose.map((entry, at) => ({ index: rest.previousIndex + 1 + at, ...entry }));
    return { kind: 'appendRequest', ...rest, entries };
  });

const bool = fc.boolean();
const message: fc.Arbitrary<RaftMessage> = fc.oneof(
  append,
  fc.record({
    kind: fc.constant('voteRequest' as const),
    term: number,
    lastIndex: number,
    lastTerm: number,
    preVote: bool,
    transfer: bool,
  }),
  fc.record({ kind: fc.constant('voteResponse' as const), term: number, preVote: bool, granted: bool }),
  fc.record({
    kind: fc.constant('appendResponse' as const),
    term: number,
    index: number,
    rejected: bool,
    hintIndex: number,
    hintTerm: number,
    boot: number,
  }),
  fc.record({
    kind: fc.constant('heartbeatRequest' as const),
    term: number,
    commitIndex: number,
    readSeq: number,
    sentUs: number,
  }),
  fc.record({
    kind: fc.constant('heartbeatResponse' as const),
    term: number,
    readSeq: number,
    sentUs: number,
    promisedUs: number,
    boot: number,
    lastIndex: number,
  }),
  fc.record({ kind: fc.constant('timeoutNow' as const), term: number }),
  fc.record({
    kind: fc.constant('proposalsRefused' as const),
    term: number,
    boot: number,
    forwardSeq: number,
    taken: number,
  }),
  fc.record({
    kind: fc.constant('proposalForwarded' as const),
    term: number,
    boot: number,
    forwardSeq: number,
    proposals: fc.array(data, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('readIndexRequest' as const), term: number, boot: number, context: number }),
  fc.record({
    kind: fc.constant('readIndexResponse' as const),
    term: number,
    boot: number,
    context: number,
    index: number,
  }),
);
const groupMessages: fc.Arbitrary<readonly GroupMessage[]> = fc.array(
  fc.record({ group: fc.integer({ min: 1, max: 1_000_000 }).map(groupId), message }),
  { maxLength: 5 },
);

test('messages come back as they were sent', () => {
  fc.assert(
    fc.property(groupMessages, (messages) => {
      expect(decodeGroupMessages(encodeGroupMessages(messages))).toEqual(messages);
    }),
  );
});

test('snapshot headers come back as they were sent', () => {
  const headers = fc.record({
    group: fc.integer({ min: 1 }).map(groupId),
    leaderTerm: number,
    index: number,
    term: number,
    configuration,
  });
  fc.assert(
    fc.property(headers, (header) => {
      expect(decodeSnapshotHeader(encodeSnapshotHeader(header))).toEqual(header);
    }),
  );
});

test('bytes that are cut short or changed are refused, or mean something: they never throw anything else', () => {
  fc.assert(
    fc.property(groupMessages, fc.nat(), fc.nat(255), bool, (messages, at, byte, cuts) => {
      const whole = encodeGroupMessages(messages);
      const position = at % whole.length;
      const bytes = cuts ? whole.slice(0, position) : whole.with(position, byte);
      try {
        const decoded = decodeGroupMessages(bytes);
        expect(cuts).toBe(false);
        expect(decodeGroupMessages(encodeGroupMessages(decoded))).toEqual(decoded);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }),
  );
});

test('a count that the bytes cannot hold is refused before anything is made of it', () => {
  expect(() => decodeGroupMessages(Uint8Array.of(2, 0xff, 0xff, 0xff, 0xff, 0x0f))).toThrow(WireError);
  expect(() => decodeConfiguration(Uint8Array.of(0xff, 0xff, 0x7f))).toThrow(WireError);
});

test('another version of the peer protocol is refused by name', () => {
  expect(() => decodeGroupMessages(Uint8Array.of(1, 0))).toThrow('version 1 of the peer protocol');
});

test('a configuration entry that is none is refused at the door, since it would take effect when appended', () => {
  const entries: Entry[] = [{ index: 1, term: 1, kind: 'configuration', data: Uint8Array.of(1, 0) }];
  const broken: RaftMessage = {
    kind: 'appendRequest',
    term: 1,
    previousIndex: 0,
    previousTerm: 0,
    entries,
    commitIndex: 0,
    boot: 0,
  };
  expect(() => decodeGroupMessages(encodeGroupMessages([{ group: groupId(1), message: broken }]))).toThrow(
    WireError,
  );
});

test('configurations come back, and only sorted sets of members are taken for one', () => {
  fc.assert(
    fc.property(configuration, (value) => {
      expect(decodeConfiguration(encodeConfiguration(value))).toEqual(value);
    }),
  );
  expect(() => decodeConfiguration(Uint8Array.of(2, 2, 1, 0, 0))).toThrow(WireError);
});

test('a change is valid only with a voter, without a joint configuration, and with everybody in one role', () => {
  const one = [nodeId(1)];
  const two = [nodeId(1), nodeId(2)];
  expect(isValidTarget({ voters: one, outgoing: [], learners: [nodeId(2)] })).toBe(true);
  expect(isValidTarget({ voters: [], outgoing: [], learners: one })).toBe(false);
  expect(isValidTarget({ voters: one, outgoing: two, learners: [] })).toBe(false);
  expect(isValidTarget({ voters: two, outgoing: [], learners: [nodeId(2)] })).toBe(false);
  expect(isValidTarget({ voters: [nodeId(2), nodeId(1)], outgoing: [], learners: [] })).toBe(false);
  expect(isValidTarget({ voters: [nodeId(2), nodeId(2)], outgoing: [], learners: [] })).toBe(false);
});
