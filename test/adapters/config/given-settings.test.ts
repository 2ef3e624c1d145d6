import { expect, test } from 'vitest';

import { givenSettings } from '../../../adapters/config/given-settings.ts';
import { ConfigError } from '../../../adapters/config/resolve.ts';
import { optional, required, withDefault } from '../../../adapters/config/schema.ts';
import { address, bool, integer, namedAddresses, path } from '../../../adapters/config/values.ts';

const schema = {
  command: 'test',
  environmentPrefix: 'TEST',
  settings: {
    dir: required(path(), 'A directory'),
    listen: withDefault(address(), { host: 'localhost', port: 1 }, 'An address'),
    members: optional(namedAddresses(), 'Members'),
    limit: withDefault(integer({ min: 1, max: 9 }), 5, 'A limit'),
    strict: withDefault(bool(), false, 'A choice'),
  },
} as const;

function refusal(given: Readonly<Record<string, unknown>>): string {
  try {
    givenSettings(schema, given);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'none';
}

test('values are taken as they are, or as the text of a configuration file; what is not given has its default', () => {
  expect(givenSettings(schema, { dir: '/d', limit: undefined })).toEqual({
    ...{ dir: '/d', listen: { host: 'localhost', port: 1 }, members: undefined, limit: 5, strict: false },
  });
  const members = [{ name: 'a', host: 'h', port: 2 }];
  const given = { dir: '/d', limit: 7, strict: true };
  expect(givenSettings(schema, { ...given, listen: { host: '::1', port: 3 }, members })).toEqual(
    givenSettings(schema, { ...given, listen: '[::1]:3', members: 'a=h:2' }),
  );
  expect(givenSettings(schema, { ...given, members: { a: 'h:2' } }).members).toEqual(members);
});

test('what is not allowed is refused by name', () => {
  expect(refusal({})).toBe('dir is required; it is a path');
  expect(refusal({ dir: '/d', limt: 3 })).toBe('unknown setting limt; did you mean limit?');
  expect(refusal({ dir: '/d', limit: 10 })).toBe('limit is 10, it must be an integer from 1 to 9');
  expect(refusal({ dir: '/d', limit: '3' })).toBe('limit is "3", it must be an integer from 1 to 9');
  expect(refusal({ dir: '/d', strict: 1 })).toBe('strict is 1, it must be true or false');
  expect(refusal({ dir: '/d', listen: { port: 3 } })).toMatch(
    /^listen is \{"port":3\}, it must be an address/,
  );
  expect(refusal({ dir: '/d', listen: 3n })).toMatch(/^listen is "3", it must be an address/);
  expect(refusal({ dir: '/d', members: [{ name: 'a b', host: 'h', port: 2 }] })).toMatch(/^members is \[/);
});
