import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { agentMethods } from '../../../../core/plasma/wire/agent.ts';
import { choice, union } from '../../../../core/plasma/wire/fields.ts';
import { userMethods } from '../../../../core/plasma/wire/user.ts';
import { message, text } from '../../../../core/wire/protobuf.ts';
import { WireError } from '../../../../core/wire/reader.ts';
import { agentRequest, agentResponses, userRequest, userResponse } from './arbitrary.ts';

describe('what is sent is what comes', () => {
  test('requests of users', () => {
    fc.assert(
      fc.property(userRequest, (request) => {
        const codec = userMethods[request.kind].request;
        expect(codec.decode(codec.encode(request))).toStrictEqual(request);
      }),
      { numRuns: 500 },
    );
  });

  test('answers to users', () => {
    const askedBy = {
      committed: 'vmCreate',
      vms: 'vmList',
      nodes: 'nodeList',
      images: 'imageList',
      sharedDisks: 'sharedDiskList',
      quota: 'quotaGet',
      operation: 'operationGet',
      events: 'events',
    } as const;
    fc.assert(
      fc.property(userResponse, (response) => {
        const codec = userMethods[askedBy[response.kind]].response;
        expect(codec.decode(codec.encode(response))).toStrictEqual(response);
      }),
      { numRuns: 300 },
    );
  });

  test('requests of agents', () => {
    fc.assert(
      fc.property(agentRequest, (request) => {
        const codec = agentMethods[request.kind].request;
        expect(codec.decode(codec.encode(request))).toStrictEqual(request);
      }),
      { numRuns: 300 },
    );
  });

  test.each(Object.values(agentMethods))('answers to $path', ({ kind, response: codec }) => {
    fc.assert(
      fc.property(agentResponses[kind], (response) => {
        expect(codec.decode(codec.encode(response))).toStrictEqual(response);
      }),
    );
  });
});

describe('methods', () => {
  test('have a path of their own each', () => {
    const paths = [...Object.values(userMethods), ...Object.values(agentMethods)].map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const path of paths)
      expect(path).toMatch(/^\/photon\.plasma\.v1\.[A-Za-z]+Service\/[A-Z][A-Za-z]+$/);
  });

  test('take no bytes but a message, and never throw anything but a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const { request } of [...Object.values(userMethods), ...Object.values(agentMethods)]) {
          try {
            request.decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        }
      }),
    );
  });
});

describe('fields', () => {
  const Choice = message('Choice', { of: choice(1, ['a', 'b']) });
  const Union = message('Union', { of: union(1, { x: message('X', { t: text(1) }), y: message('Y', {}) }) });

  test('a choice without a name is refused', () => {
    expect(Choice.decode(Uint8Array.of(8, 1))).toEqual({ of: 'b' });
    expect(() => Choice.decode(Uint8Array.of(8, 2))).toThrow('Choice.of: 2 is none of a, b');
  });

  test('a oneof is one of them, and exactly one', () => {
    expect(Union.decode(Uint8Array.of(10, 2, 18, 0))).toEqual({ of: { kind: 'y' } });
    expect(() => Union.decode(Uint8Array.of(10, 0))).toThrow('one of x, y is needed');
    expect(() => Union.decode(Uint8Array.of(10, 2, 26, 0))).toThrow('field 3 is none of x, y');
    expect(() => Union.decode(Uint8Array.of(10, 4, 18, 0, 18, 0))).toThrow('one of x, y is allowed');
  });
});
