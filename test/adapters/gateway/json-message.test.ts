import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { JsonError } from '../../../adapters/gateway/json-error.ts';
import { type JsonMessage } from '../../../adapters/gateway/json-message.ts';
import { parseJson } from '../../../adapters/gateway/json-text.ts';
import * as json from '../../../adapters/gateway/kv-messages.ts';
import { LeaseGrantRequest as JsonLeaseGrant } from '../../../adapters/gateway/lease-messages.ts';
import { MemberAddRequest as JsonMemberAdd } from '../../../adapters/gateway/cluster-messages.ts';
import { WatchResponse as JsonWatchResponse } from '../../../adapters/gateway/watch-messages.ts';
import { MemberAddRequest } from '../../../core/chainfire/api/cluster.ts';
import { KeyValue, PutRequest, RangeRequest, RequestOp, TxnRequest } from '../../../core/chainfire/api/kv.ts';
import { LeaseGrantRequest } from '../../../core/chainfire/api/lease.ts';
import { Event, eventTypes, WatchResponse } from '../../../core/chainfire/api/watch.ts';

function read<T>(message: JsonMessage<T>, text: string): T {
  return message.parse(parseJson(text), message.message, 0);
}

const latin1 = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const revision = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test('what is printed is read as the same, whatever it holds', () => {
  const shape = fc.record({
    key: latin1,
    createRevision: revision,
    modRevision: revision,
    version: revision,
    value: fc.uint8Array({ maxLength: 20 }),
    lease: id,
  });
  fc.assert(
    fc.property(shape, (fields) => {
      const value = KeyValue.create(fields);
      const text = JSON.stringify(json.KeyValue.print(value));
      expect(KeyValue.encode(read(json.KeyValue, text))).toEqual(KeyValue.encode(value));
    }),
  );
});

test('what is at its default is left out, and what is a message is not', () => {
  expect(json.KeyValue.print(KeyValue.create())).toEqual({});
  expect(
    json.TxnResponse.print({ header: json.ResponseHeader.parse({}, '', 0), succeeded: false, responses: [] }),
  ).toEqual({
    header: {},
  });
});

test('both writings of a name; null and unknown names are nothing', () => {
  const request = RangeRequest.create({ rangeEnd: 'z', keysOnly: true, sortTarget: 3 });
  expect(read(json.RangeRequest, '{"range_end":"eg==","keys_only":true,"sort_target":"MOD"}')).toEqual(
    request,
  );
  expect(
    read(json.RangeRequest, '{"rangeEnd":"eg==","keysOnly":true,"sortTarget":3,"key":null,"x":{}}'),
  ).toEqual(request);
  expect(read(json.RangeRequest, '{"constructor":1,"__proto__":{"key":"eg=="}}')).toEqual(
    RangeRequest.create(),
  );
});

test('an interface that has names of its own is told by those', () => {
  expect(read(JsonLeaseGrant, '{"TTL":"5","ID":"-1"}')).toEqual(
    LeaseGrantRequest.create({ ttlSeconds: 5, id: 2n ** 64n - 1n }),
  );
  expect(JsonLeaseGrant.print(LeaseGrantRequest.create({ id: 2n ** 64n - 1n }))).toEqual({ ID: '-1' });
  expect(read(JsonMemberAdd, '{"peerURLs":["http://a:1"],"isLearner":true}')).toEqual(
    MemberAddRequest.create({ peerUrls: ['http://a:1'], isLearner: true }),
  );
});

test('an unset member of a oneof is not one that is set to its default', () => {
  expect(read(json.Compare, '{"version":"0"}')).toMatchObject({ version: 0, modRevision: undefined });
  expect(read(json.Compare, '{"value":""}').value).toEqual(new Uint8Array(0));
  const [operation] = read(json.TxnRequest, '{"success":[{"requestPut":{}}]}').success;
  expect(operation).toEqual(RequestOp.create({ requestPut: PutRequest.create() }));
});

test('events that came encoded are told in JSON', () => {
  const event = Event.encode(
    Event.create({ type: eventTypes.delete, kv: KeyValue.create({ key: 'a', modRevision: 7 }) }),
  );
  expect(JsonWatchResponse.print(WatchResponse.create({ watchId: -1, events: [event] }))).toEqual({
    watch_id: '-1',
    events: [{ type: 'DELETE', kv: { key: 'YQ==', mod_revision: '7' } }],
  });
});

test('a number beyond what the machine takes is the nearest that it does', () => {
  expect(read(json.RangeRequest, '{"revision":"9223372036854775807"}').revision).toBe(
    Number.MAX_SAFE_INTEGER,
  );
  expect(read(json.RangeRequest, '{"revision":-9223372036854775808}').revision).toBe(Number.MIN_SAFE_INTEGER);
});

describe('what is not allowed is named', () => {
  test.each([
    ['{"key":"Zg="}', 'illegal base64 data in RangeRequest.key'],
    ['{"key":"Z*=="}', 'illegal base64 data in RangeRequest.key'],
    ['{"key":"Zg==Zg=="}', 'illegal base64 data in RangeRequest.key'],
    ['{"limit":"9223372036854775808"}', 'RangeRequest.limit is "9223372036854775808", it must be an integer'],
    ['{"limit":true}', 'RangeRequest.limit is true, it must be an integer'],
    ['{"sort_order":2147483648}', 'RangeRequest.sort_order is 2147483648, it must be an integer'],
    ['{"sort_order":"toString"}', 'it is one of NONE, ASCEND, DESCEND'],
    ['[]', 'RangeRequest is a list, it must be an object'],
  ])('%s', (text, words) => {
    expect(() => read(json.RangeRequest, text)).toThrow(JsonError);
    expect(() => read(json.RangeRequest, text)).toThrow(words);
  });

  test('a list with null in it, a list that is none, messages too deep', () => {
    expect(() => read(json.TxnRequest, '{"success":[null]}')).toThrow('TxnRequest.success[0] is null');
    expect(() => read(json.TxnRequest, '{"success":{}}')).toThrow('TxnRequest.success is an object');
    const nestedTxns = (depth: number): string =>
      `${'{"success":[{"request_txn":'.repeat(depth)}{}${'}]}'.repeat(depth)}`;
    const deepest = read(json.TxnRequest, nestedTxns(50));
    expect(TxnRequest.decode(TxnRequest.encode(deepest))).toEqual(deepest);
    expect(() => read(json.TxnRequest, nestedTxns(51))).toThrow('messages nest deeper than 100');
  });
});
