import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { runCommand } from './command.ts';
import { HttpStream } from './http-stream.ts';
import { describeWith } from './requirement.ts';
import { Twins } from './twins.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: unknown;
}

/** One of two gateways that are told the same. */
class Gateway {
  readonly url: string;
  constructor(address: string) {
    this.url = `http://${address}`;
  }

  async post(path: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.url + path, { method: 'POST', body, headers });
    const text = await response.text();
    const type = response.headers.get('content-type');
    const body_ = type === 'application/json' ? normalised(linesOf(text)) : text.trim();
    return { status: response.status, type, body: body_ };
  }

  open(path: string): Promise<HttpStream> {
    return HttpStream.open(this.url + path);
  }
}

function linesOf(text: string): readonly unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

/** Any two clusters differ in these: ids of clusters and members, terms, and leases (and keys named after them) that are drawn. */
function normalised(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (name, value: unknown) => {
    if (['cluster_id', 'member_id', 'raft_term'].includes(name)) return '<own>';
    if (typeof value !== 'string') return value;
    if (['ID', 'lease'].includes(name) && /^-?[0-9]{12,}$/.test(value)) return '<drawn>';
    if (name !== 'key') return value;
    return Buffer.from(value, 'base64')
      .toString('latin1')
      .replace(/\/[0-9a-f]{9,16}$/, '/<drawn>');
  });
}

describeWith(['etcd', 'etcdctl', 'curl'], 'the JSON gateway, call by call beside etcd', () => {
  let twins: Twins;
  let ours: Gateway;
  let theirs: Gateway;
  beforeAll(async () => {
    twins = await Twins.start();
    ours = new Gateway(twins.cluster.place('a').client);
    theirs = new Gateway(twins.etcd.endpoint);
  });
  afterAll(() => twins?.stop());

  /** The same call to both, and the same answer. */
  async function same(path: string, body: string, headers?: Record<string, string>): Promise<Answer> {
    twins.cluster.showLogsOnFailure();
    const [own, other] = await Promise.all([
      ours.post(path, body, headers),
      theirs.post(path, body, headers),
    ]);
    expect(own, `${path} ${body.slice(0, 200)}`).toEqual(other);
    return own;
  }

  /** Both refuse with the same code and form; JSON's faults have words of our own, which say where. */
  async function bothRefuse(path: string, body: string, words: string): Promise<void> {
    const [own, other] = await Promise.all([ours.post(path, body), theirs.post(path, body)]);
    const codeOf = ({
      status,
      type,
      body: [json],
    }: {
      status: number;
      type: string | null;
      body: unknown[];
    }) => ({
      ...{ status, type, code: (json as { code: number }).code },
      ...{ same: (json as { error: string }).error === (json as { message: string }).message },
    });
    expect(codeOf(own as never), `${path} ${body.slice(0, 200)}`).toEqual(codeOf(other as never));
    expect((own.body as [{ message: string }])[0].message).toContain(words);
  }

  const key = base64('foo');

  test('keys: put, range, delete, txn, compaction', async () => {
    await same('/v3/kv/put', `{"key":"${key}","value":"${base64('bar')}"}`);
    await same('/v3/kv/put', `{"key":"${key}","value":"${base64('baz')}","prev_kv":true}`);
    await same('/v3/kv/put', `{"key":"${base64('bin\0\xff')}","value":""}`);
    const found = await same('/v3/kv/range', `{"key":"${key}"}`);
    expect(found).toMatchObject({
      status: 200,
      body: [{ kvs: [{ key: 'foo', mod_revision: '3', version: '2', value: base64('baz') }], count: '1' }],
    });
    await same(
      '/v3/kv/range',
      '{"key":"AA==","range_end":"AA==","sort_target":"MOD","sort_order":"DESCEND"}',
    );
    await same('/v3/kv/range', '{"key":"AA==","rangeEnd":"AA==","sortTarget":3,"sortOrder":2,"limit":1}');
    await same('/v3/kv/range', '{"key":"AA==","range_end":"AA==","keys_only":true,"limit":"1"}');
    await same('/v3/kv/range', '{"key":"AA==","range_end":"AA==","count_only":true,"limit":null}');
    await same('/v3/kv/range', `{"key":"${key}","revision":2,"serializable":true}`);
    await same('/v3/kv/range', `{"key":"${key}","max_mod_revision":"9223372036854775807"}`);
    await same('/v3beta/kv/range', `{"key":"${key}"}`);
    // Both writings of a name, unknown names and what stands behind the message.
    await same('/v3/kv/range', `{"key":"${key}","nobody":{"knows":[1,"}"]},"__proto__":1} behind`);
    await same(
      '/v3/kv/txn',
      `{"compare":[{"key":"${key}","target":"VALUE","value":"${base64('baz')}"},{"key":"${key}","target":"MOD","result":"LESS","mod_revision":"99"}],
        "success":[{"request_put":{"key":"${key}","value":"MQ=="}},{"requestRange":{"key":"${key}"}},
          {"request_txn":{"compare":[{"key":"bm9uZQ==","target":"VERSION","version":"0"}],"success":[{"request_delete_range":{"key":"eA=="}}]}}]}`,
    );
    await same(
      '/v3/kv/txn',
      `{"compare":[{"key":"${key}","target":0,"result":3,"version":3}],"success":[],"failure":[{"request_delete_range":{"key":"${key}","prev_kv":true}}]}`,
    );
    await same('/v3/kv/deleterange', '{"key":"AA==","range_end":"AA==","prev_kv":true}');
    await same('/v3/kv/compaction', '{"revision":"3","physical":true}');
    expect(await same('/v3/kv/range', `{"key":"${key}","revision":"2"}`)).toMatchObject({ status: 400 });
  });

  test('what the store refuses has its status, code and text', async () => {
    await same('/v3/kv/range', '');
    await same('/v3/kv/range', '{}');
    await same('/v3/kv/range', 'null');
    await same('/v3/kv/range', `{"key":"${key}","revision":9999}`);
    await same('/v3/kv/compaction', '{"revision":1}');
    await same('/v3/kv/put', `{"key":"${key}","lease":"4711"}`);
    await same('/v3/kv/put', `{"key":"${key}","value":"MQ==","ignore_value":true}`);
    await same('/v3/kv/txn', '{"success":[{"request_put":{"key":"eA=="}},{"request_put":{"key":"eA=="}}]}');
    await same('/v3/lease/revoke', '{"ID":"4711"}');
    await same('/v3/lease/grant', '{"TTL":"9223372036854775807"}');
    const put = (bytes: number): string =>
      JSON.stringify({ key, value: Buffer.alloc(bytes).toString('base64') });
    const tooLarge = await same('/v3/kv/put', put(1_800_000));
    expect(tooLarge.body).toMatchObject([{ message: 'etcdserver: request is too large', code: 3 }]);
    await bothRefuse('/v3/kv/put', put(3_000_000), 'grpc: received message larger than max');
  });

  test.each([
    ['not JSON', 'garbage', 'not JSON'],
    ['cut short', '{"key":"Zm9v', 'not JSON'],
    ['two fields without a comma', '{"key":"Zm9v" "limit":1}', 'not JSON'],
    ['a list', '[]', 'RangeRequest is a list, it must be an object'],
    ['a string', '"x"', 'RangeRequest is "x", it must be an object'],
    ['base64 of another alphabet', '{"key":"Zm9-"}', 'illegal base64 data in RangeRequest.key'],
    ['base64 without padding', '{"key":"Zg"}', 'illegal base64 data in RangeRequest.key'],
    ['a number for bytes', '{"key":5}', 'RangeRequest.key is 5, it must be base64 in a string'],
    ['an unknown enum', '{"key":"Zg==","sort_target":"key"}', 'one of KEY, VERSION, CREATE, MOD, VALUE'],
    [
      'a number that is none',
      '{"key":"Zg==","limit":"few"}',
      'RangeRequest.limit is "few", it must be an integer',
    ],
    ['a fraction', '{"key":"Zg==","limit":1.5}', 'RangeRequest.limit is 1.5, it must be an integer'],
    ['an exponent', '{"key":"Zg==","limit":1e2}', 'RangeRequest.limit is 1e2, it must be an integer'],
    [
      'more than 64 bits',
      '{"key":"Zg==","limit":"9223372036854775808"}',
      'it must be an integer from -9223372036854775808',
    ],
    ['text for a bool', '{"key":"Zg==","keys_only":"true"}', 'RangeRequest.keys_only is "true"'],
  ])('%s is refused as etcd does', async (_, body, words) => bothRefuse('/v3/kv/range', body, words));

  test('an object where a list belongs is refused as etcd does', () =>
    bothRefuse('/v3/kv/txn', '{"success":{}}', 'TxnRequest.success is an object, it must be a list'));

  test('leases, by the older paths too', async () => {
    await same('/v3/lease/grant', '{"TTL":"600","ID":"77"}');
    await same('/v3/lease/grant', '{"TTL":600,"ID":-5}');
    await same('/v3/lease/grant', '{"TTL":600,"ID":9223372036854775807}');
    await same('/v3/lease/grant', '{"TTL":600,"ID":"77"}');
    await same('/v3/kv/put', '{"key":"bGVhc2Vk","lease":"77"}');
    await same('/v3/kv/range', '{"key":"bGVhc2Vk"}');
    await same('/v3/lease/keepalive', '{"ID":"77"}');
    await same('/v3/lease/keepalive', '{"ID":"77"}\n{"ID":"-5"}{"ID":"4711"}');
    expect(await ours.post('/v3/lease/keepalive', '')).toMatchObject({ status: 200, body: '' });
    await bothRefuse('/v3/lease/keepalive', 'x', 'not JSON');
    for (const path of ['/v3/lease', '/v3/kv/lease']) {
      await same(`${path}/timetolive`, '{"ID":"4711","keys":true}');
      const [own] = (await ours.post(`${path}/timetolive`, '{"ID":77,"keys":true}')).body as [
        Record<string, unknown>,
      ];
      expect(own).toMatchObject({ ID: '77', grantedTTL: '600', keys: ['bGVhc2Vk'] });
      const leases = await Promise.all([ours, theirs].map((side) => side.post(`${path}/leases`, '{}')));
      const ids = leases.map(({ body }) =>
        (body as [{ leases: { ID: string }[] }])[0].leases.map(({ ID }) => ID).sort(),
      );
      expect(ids[0]).toEqual(ids[1]);
    }
    await same('/v3/kv/lease/revoke', '{"ID":"77"}');
    await same('/v3/lease/revoke', '{"ID":"77"}');
    await same('/v3/kv/range', '{"key":"bGVhc2Vk"}');
    await same('/v3/lease/revoke', '{"ID":"9223372036854775807"}');
  });

  test('a watch says what happens, long after its requests were said', async () => {
    const lines = await Promise.all(
      [ours, theirs].map(async (side) => {
        const watch = await side.open('/v3/watch');
        const seen: unknown[] = [];
        const next = async (count: number): Promise<void> => {
          for (let at = 0; at < count; at += 1) seen.push(normalised(await watch.next()));
        };
        const range = `"key":"${base64('w/')}","range_end":"${base64('w0')}"`;
        watch.write(`{"create_request":{${range},"prev_kv":true}}`);
        watch.write('{"create_request":{"key":"YWJj","watch_id":"9","filters":["NOPUT","NODELETE"]}}');
        watch.write('{"cancel_request":{"watch_id":9}}{"progress_request":{}}');
        watch.endRequests();
        await next(4);
        await side.post('/v3/kv/put', `{"key":"${base64('w/1')}","value":"MQ=="}`);
        await side.post('/v3/kv/put', `{"key":"${base64('w/1')}","value":"Mg=="}`);
        await side.post('/v3/kv/deleterange', `{"key":"${base64('w/1')}"}`);
        await next(3);
        watch.close();
        return seen;
      }),
    );
    expect(lines[0]).toEqual(lines[1]);
    expect(lines[0]?.[6]).toMatchObject({
      result: { events: [{ type: 'DELETE', kv: { key: 'w/1' }, prev_kv: { value: 'Mg==' } }] },
    });
  });

  test('a watch from before the compaction is told so', async () => {
    const lines = await Promise.all(
      [ours, theirs].map(async (side) => {
        const watch = await side.open('/v3/watch');
        watch.write('{"create_request":{"key":"AA==","range_end":"AA==","start_revision":"1"}}');
        watch.endRequests();
        const seen = [await watch.next(), await watch.next()];
        watch.close();
        return seen as { result: Record<string, unknown> }[];
      }),
    );
    for (const seen of lines) {
      expect(seen[0]?.result).toMatchObject({ created: true });
      expect(seen[1]?.result).toMatchObject({ canceled: true, compact_revision: '3' });
    }
  });

  test('a stream whose requests go on is answered meanwhile', async () => {
    const watch = await ours.open('/v3/watch');
    watch.write('{"create_request":{"key":"b24="}}');
    expect(await watch.next()).toMatchObject({ result: { created: true } });
    watch.write('{"create_request":{"key":"YQ==","watch_id":5}} {"cancel_request":');
    expect(await watch.next()).toMatchObject({ result: { created: true, watch_id: '5' } });
    watch.write('{"watch_id":"5"}}');
    expect(await watch.next()).toMatchObject({ result: { canceled: true, watch_id: '5' } });
    watch.write('{"cancel_request":[]}');
    expect(await watch.next()).toEqual({
      error: {
        grpc_code: 2,
        http_code: 500,
        message: 'WatchRequest.cancel_request is a list, it must be an object',
        http_status: 'Internal Server Error',
      },
    });
    await expect(watch.next()).rejects.toThrow('the answer has ended');
  });

  test('a watch ends with the connection of its client', async () => {
    const watch = await ours.open('/v3/watch');
    watch.write('{"create_request":{"key":"YQ=="}}');
    await watch.next();
    const watchers = async (): Promise<number> => {
      const metrics = await (await fetch(`${ours.url}/metrics`)).text();
      return Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(metrics)?.[1]);
    };
    expect(await watchers()).toBe(1);
    watch.close();
    await expect.poll(watchers, { timeout: 10_000 }).toBe(0);
  });

  test('locks and elections', async () => {
    await same('/v3/lock/lock', '{"name":"bA=="}');
    await same('/v3/lock/unlock', '{"key":"bA=="}');
    await same('/v3/election/campaign', '{"name":"ZQ==","value":"djE="}');
    await same('/v3/election/leader', '{"name":"ZQ=="}');
    await same('/v3/election/leader', '{"name":"bm9uZQ=="}');
    await same('/v3/election/proclaim', '{"value":"djI="}');
    await same('/v3/election/resign', '{}');
    const observed = await Promise.all(
      [ours, theirs].map(async (side) => {
        const stream = await side.open('/v3/election/observe');
        stream.write('{"name":"ZQ=="}');
        stream.endRequests();
        const seen = normalised(await stream.next());
        stream.close();
        return seen;
      }),
    );
    expect(observed[0]).toEqual(observed[1]);
    expect(observed[0]).toMatchObject({ result: { kv: { value: 'djE=' } } });
  });

  test('a lock that waits is given up by a deadline, and by its client', async () => {
    const [{ body }] = await Promise.all([ours.post('/v3/lock/lock', '{"name":"aGVsZA=="}')]);
    expect(body).toMatchObject([{ key: 'held/<drawn>' }]);
    const late = await ours.post('/v3/lock/lock', '{"name":"aGVsZA=="}', { 'grpc-timeout': '300m' });
    expect(late).toMatchObject({ status: 504, body: [{ message: 'context deadline exceeded', code: 4 }] });
    // It has left the queue, and the holder still holds.
    const count = async (): Promise<unknown> => {
      const range = `{"key":"${base64('held/')}","range_end":"${base64('held0')}","count_only":true}`;
      return ((await ours.post('/v3/kv/range', range)).body as [{ count: string }])[0].count;
    };
    await expect.poll(count, { timeout: 10_000 }).toBe('1');
    await expect(
      fetch(`${ours.url}/v3/lock/lock`, {
        method: 'POST',
        body: '{"name":"aGVsZA=="}',
        signal: AbortSignal.timeout(300),
      }),
    ).rejects.toThrow();
    await expect.poll(count, { timeout: 10_000 }).toBe('1');
  });

  test('members and maintenance have the same fields', async () => {
    const both = async (path: string): Promise<readonly Record<string, unknown>[]> => {
      const answers = await Promise.all([ours, theirs].map((side) => side.post(path, '{}')));
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      return answers.map(({ body }) => (body as [Record<string, unknown>])[0]);
    };
    const [own, other] = await both('/v3/cluster/member/list');
    const fields = (list: unknown): unknown => Object.keys((list as Record<string, unknown>[])[0] ?? {});
    expect(fields(own?.['members'])).toEqual(fields(other?.['members']));
    const [ownStatus = {}, otherStatus = {}] = await both('/v3/maintenance/status');
    expect(Object.keys(ownStatus)).toEqual(Object.keys(otherStatus));
    const version = (await (await fetch(`${ours.url}/version`)).json()) as Record<string, string>;
    expect(version).toEqual({ etcdserver: ownStatus['version'], etcdcluster: '3.4.0' });
    const [ownDefragment, otherDefragment] = await both('/v3/maintenance/defragment');
    expect(ownDefragment).toEqual(otherDefragment);
    const [ownHash = {}, otherHash = {}] = await both('/v3/maintenance/hash');
    expect(Object.keys(ownHash)).toEqual(Object.keys(otherHash));
    expect(ownHash['hash']).toBeTypeOf('number');
  });

  test('a snapshot comes in pieces, behind them its hash', async () => {
    const pieces = await Promise.all(
      [ours, theirs].map(async (side) => {
        const { status, body } = await side.post('/v3/maintenance/snapshot', '{}');
        expect(status).toBe(200);
        return body as { readonly result: { readonly blob: string; readonly remaining_bytes?: string } }[];
      }),
    );
    for (const answer of pieces) {
      expect(answer.at(-1)?.result.remaining_bytes).toBeUndefined();
      const whole = Buffer.concat(answer.map(({ result }) => Buffer.from(result.blob, 'base64')));
      const digest = createHash('sha256').update(whole.subarray(0, -32)).digest();
      expect(whole.subarray(-32)).toEqual(digest);
    }
  });

  test('/version, /health, /metrics and what is not there', async () => {
    for (const path of [
      '/version',
      '/health',
      '/metrics',
      '/v3/kv/range',
      '/v3/nothing',
      '/nothing',
      '/v3/kv/range/',
    ]) {
      const [own, other] = await Promise.all([ours, theirs].map((side) => fetch(side.url + path)));
      expect(own?.status, path).toBe(other?.status);
    }
    for (const path of ['/version', '/health']) {
      const [own, other] = await Promise.all(
        [ours, theirs].map((side) => fetch(side.url + path, { method: 'POST' })),
      );
      expect(own?.status, path).toBe(other?.status);
    }
    expect(await (await fetch(`${ours.url}/health`)).json()).toEqual({ health: 'true' });
    expect(await (await fetch(`${ours.url}/metrics`)).text()).toMatch(/^etcd_server_has_leader 1$/m);
    expect(await ours.post('/v3/maintenance/downgrade', '{}')).toMatchObject({
      status: 501,
      body: [{ code: 12 }],
    });
  });

  test('curl, and a request that comes a byte at a time; gRPC on the same port beside it', async () => {
    const curl = (side: Gateway, ...args: readonly string[]) =>
      runCommand('curl', ['-sS', '--max-time', '20', ...args, `${side.url}/v3/kv/range`]);
    const body = `{"key":"${base64('curl')}","limit":"1"}`;
    const answers = await Promise.all(
      [ours, theirs].map(async (side) => {
        await side.post('/v3/kv/put', `{"key":"${base64('curl')}","value":"MQ=="}`);
        const { code, stdout } = await curl(side, '-X', 'POST', '-d', body);
        // They have written differently many revisions by now.
        return { code, text: stdout.replace(/_id":"[0-9]+"|(revision|raft_term)":"[0-9]+"/g, '') };
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
    const chunked = await curl(
      ours,
      '-H',
      'Transfer-Encoding: chunked',
      '-H',
      'Connection: close',
      '-d',
      body,
    );
    expect(chunked.stdout).toContain('"count":"1"');

    const [host = '', port = ''] = twins.cluster.place('a').client.split(':');
    const socket = connect({ host, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    const request = `POST /v3/kv/range HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    for (const byte of request) await new Promise((resolve) => socket.write(byte, resolve));
    let text = '';
    for await (const piece of socket as AsyncIterable<Buffer>) text += piece.toString();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toContain('"count":"1"');
    const get = await runCommand('etcdctl', ['--endpoints', `${host}:${port}`, 'get', 'curl'], {
      environment: { ETCDCTL_API: '3' },
    });
    expect(get).toMatchObject({ code: 0, stdout: 'curl\n1\n' });
  });
});
