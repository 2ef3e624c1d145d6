import { describe, expect, test } from 'vitest';

import { type ConfigSources, resolveSettings } from '../../../adapters/config/resolve.ts';
import { optional, type ProcessSchema, required, withDefault } from '../../../adapters/config/schema.ts';
import { address, addresses, integer, namedAddresses, oneOf, path } from '../../../adapters/config/values.ts';

const settings = {
  dataDir: required(path(), 'Where data lies'),
  listenClient: withDefault(address(), { host: '127.0.0.1', port: 2379 }, 'Where clients connect'),
  electionTimeoutMs: withDefault(
    integer({ min: 10, max: 60_000, unit: 'ms' }),
    1_000,
    'When to stand for election',
  ),
  logLevel: withDefault(oneOf(['debug', 'info']), 'info', 'What is logged'),
  initialCluster: optional(namedAddresses(), 'Who is there'),
  seeds: optional(addresses({ countMax: 2 }), 'Whom to ask'),
} as const;
const schema: ProcessSchema<typeof settings> = {
  command: 'photon test',
  environmentPrefix: 'PHOTON_TEST',
  settings,
};

function resolve(sources: Partial<ConfigSources> & { toml?: string }) {
  const file = sources.toml === undefined ? undefined : { name: 'test.toml', content: sources.toml };
  return resolveSettings(schema, { environment: {}, flags: {}, ...sources, file });
}

describe('the order of sources', () => {
  const toml = 'data_dir = "/from-file"\nelection_timeout_ms = 2000\nlog_level = "debug"';

  test('a setting that nobody gives has its default', () => {
    expect(resolve({ flags: { dataDir: '/d' } })).toEqual({
      dataDir: '/d',
      listenClient: { host: '127.0.0.1', port: 2379 },
      electionTimeoutMs: 1_000,
      logLevel: 'info',
      initialCluster: undefined,
      seeds: undefined,
    });
  });

  test('the file wins over defaults, the environment over the file, flags over all', () => {
    const environment = {
      PHOTON_TEST_ELECTION_TIMEOUT_MS: '3000',
      PHOTON_TEST_DATA_DIR: '/from-environment',
      OTHER: 'x',
    };
    expect(resolve({ toml, environment, flags: { dataDir: '/from-flag' } })).toMatchObject({
      logLevel: 'debug',
      electionTimeoutMs: 3_000,
      dataDir: '/from-flag',
    });
  });
});

describe('what is refused, naming key, source and what is allowed', () => {
  const refusals: readonly (readonly [string, Parameters<typeof resolve>[0], string])[] = [
    [
      'an unknown key in the file',
      { toml: 'data_dri = "/d"' },
      'unknown key data_dri in test.toml; did you mean data_dir?',
    ],
    [
      'an unknown environment variable',
      { environment: { PHOTON_TEST_LOG_LEVLE: 'info' } },
      'unknown environment variable PHOTON_TEST_LOG_LEVLE; did you mean PHOTON_TEST_LOG_LEVEL?',
    ],
    [
      'an unknown key that resembles none',
      { toml: 'quux_frobnicator = 1' },
      'unknown key quux_frobnicator in test.toml; known are data_dir, listen_client, election_timeout_ms, log_level, initial_cluster',
    ],
    [
      'a wrong type in the file',
      { toml: 'election_timeout_ms = "soon"' },
      'election_timeout_ms in test.toml is "soon", it must be an integer from 10 to 60000 ms',
    ],
    [
      'an integer out of range in the environment',
      { environment: { PHOTON_TEST_ELECTION_TIMEOUT_MS: '9' } },
      'environment variable PHOTON_TEST_ELECTION_TIMEOUT_MS is "9", it must be an integer from 10 to 60000 ms',
    ],
    [
      'a value outside a list in a flag',
      { flags: { logLevel: 'loud' } },
      'flag --log-level is "loud", it must be one of debug, info',
    ],
    [
      'an address without a port',
      { flags: { listenClient: 'localhost' } },
      'flag --listen-client is "localhost", it must be an address host:port (an IPv6 host in brackets)',
    ],
    [
      'a member named twice',
      { flags: { initialCluster: 'a=h:1,a=h:2' } },
      'flag --initial-cluster is "a=h:1,a=h:2", it must be a list name=host:port,name=host:port with each name and each address once (in TOML also a table name = "host:port")',
    ],
    [
      'two members at one address',
      { flags: { initialCluster: 'a=[::1]:1,b=http://[::1]:1' } },
      'with each name and each address once',
    ],
    ['a broken file', { toml: 'data_dir = ' }, 'test.toml is not TOML'],
    [
      'a required setting that nobody gives',
      {},
      'data_dir is required: give --data-dir <path>, PHOTON_TEST_DATA_DIR or data_dir in the configuration file; it is a path',
    ],
  ];
  test.each(refusals)('%s', (_, sources, message) => {
    expect(() => resolve(sources)).toThrow(message);
  });
});

test('a TOML table of members is the same as the text', () => {
  const fromTable = resolve({ toml: 'data_dir="/d"\n[initial_cluster]\na = "h:1"\nb = "[::1]:2"' });
  const fromText = resolve({ flags: { dataDir: '/d', initialCluster: 'a=h:1,b=[::1]:2' } });
  expect(fromTable.initialCluster).toEqual(fromText.initialCluster);
  expect(fromText.initialCluster).toEqual([
    { name: 'a', host: 'h', port: 1 },
    { name: 'b', host: '::1', port: 2 },
  ]);
});

test('reserved environment names of the prefix are left to their owner', () => {
  const environment = { PHOTON_TEST_CONFIG: '/x', PHOTON_TEST_DATA_DIR: '/d' };
  expect(() => resolve({ environment })).toThrow('unknown environment variable PHOTON_TEST_CONFIG');
  expect(resolve({ environment, environmentReserved: ['PHOTON_TEST_CONFIG'] }).dataDir).toBe('/d');
});

describe('a list of addresses', () => {
  const expected = {
    seeds: [
      { host: '10.0.0.1', port: 1 },
      { host: '::1', port: 2 },
    ],
  };

  test('is a text, in TOML also a list', () => {
    const flags = { dataDir: '/d' };
    expect(resolve({ flags: { ...flags, seeds: '10.0.0.1:1,[::1]:2' } })).toMatchObject(expected);
    expect(resolve({ toml: 'seeds = ["10.0.0.1:1", "[::1]:2"]', flags })).toMatchObject(expected);
  });

  test.each(['', 'a:1,a:1', 'a:1,b:2,c:3', 'a:0', 'a', 'a:1,'])('of %j is refused', (seeds) => {
    expect(() => resolve({ flags: { dataDir: '/d', seeds } })).toThrow(
      'it must be a list host:port,host:port of 1 to 2 addresses, each once',
    );
  });
});
