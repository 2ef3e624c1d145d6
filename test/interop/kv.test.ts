import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { connect } from '../../adapters/client/connect.ts';
import { GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { PutRequest } from '../../core/chainfire/api/kv.ts';
import { seededPrng } from '../../sim/prng.ts';
import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, runCommand } from './command.ts';
import { startEtcd } from './etcd-server.ts';
import { freePorts } from './ports.ts';
import { describeWith } from './requirement.ts';

function kv(endpoints: string, args: readonly string[]): Promise<CommandResult> {
  return runCommand(process.execPath, [photonFile, 'kv', ...args, '--endpoints', endpoints]);
}

/** What a user types and what comes back: the same from Chainfire and from etcd. */
const session: readonly (readonly [readonly string[], Partial<CommandResult>])[] = [
  [['put', 'hello', 'world'], { code: 0, stdout: 'OK\n' }],
  [['put', 'hello', 'again', '--prev-kv'], { code: 0, stdout: 'OK\nhello\nworld\n' }],
  [['get', 'hello'], { code: 0, stdout: 'hello\nagain\n' }],
  [['get', 'absent'], { code: 4, stdout: '' }],
  [['get', '--prefix', 'absent'], { code: 0, stdout: '' }],
  [['get', 'hello', '--rev', '2'], { code: 0, stdout: 'hello\nworld\n' }],
  [
    ['get', 'hello', '--rev', '1000'],
    { code: 1, stderr: 'photon kv: refused: etcdserver: mvcc: required revision is a future revision\n' },
  ],
  [
    ['get', 'hello', '--json'],
    {
      code: 0,
      stdout:
        '{"revision":3,"kvs":[{"key":"hello","value":"again","create_revision":2,"mod_revision":3,"version":2}],"count":1,"more":false}\n',
    },
  ],
  [['put', '', 'x'], { code: 1, stderr: 'photon kv: refused: etcdserver: key is not provided\n' }],
  [['put', 'only key'], { code: 2 }],
  [['frob'], { code: 2 }],
  [['get', 'hello', '--limit', 'many'], { code: 2 }],
  [
    ['txn', '--compare', 'version(lock) = 0', '--then', 'put lock me', '--else', 'get lock'],
    { code: 0, stdout: 'SUCCESS\n\nOK\n' },
  ],
  [
    ['txn', '--compare', 'version(lock) = 0', '--then', 'put lock you', '--else', 'get lock'],
    { code: 0, stdout: 'FAILURE\n\nlock\nme\n' },
  ],
  [
    ['txn', '--then', 'del hello', '--then', 'get h --from-key', '--json'],
    {
      code: 0,
      stdout:
        '{"revision":5,"succeeded":true,"responses":[{"revision":5,"deleted":1,"prev_kvs":[]},' +
        '{"revision":5,"kvs":[{"key":"lock","value":"me","create_revision":4,"mod_revision":4,"version":1}],"count":1,"more":false}]}\n',
    },
  ],
  [['txn', '--compare', 'version(lock) is 0', '--then', 'get lock'], { code: 2 }],
  [['txn'], { code: 2, stderr: 'photon kv txn: give at least one --then or --else\n' }],
  [['put', 'a/1', 'x'], { code: 0 }],
  [['put', 'a/2', 'y'], { code: 0 }],
  [['get', '--prefix', 'a/', '--keys-only'], { code: 0, stdout: 'a/1\na/2\n' }],
  [['get', '--prefix', 'a/', '--count-only'], { code: 0, stdout: '2\n' }],
  [['get', '--prefix', 'a/', '--order', 'descend', '--limit', '1'], { code: 0, stdout: 'a/2\ny\n' }],
  [['del', 'a/', '--prefix', '--prev-kv'], { code: 0, stdout: '2\na/1\nx\na/2\ny\n' }],
  [['compact', '6'], { code: 0, stdout: 'compacted revision 6\n' }],
  [
    ['get', 'lock', '--rev', '5'],
    { code: 1, stderr: 'photon kv: refused: etcdserver: mvcc: required revision has been compacted\n' },
  ],
];

async function play(endpoints: string): Promise<void> {
  for (const [args, expected] of session) {
    const result = await kv(endpoints, args);
    expect({ args, ...result }).toMatchObject({ args, ...expected });
  }
}

describe('photon kv', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start(1);
  });
  afterAll(() => cluster?.remove());

  test('a session with Chainfire', async () => {
    cluster.showLogsOnFailure();
    await play(cluster.endpoints);
  });

  test('bytes go in and out as they are; JSON says so where they are no text', async () => {
    expect((await kv(cluster.endpoints, ['put', 'umlaut ä', 'wert €'])).code).toBe(0);
    const shown = await kv(cluster.endpoints, ['get', 'umlaut ä']);
    expect(Buffer.from(shown.stdout, 'latin1').toString('utf8')).toBe('umlaut ä\nwert €\n');

    const [host = '', port = ''] = cluster.endpoints.split(':');
    const client = new GrpcChainfireClient({
      endpoints: [{ host, port: Number(port) }],
      prng: seededPrng('bytes'),
    });
    const value = Uint8Array.from([0xff, 0x00, 0x0a]);
    const outcome = await client.call(
      { kind: 'put', request: PutRequest.create({ key: 'binary', value }) },
      20_000,
    );
    client.close();
    expect(outcome.kind).toBe('answered');
    expect((await kv(cluster.endpoints, ['get', 'binary'])).stdout).toBe('binary\n\xff\x00\n\n');
    expect((await kv(cluster.endpoints, ['get', 'binary', '--json'])).stdout).toContain(
      '"key":"binary","value_base64":"/wAK"',
    );
  });

  test('a range of many pages is printed whole, in order, in one piece or by keys, to a slow reader too', async () => {
    const db = connect({ endpoints: [cluster.endpoints], timeoutMs: 20_000 });
    const keys = Array.from({ length: 2_000 }, (_, at) => `many/${String(at).padStart(5, '0')}`);
    const value = 'v'.repeat(1_500);
    for (let at = 0; at < keys.length; at += 100) {
      await Promise.all(keys.slice(at, at + 100).map((key) => db.put(key, value)));
    }
    db.close();
    const whole = keys.map((key) => `${key}\n${value}\n`).join('');
    expect((await kv(cluster.endpoints, ['get', '--prefix', 'many/'])).stdout).toBe(whole);
    const listed = await kv(cluster.endpoints, ['get', 'many/', '--from-key', '--keys-only']);
    expect(listed.stdout.startsWith(`${keys.join('\n')}\n`)).toBe(true);
    const between = await kv(cluster.endpoints, ['get', 'many/00010', 'many/00012', '--keys-only']);
    expect(between.stdout).toBe('many/00010\nmany/00011\n');
  });

  test('an endpoint that is not there is passed over; none at all is an error that names the reason', async () => {
    const [nobody = 0] = await freePorts(1);
    expect((await kv(`127.0.0.1:${nobody},${cluster.endpoints}`, ['put', 'k', 'v'])).code).toBe(0);
    const result = await kv(`127.0.0.1:${nobody}`, ['put', 'k', 'v', '--timeout', '1']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('not done');
    expect((await kv('nonsense', ['get', 'k'])).code).toBe(2);
  });
});

describeWith(['etcd'], 'photon kv and etcd', () => {
  test('the same session with etcd', async () => {
    const etcd = await startEtcd();
    try {
      await play(etcd.endpoint);
    } finally {
      await etcd.stop();
    }
  });
});
