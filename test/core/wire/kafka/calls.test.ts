import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { apiNames, apiOfKey, apis } from '../../../../core/wire/kafka/apis.ts';
import {
  apiVersionsOf,
  correlationIdOf,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  encodeUnknownApiVersions,
} from '../../../../core/wire/kafka/calls.ts';
import {
  ApiVersionsRequest,
  ApiVersionsResponse,
} from '../../../../core/wire/kafka/messages/api-versions.ts';
import { FetchResponse } from '../../../../core/wire/kafka/messages/fetch.ts';
import { MetadataRequest } from '../../../../core/wire/kafka/messages/metadata.ts';
import { type Encoded } from '../../../../core/wire/kafka/writer.ts';
import { WireError } from '../../../../core/wire/reader.ts';
import { bytesOf, hex, samples, unhex } from './samples.ts';

/** What a frame holds behind its size, which must be right. */
function contentOf(encoded: Encoded): Uint8Array {
  const bytes = bytesOf(encoded);
  expect(new DataView(bytes.buffer).getInt32(0)).toBe(bytes.length - 4);
  return bytes.subarray(4);
}

describe('requests', () => {
  test('have header version 1, and 2 where the API is flexible (KIP-482)', () => {
    const heading = { api: 'metadata', correlationId: 7, clientId: 'me' } as const;
    const body = MetadataRequest.create({ topics: [] });
    expect(hex(contentOf(encodeRequest({ ...heading, version: 1 }, body)))).toBe(
      '00 03' + ' 00 01' + ' 00 00 00 07' + ' 00 02 6d 65' + ' 00 00 00 00',
    );
    expect(hex(contentOf(encodeRequest({ ...heading, version: 9 }, body)))).toBe(
      // The client's id keeps its length in two bytes.
      '00 03' + ' 00 09' + ' 00 00 00 07' + ' 00 02 6d 65' + ' 00' + ' 01 01 00 00 00',
    );
  });

  test.each(apiNames)('%s in every version is read as it was written', (api) => {
    for (const { version, message } of samples.filter(
      (one) => one.api === api && one.message === anyRequest(api),
    )) {
      const body = message.create() as never;
      for (const clientId of ['tester', '', undefined]) {
        const encoded = encodeRequest({ api, version, correlationId: -3, clientId }, body);
        expect(decodeRequest(contentOf(encoded))).toEqual({
          kind: 'call',
          correlationId: -3,
          clientId,
          call: { api, version, body },
        });
      }
    }
  });

  test('ApiVersions in a version from the future is told apart, whatever its header is like (KIP-511)', () => {
    expect(decodeRequest(unhex('00 12 00 63 00 00 00 09 ff'))).toEqual({
      kind: 'unknownApiVersions',
      correlationId: 9,
      version: 99,
    });
  });

  test.each([
    ['00 04 00 01 00 00 00 01 ff ff', 'API 4 is not known here'],
    ['00 03 00 0d 00 00 00 01 ff ff', 'metadata v13: versions 0 to 12 are spoken here'],
    ['00 01 00 03 00 00 00 01 ff ff', 'fetch v3: versions 4 to 12 are spoken here'],
    ['00 03 ff ff 00 00 00 01 ff ff', 'metadata v-1: versions 0 to 12 are spoken here'],
    ['00 03 00 00 00 00 00 01 ff fe', "a client's id of -2 bytes"],
    ['00 03 00 00 00 00', 'the input ends inside a value'],
  ])('%s is refused', (frame, message) => {
    expect(() => decodeRequest(unhex(frame))).toThrow(new WireError(message));
  });

  test('any bytes whatever are a request or a WireError', () => {
    const keys = apiNames.map((api) => apis[api].key);
    const head = fc.tuple(fc.constantFrom(...keys), fc.integer({ min: 0, max: 12 }));
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 60 }), ([key, version], noise) => {
        try {
          decodeRequest(new Uint8Array([0, key, 0, version, 0, 0, 0, 1, 0xff, 0xff, ...noise]));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test('what follows the body is ignored', () => {
    const body = MetadataRequest.create({ topics: [] });
    const encoded = encodeRequest({ api: 'metadata', version: 0, correlationId: 1, clientId: 'a' }, body);
    expect(decodeRequest(new Uint8Array([...contentOf(encoded), 1, 2, 3]))).toMatchObject({ call: { body } });
  });
});

describe('responses', () => {
  test('have tagged fields in their header where the API is flexible, but for ApiVersions', () => {
    const fetched = FetchResponse.create();
    const heading = { correlationId: 5 };
    expect(hex(contentOf(encodeResponse({ ...heading, api: 'fetch', version: 4 }, fetched)))).toBe(
      '00 00 00 05' + ' 00 00 00 00' + ' 00 00 00 00',
    );
    expect(hex(contentOf(encodeResponse({ ...heading, api: 'fetch', version: 12 }, fetched)))).toBe(
      '00 00 00 05' + ' 00' + ' 00 00 00 00' + ' 00 00' + ' 00 00 00 00' + ' 01' + ' 00',
    );
    const versions = ApiVersionsResponse.create();
    expect(hex(contentOf(encodeResponse({ ...heading, api: 'apiVersions', version: 3 }, versions)))).toBe(
      '00 00 00 05' + ' 00 00' + ' 01' + ' 00 00 00 00' + ' 00',
    );
  });

  test.each(apiNames)('%s in every version is read as it was written', (api) => {
    for (const { version, message } of samples.filter(
      (one) => one.api === api && one.message === anyResponse(api),
    )) {
      const body = message.create() as never;
      const frame = contentOf(encodeResponse({ api, version, correlationId: 8 }, body));
      expect(correlationIdOf(frame)).toBe(8);
      expect(decodeResponse(frame, { api, version })).toEqual({ correlationId: 8, body });
    }
  });

  test('records that are named in a file stand among the chunks as they were given', () => {
    const records = { file: 'f', positionBytes: 1, lengthBytes: 2_000 };
    const body = FetchResponse.create({ responses: [{ topic: 't', partitions: [{ records }] }] });
    const { chunks, lengthBytes } = encodeResponse({ api: 'fetch', version: 11, correlationId: 1 }, body);
    expect(chunks[1]).toBe(records);
    expect(new DataView((chunks[0] as Uint8Array).slice().buffer).getInt32(0)).toBe(lengthBytes - 4);
  });

  test('ApiVersions in an unknown version is answered in version 0 with what there is, and read so by whoever asked', () => {
    const frame = contentOf(encodeUnknownApiVersions(4, ['metadata', 'produce']));
    expect(hex(frame)).toBe(
      '00 00 00 04' + ' 00 23' + ' 00 00 00 02' + ' 00 00 00 00 00 09' + ' 00 03 00 00 00 0c',
    );
    expect(decodeResponse(frame, { api: 'apiVersions', version: 4 }).body).toMatchObject({
      errorCode: 35,
      apiKeys: apiVersionsOf(['produce', 'metadata']),
    });
  });

  test('what was encoded stays as it is when more is', () => {
    const heading = { api: 'apiVersions', version: 3, correlationId: 1, clientId: 'x' } as const;
    const first = encodeRequest(heading, ApiVersionsRequest.create({ clientSoftwareName: 'one' }));
    const before = hex(bytesOf(first));
    for (let more = 0; more < 2_000; more += 1) {
      encodeRequest(heading, ApiVersionsRequest.create({ clientSoftwareName: 'y'.repeat(more) }));
    }
    expect(hex(bytesOf(first))).toBe(before);
  });
});

describe('the versions that are advertised', () => {
  test('let librdkafka before 2.11 compress, which looks for Produce 0, 3, 7, Fetch 4, 10 and FindCoordinator 0', () => {
    expect(apis.produce).toMatchObject({ key: 0, min: 0, max: 9, flexibleFrom: 9 });
    expect(apis.fetch).toMatchObject({ key: 1, min: 4, max: 12, flexibleFrom: 12 });
    expect(apis.findCoordinator).toMatchObject({ key: 10, min: 0, max: 4, flexibleFrom: 3 });
  });

  test('belong to keys of their own', () => {
    expect(apiNames.map((name) => apiOfKey(apis[name].key))).toEqual(apiNames);
    expect(apiOfKey(4)).toBeUndefined();
  });
});

function anyRequest(api: (typeof apiNames)[number]): unknown {
  return apis[api].request;
}

function anyResponse(api: (typeof apiNames)[number]): unknown {
  return apis[api].response;
}
