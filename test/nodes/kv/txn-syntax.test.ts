import { describe, expect, test } from 'vitest';

import { Compare, compareResults, compareTargets } from '../../../core/chainfire/api/kv.ts';
import { utf8Encode } from '../../../core/wire/protobuf.ts';
import { keyOf } from '../../../nodes/kv/keys.ts';
import { parseCompare, parseOperation } from '../../../nodes/kv/txn-syntax.ts';

describe('compares', () => {
  const { version, create, mod, value, lease } = compareTargets;
  const { equal, notEqual, greater, less } = compareResults;
  const compares: readonly (readonly [string, Parameters<typeof Compare.create>[0]])[] = [
    ['version(key) > 0', { target: version, key: 'key', result: greater, version: 0 }],
    ['version(key)=0', { target: version, key: 'key', result: equal, version: 0 }],
    [' create( a/b ) < 7 ', { target: create, key: 'a/b', result: less, createRevision: 7 }],
    ['mod(k) != 12', { target: mod, key: 'k', result: notEqual, modRevision: 12 }],
    [
      'value("a key") == "two words"',
      { target: value, key: 'a key', result: equal, value: utf8Encode('two words') },
    ],
    ["value('it''s') = ''", { target: value, key: 'its', result: equal, value: utf8Encode('') }],
    ['value(k) > ä', { target: value, key: 'k', result: greater, value: utf8Encode('ä') }],
    ['value("a)b") = "c > d"', { target: value, key: 'a)b', result: equal, value: utf8Encode('c > d') }],
    ['lease(k) = 694d8', { target: lease, key: 'k', result: equal, lease: 0x694d8n }],
    ['version(ä) = 1', { target: version, key: keyOf('ä'), result: equal, version: 1 }],
  ];
  test.each(compares)('%s', (source, fields) => {
    expect(parseCompare(source)).toEqual(Compare.create(fields));
  });

  const wrong = [
    '',
    'version key > 0',
    'size(key) > 0',
    'version(key) >= 0',
    'version(key) > many',
    'version(a b) > 0',
    'value(k) = a b',
    'lease(k) = xyz',
  ];
  test.each(wrong)('refused: %s', (source) => {
    expect(() => parseCompare(source)).toThrow(`compare ${JSON.stringify(source)}`);
  });
});

describe('operations', () => {
  test('put', () => {
    expect(parseOperation('put "a key" \'a "value"\'').requestPut).toMatchObject({
      key: 'a key',
      value: utf8Encode('a "value"'),
    });
    expect(parseOperation('put k ""').requestPut).toMatchObject({ key: 'k', value: utf8Encode('') });
    expect(parseOperation('put k "--prefix"').requestPut).toMatchObject({
      key: 'k',
      value: utf8Encode('--prefix'),
    });
    expect(parseOperation(String.raw`put a\ b c\\d`).requestPut).toMatchObject({
      key: 'a b',
      value: utf8Encode(String.raw`c\d`),
    });
  });

  test('get and del of a key, a range, a prefix, everything from a key on', () => {
    expect(parseOperation('get k').requestRange).toMatchObject({ key: 'k', rangeEnd: '' });
    expect(parseOperation('get a b').requestRange).toMatchObject({ key: 'a', rangeEnd: 'b' });
    expect(parseOperation('get a/ --prefix').requestRange).toMatchObject({ key: 'a/', rangeEnd: 'a0' });
    expect(parseOperation('del --from-key k').requestDeleteRange).toMatchObject({ key: 'k', rangeEnd: '\0' });
    expect(parseOperation('del "" --prefix').requestDeleteRange).toMatchObject({ key: '\0', rangeEnd: '\0' });
  });

  const wrong = [
    '',
    'put k',
    'put k v w',
    'get',
    'get a b c',
    'get a b --prefix',
    'get a --sideways',
    'put "k v',
    'frob k',
    'put k v --prefix',
  ];
  test.each(wrong)('refused: %s', (source) => {
    expect(() => parseOperation(source)).toThrow(JSON.stringify(source));
  });
});
