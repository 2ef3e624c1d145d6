import { expect, test } from 'vitest';

import { ConfigError } from '../../../../adapters/config/resolve.ts';
import { ClusterBuilder } from '../../../../nodes/chainfire/embed/cluster-builder.ts';

function refusal(say: (builder: ClusterBuilder) => ClusterBuilder): string {
  try {
    say(new ClusterBuilder().name('a').inMemory()).build();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'none';
}

test('what a builder is told goes through the checks of the server, each with its name and what is allowed', () => {
  expect(refusal((builder) => builder)).toBe('none');
  expect(refusal((builder) => builder.name('not a name'))).toMatch(
    /^name is "not a name", it must be a name/,
  );
  expect(refusal((builder) => builder.settings({ electionTimeoutMs: 5 }))).toBe(
    'electionTimeoutMs is 5, it must be an integer from 10 to 60000 ms',
  );
  expect(refusal((builder) => builder.settings({ electionTimeoutMs: '1000' }))).toBe(
    'electionTimeoutMs is "1000", it must be an integer from 10 to 60000 ms',
  );
  expect(refusal((builder) => builder.settings({ electionTimeoutMs: 100, heartbeatIntervalMs: 50 }))).toMatch(
    /^heartbeat_interval_ms is 50, it must be at most a third/,
  );
  expect(refusal((builder) => builder.settings({ electionTimeout: 5 } as never))).toBe(
    'unknown setting electionTimeout; did you mean electionTimeoutMs?',
  );
  expect(refusal((builder) => builder.listenClients('nowhere'))).toMatch(
    /^listenClient is "nowhere", it must be an address host:port/,
  );
  expect(refusal((builder) => builder.initialCluster({ b: '127.0.0.1:1' }).listenPeers('127.0.0.1:1'))).toBe(
    'name is "a", it must be one of those in initial_cluster: b',
  );
  expect(refusal((builder) => builder.tls({ certFile: 'c.pem' }))).toBe(
    'cert_file and key_file belong together: give both, or neither',
  );
});

test('a member of several needs a port for the others', () => {
  const others = { a: '127.0.0.1:1', b: '127.0.0.1:2' };
  const message = 'listenPeer is not given, it must be host:port where there are to be other members';
  expect(refusal((builder) => builder.initialCluster(others))).toBe(message);
  expect(refusal((builder) => builder.join(others))).toBe(message);
  expect(refusal((builder) => builder.discover({ seeds: ['127.0.0.1:1'], size: 3 }))).toBe(message);
  expect(refusal((builder) => builder.initialCluster(others).listenPeers('127.0.0.1:1'))).toBe('none');
  expect(refusal((builder) => builder.listenPeers('127.0.0.1:0'))).toMatch(/^listenPeer is 127.0.0.1:0/);
});

test('addresses may be given as text or as they are', () => {
  expect(refusal((builder) => builder.listenClients({ host: '::1', port: 2379 }))).toBe('none');
  expect(refusal((builder) => builder.settings({ listenClient: { host: 'x y', port: 1 } }))).toMatch(
    /^listenClient is \{"host":"x y","port":1\}/,
  );
  expect(refusal((builder) => builder.settings({ initialCluster: [] }))).toMatch(/^initialCluster is \[\]/);
});

test('a member needs a name and a place for what it keeps', () => {
  expect(() => new ClusterBuilder().inMemory().build()).toThrow(/^name is required; it is a name of/);
  expect(() => new ClusterBuilder().name('a').build()).toThrow(/^dataDir is required; it is a path/);
});
