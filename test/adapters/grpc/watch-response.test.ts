import fc from 'fast-check';
import { expect, test } from 'vitest';

import { watchResponseCodec } from '../../../adapters/grpc/services/watch-response.ts';
import { ResponseHeader } from '../../../core/chainfire/api/kv.ts';
import { WatchResponse } from '../../../core/chainfire/api/watch.ts';

const safe = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const natural = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const id = fc.bigInt({ min: 0n, max: 0xffffffffffffffffn });
const header = fc.record({ clusterId: id, memberId: id, revision: natural, raftTerm: natural });
// An empty event is no event: an empty message would be written as nothing.
const events = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 4 });
const response = fc.record({
  header: fc.option(header, { nil: undefined }),
  watchId: safe,
  created: fc.boolean(),
  canceled: fc.boolean(),
  compactRevision: fc.oneof(fc.constant(0), natural),
  cancelReason: fc.oneof(fc.constant(''), fc.string()),
  fragment: fc.boolean(),
  events,
});

test('whatever is encoded is decoded as it was', () => {
  const codec = watchResponseCodec();
  fc.assert(
    fc.property(response, (given) => {
      expect(WatchResponse.decode(codec.encode(given))).toEqual(given);
    }),
  );
});

test('watches that share events get each its own number, and no other’s events or header', () => {
  fc.assert(
    fc.property(
      fc.array(
        events.filter((list) => list.length > 0),
        { minLength: 1, maxLength: 3 },
      ),
      fc.array(
        fc.record({
          list: fc.nat(2),
          watchId: safe,
          revision: fc.nat(3),
          raftTerm: fc.nat(2),
          fragment: fc.boolean(),
        }),
        { maxLength: 30 },
      ),
      (lists, order) => {
        const codec = watchResponseCodec();
        for (const { list, watchId, revision, raftTerm, fragment } of order) {
          const given = WatchResponse.create({
            header: ResponseHeader.create({ clusterId: 3n, memberId: 1n, revision, raftTerm }),
            watchId,
            fragment,
            events: lists[list % lists.length] ?? [],
          });
          expect(WatchResponse.decode(codec.encode(given))).toEqual(given);
        }
      },
    ),
  );
});

test('what watches of the same keys have in common is read from the events once', () => {
  let reads = 0;
  const events = new Proxy([new Uint8Array([1, 2, 3])], {
    get: (target, name, self) => {
      if (name === Symbol.iterator) reads += 1;
      return Reflect.get(target, name, self) as unknown;
    },
  });
  const codec = watchResponseCodec();
  const common = { header: ResponseHeader.create({ revision: 5 }), events };
  const first = codec.encode(WatchResponse.create({ ...common, watchId: 1 }));
  const readsOfFirst = reads;
  for (let watchId = 2; watchId <= 100; watchId += 1) {
    codec.encode(WatchResponse.create({ ...common, watchId }));
  }
  expect(reads).toBe(readsOfFirst);
  expect(WatchResponse.decode(first).watchId).toBe(1);
});
