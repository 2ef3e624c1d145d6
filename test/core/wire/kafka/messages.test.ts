import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { apiNames } from '../../../../core/wire/kafka/apis.ts';
import {
  ApiVersionsRequest,
  ApiVersionsResponse,
} from '../../../../core/wire/kafka/messages/api-versions.ts';
import { FetchResponse } from '../../../../core/wire/kafka/messages/fetch.ts';
import { MetadataRequest, MetadataResponse } from '../../../../core/wire/kafka/messages/metadata.ts';
import { ProduceRequest } from '../../../../core/wire/kafka/messages/produce.ts';
import { WireError } from '../../../../core/wire/reader.ts';
import { anyBody, bytesOf, hex, samples, unhex } from './samples.ts';

describe.each(apiNames)('every version of %s', (api) => {
  const own = samples.filter((sample) => sample.api === api);

  test('decodes to what was encoded', () => {
    for (const { message, version, title } of own) {
      fc.assert(
        fc.property(anyBody({ message, version }), (body) => {
          const bytes = bytesOf(message.encode(body, version));
          expect(message.decode(bytes, version), title).toEqual(body);
        }),
        { numRuns: 25 },
      );
    }
  });

  test('cut short anywhere, or with a byte changed, throws nothing but WireError', () => {
    for (const { message, version, title } of own) {
      const attempt = (input: Uint8Array) => {
        try {
          message.decode(input, version);
        } catch (error) {
          expect(error, title).toBeInstanceOf(WireError);
        }
      };
      fc.assert(
        fc.property(
          anyBody({ message, version }),
          fc.nat(),
          fc.integer({ min: 1, max: 255 }),
          (body, where, change) => {
            const bytes = bytesOf(message.encode(body, version)).slice(0, 600);
            for (let length = 0; length < bytes.length; length += 1) attempt(bytes.subarray(0, length));
            if (bytes.length === 0) return;
            const at = where % bytes.length;
            bytes[at] = (bytes[at] as number) ^ change;
            attempt(bytes);
          },
        ),
        { numRuns: 3 },
      );
    }
  });
});

describe('bytes as the protocol has them', () => {
  test('ApiVersionsRequest: nothing before version 3, then compact strings and tagged fields (KIP-511)', () => {
    const body = ApiVersionsRequest.create({ clientSoftwareName: 'a', clientSoftwareVersion: '1.0' });
    expect(hex(bytesOf(ApiVersionsRequest.encode(body, 0)))).toBe('');
    expect(hex(bytesOf(ApiVersionsRequest.encode(body, 3)))).toBe('02 61 04 31 2e 30 00');
  });

  test('ApiVersionsResponse v0 and v3', () => {
    const body = ApiVersionsResponse.create({
      apiKeys: [
        { apiKey: 0, minVersion: 0, maxVersion: 9 },
        { apiKey: 18, minVersion: 0, maxVersion: 4 },
      ],
    });
    expect(hex(bytesOf(ApiVersionsResponse.encode(body, 0)))).toBe(
      '00 00' + ' 00 00 00 02' + ' 00 00 00 00 00 09' + ' 00 12 00 00 00 04',
    );
    expect(hex(bytesOf(ApiVersionsResponse.encode(body, 3)))).toBe(
      // Each element ends in tagged fields of its own; a throttle time and the body's follow.
      '00 00' + ' 03' + ' 00 00 00 00 00 09 00' + ' 00 12 00 00 00 04 00' + ' 00 00 00 00' + ' 00',
    );
  });

  test('tagged fields stand by ascending tag with their sizes, and only where they are not the default', () => {
    const body = ApiVersionsResponse.create({ finalizedFeaturesEpoch: 5, zkMigrationReady: true });
    expect(hex(bytesOf(ApiVersionsResponse.encode(body, 3)))).toBe(
      '00 00' + ' 01' + ' 00 00 00 00' + ' 02' + ' 01 08 00 00 00 00 00 00 00 05' + ' 03 01 01',
    );
  });

  test('MetadataRequest: no topics are an empty list in version 0 and null from version 1 on, for all of them', () => {
    const all = MetadataRequest.create({ topics: undefined });
    expect(hex(bytesOf(MetadataRequest.encode(all, 1)))).toBe('ff ff ff ff');
    expect(() => MetadataRequest.encode(all, 0)).toThrow(
      new WireError('MetadataRequest v0: topics: null where the protocol has none'),
    );
    const one = MetadataRequest.create({ topics: [{ name: 'ab' }], allowAutoTopicCreation: true });
    expect(hex(bytesOf(MetadataRequest.encode(one, 0)))).toBe('00 00 00 01' + ' 00 02 61 62');
    expect(hex(bytesOf(MetadataRequest.encode(one, 12)))).toBe(
      '02' + ` ${'00 '.repeat(16)}` + '03 61 62' + ' 00' + ' 01' + ' 00' + ' 00',
    );
  });

  test('MetadataResponse v1: brokers with racks, the controller, topics', () => {
    const body = MetadataResponse.create({
      brokers: [{ nodeId: 1, host: 'h', port: 9_092, rack: undefined }],
      controllerId: 1,
      topics: [{ name: 't', partitions: [{ leaderId: 1, replicaNodes: [1], isrNodes: [1] }] }],
    });
    expect(hex(bytesOf(MetadataResponse.encode(body, 1)))).toBe(
      '00 00 00 01' +
        (' 00 00 00 01' + ' 00 01 68' + ' 00 00 23 84' + ' ff ff') +
        ' 00 00 00 01' +
        ' 00 00 00 01' +
        (' 00 00' + ' 00 01 74' + ' 00' + ' 00 00 00 01') +
        (' 00 00' + ' 00 00 00 00' + ' 00 00 00 01' + ' 00 00 00 01 00 00 00 01'.repeat(2)),
    );
  });

  test('ProduceRequest v9 refers to its records', () => {
    const records = new Uint8Array(3_000).fill(0xaa);
    const body = ProduceRequest.create({
      transactionalId: undefined,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name: 't', partitionData: [{ index: 2, records }] }],
    });
    const { chunks, lengthBytes } = ProduceRequest.encode(body, 9);
    expect(chunks).toHaveLength(3);
    expect(chunks[1]).toBe(records);
    expect(lengthBytes).toBe(17 + 3_000 + 3);
    expect(hex(chunks[0] as Uint8Array)).toBe(
      // 3001 as a varint is b9 17: a compact length is one more.
      '00' + ' ff ff' + ' 00 00 03 e8' + ' 02' + ' 02 74' + ' 02' + ' 00 00 00 02' + ' b9 17',
    );
    expect(hex(chunks[2] as Uint8Array)).toBe('00 00 00');
  });

  test('FetchResponse v4 names a slice of a file where the records belong', () => {
    const records = { file: 'partitions/t-0.1/segment_0.wal', positionBytes: 99, lengthBytes: 5_000 };
    const body = FetchResponse.create({
      responses: [
        { topic: 't', partitions: [{ highWatermark: 7, abortedTransactions: undefined, records }] },
      ],
    });
    const { chunks, lengthBytes } = FetchResponse.encode(body, 4);
    expect(chunks.slice(1)).toEqual([records]);
    expect(lengthBytes).toBe((chunks[0] as Uint8Array).length + 5_000);
    expect(hex((chunks[0] as Uint8Array).subarray(-8))).toBe('ff ff ff ff' + ' 00 00 13 88');
  });
});

describe('outside input', () => {
  test('a list is refused whose elements cannot be there, before anything is made for them', () => {
    const claim = unhex('7f ff ff ff');
    expect(() => MetadataRequest.decode(claim, 0)).toThrow(
      new WireError(
        'MetadataRequest v0: topics: an array of 2147483647 does not fit into what is left of the input',
      ),
    );
  });

  test.each([
    ['a negative length', 0, 'ff ff ff fe', 'topics: -2 is no length'],
    ['a null that may not be', 0, 'ff ff ff ff', 'topics: null where the protocol has none'],
    ['text that is not UTF-8', 0, '00 00 00 01 00 01 ff', 'topics: name: text is not UTF-8'],
    [
      'a string longer than any',
      9,
      '02 81 80 02',
      'topics: name: a string of 32768 bytes is longer than 32767',
    ],
    ['a varint of more than 32 bits', 9, 'ff ff ff ff 1f', 'topics: a varint has more than 32 bits'],
    ['tags that fall', 9, '01 00 00 00 02 07 00 06 00', 'tag 6 comes after tag 7'],
    ['what follows the body', 9, '01 00 00 00 00 07', '1 bytes follow it'],
  ])('%s is refused by name', (_, version, input, message) => {
    expect(() => MetadataRequest.decode(unhex(input), version)).toThrow(
      new WireError(`MetadataRequest v${version}: ${message}`),
    );
  });

  test('tagged fields that nobody knows here are stepped over (KIP-482)', () => {
    expect(MetadataRequest.decode(unhex('01 01 00 00 02 05 01 aa 07 00'), 9)).toEqual(
      MetadataRequest.create({ topics: [], allowAutoTopicCreation: true }),
    );
  });

  test('a tagged field whose size is not its own is refused', () => {
    expect(() => ApiVersionsResponse.decode(unhex('00 00 01 00 00 00 00 01 03 02 01 00'), 3)).toThrow(
      new WireError('ApiVersionsResponse v3: zkMigrationReady: shorter than its size says'),
    );
  });
});

describe('what a version cannot say', () => {
  test('is refused where it matters', () => {
    const body = ProduceRequest.create({ transactionalId: 'mine' });
    expect(() => ProduceRequest.encode(body, 2)).toThrow(
      new WireError('ProduceRequest v2: transactionalId: version 2 cannot say it'),
    );
  });

  test('is left out where the protocol calls it ignorable, and decodes to the default', () => {
    const body = ApiVersionsResponse.create({ throttleTimeMs: 9, finalizedFeaturesEpoch: 4 });
    expect(ApiVersionsResponse.decode(bytesOf(ApiVersionsResponse.encode(body, 0)), 0)).toEqual(
      ApiVersionsResponse.create({}),
    );
  });

  test('a refused message leaves nothing behind in the next', () => {
    const long = 'x'.repeat(40_000);
    expect(() => MetadataRequest.encode(MetadataRequest.create({ topics: [{ name: long }] }), 1)).toThrow(
      WireError,
    );
    expect(hex(bytesOf(MetadataRequest.encode(MetadataRequest.create({ topics: [] }), 1)))).toBe(
      '00 00 00 00',
    );
  });
});
