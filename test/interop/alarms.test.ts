import { afterAll, beforeAll, expect, test } from 'vitest';

import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import { alarmActions, alarmTypes, StatusRequest } from '../../core/chainfire/api/cluster.ts';
import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../core/chainfire/api/kv.ts';
import { LeaseGrantRequest } from '../../core/chainfire/api/lease.ts';
import { type CommandResult } from './command.ts';
import { Cluster } from './cluster.ts';
import { type CallEnding, RawClient } from './raw-client.ts';
import { describeWith } from './requirement.ts';
import { Side, Twins } from './twins.ts';

const quotaBytes = 1_048_576;
/** etcd's own first pages and free ones count, ours do not: after so many puts each of them is full. */
const putsMax = 40;
const large = 'x'.repeat(100_000);

interface Health {
  readonly status: number;
  readonly health: string;
}

async function healthOf(endpoint: string, query = ''): Promise<Health> {
  const response = await fetch(`http://${endpoint}/health${query}`);
  return { status: response.status, health: ((await response.json()) as Health).health };
}

/** Overwrites one key until that is refused: the first refusal. */
async function fill(side: Side): Promise<CommandResult> {
  for (let at = 0; at < putsMax; at += 1) {
    const result = await side.runWith(large, 'put', 'fill');
    if (result.code !== 0) return result;
  }
  throw new Error(`${side.name} has space without end`);
}

async function revisionOf(side: Side): Promise<string> {
  const { stdout } = await side.run('get', 'small', '-w', 'json');
  return /"revision":(\d+)/.exec(stdout)?.[1] ?? stdout;
}

async function errorsOf(side: Side): Promise<unknown> {
  const { stdout } = await side.run('endpoint', 'status', '-w', 'json');
  return /"errors":(\[[^\]]*\])/.exec(stdout)?.[1]?.replace(/memberID:\d+/, 'memberID:(id)');
}

/** Ids of members differ between any two clusters. */
async function alarms(side: Side, verb: 'list' | 'disarm'): Promise<readonly unknown[]> {
  const { code, stdout, stderr } = await side.run('alarm', verb);
  return [code, stdout.replace(/memberID:\d+/g, 'memberID:(id)'), stderr];
}

describeWith(['etcdctl', 'etcd'], 'a store that comes to its quota, beside etcd', () => {
  let twins: Twins;
  beforeAll(async () => {
    const flags = ['--quota-backend-bytes', String(quotaBytes)];
    twins = await Twins.start(flags, flags);
  });
  afterAll(() => twins?.stop());

  test('puts are refused; compact, defragment and disarm bring them back; disarmed too early it is raised again', async () => {
    await twins.same(async (all) => {
      // One member: the others raise the alarm when they are asked for what does not fit either.
      const [endpoint = ''] = all.endpoints.split(',');
      const side = new Side(all.name, endpoint);
      await side.run('put', 'small', '1');
      const full = [
        await fill(side),
        await alarms(side, 'list'),
        await errorsOf(side),
        await healthOf(endpoint),
        await healthOf(endpoint, '?exclude=NOSPACE'),
        await side.run('get', 'small'),
        await side.run('put', 'small', '2'),
        await side.run('lease', 'grant', '60'),
        await side.run('del', 'nothing'),
        await alarms(side, 'disarm'),
        await fill(side),
        await alarms(side, 'list'),
        await side.run('del', 'fill'),
      ];
      const compacted = await side.run('compact', await revisionOf(side), '--physical');
      expect(compacted.code).toBe(0);
      expect((await all.run('defrag')).code).toBe(0);
      return [
        ...full,
        await side.run('put', 'small', '3'),
        await alarms(side, 'disarm'),
        await alarms(side, 'list'),
        await side.run('put', 'small', '4'),
        await healthOf(endpoint),
        await errorsOf(side),
      ];
    });
  });

  test('the quota is a metric, as at etcd', async () => {
    const name = 'etcd_server_quota_backend_bytes';
    const texts = [twins.cluster.place('a').client, twins.etcd.endpoint].map(async (endpoint) => {
      const text = await (await fetch(`http://${endpoint}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    });
    expect(await Promise.all(texts)).toEqual([quotaBytes, quotaBytes]);
  });
});

describeWith(['etcd'], 'alarms that are raised by request, beside etcd', () => {
  let twins: Twins;
  let clients: readonly [RawClient, RawClient];
  beforeAll(async () => {
    twins = await Twins.start();
    clients = [new RawClient(twins.cluster.place('a').client), new RawClient(twins.etcd.endpoint)];
  });
  afterAll(async () => {
    clients?.forEach((client) => client.close());
    await twins?.stop();
  });

  type Call = (client: RawClient) => Promise<unknown>;
  const { get, activate, deactivate } = alarmActions;
  const { none, nospace, corrupt } = alarmTypes;
  const bytes = new TextEncoder().encode('v');
  const alarm =
    (action: number, memberId: bigint, kind: number): Call =>
    async (client) => {
      const answer = await client.unary(memberMethods.alarm, { action, memberId, alarm: kind });
      return 'alarms' in answer ? answer.alarms : answer;
    };
  const put = PutRequest.create({ key: 'a', value: bytes });
  const putting = RequestOp.create({ requestPut: put });
  const txn =
    (success: readonly RequestOp[], failure: readonly RequestOp[] = []): Call =>
    (client) =>
      client.unary(memberMethods.txn, TxnRequest.create({ success, failure })).then(ending);
  const range = RangeRequest.create({ key: 'a' });

  /** How it ended: what was done is told by the calls that come after. */
  function ending(outcome: object): unknown {
    return 'code' in outcome ? (outcome as CallEnding) : 'done';
  }

  const steps: readonly Call[] = [
    (client) => client.unary(memberMethods.put, put).then(ending),
    (client) => client.unary(memberMethods.range, range).then(ending),
    txn([putting]),
    txn([], [putting]),
    txn([RequestOp.create({ requestDeleteRange: DeleteRangeRequest.create({ key: 'z' }) })]),
    txn([RequestOp.create({ requestRange: range })]),
    (client) => client.unary(memberMethods.deleteRange, DeleteRangeRequest.create({ key: 'b' })).then(ending),
    (client) =>
      client
        .unary(memberMethods.leaseGrant, LeaseGrantRequest.create({ ttlSeconds: 100, id: 8n }))
        .then(ending),
    (client) => client.unary(memberMethods.leaseRevoke, { id: 99n }).then(ending),
    async (client) => {
      const stream = client.stream(memberMethods.leaseKeepAlive);
      stream.send({ id: 7n });
      await stream.read(1);
      stream.cancel();
      return stream.received.map(({ ttlSeconds }) => ttlSeconds);
    },
    (client) => client.unary(memberMethods.compact, CompactionRequest.create({ revision: 2 })).then(ending),
    async (client) => (await client.call(memberMethods.status, StatusRequest.create())).errors,
  ];

  async function same(calls: readonly Call[]): Promise<void> {
    twins.cluster.showLogsOnFailure();
    const said = async (client: RawClient) => {
      const answers: unknown[] = [];
      for (const call of calls) answers.push(await call(client));
      return answers;
    };
    const [ours, theirs] = await Promise.all([said(clients[0]), said(clients[1])]);
    expect(ours).toEqual(theirs);
  }

  test('activate, get, deactivate', async () => {
    await same([
      alarm(get, 0n, none),
      alarm(deactivate, 0n, none),
      alarm(activate, 5n, nospace),
      alarm(activate, 5n, nospace),
      alarm(get, 0n, none),
      alarm(get, 0n, corrupt),
      alarm(get, 9n, nospace),
      alarm(deactivate, 5n, corrupt),
      alarm(deactivate, 0n, nospace),
      alarm(deactivate, 5n, nospace),
      alarm(get, 0n, none),
    ]);
  });

  test('what NOSPACE forbids', async () => {
    const granting: Call = (client) =>
      client
        .unary(memberMethods.leaseGrant, LeaseGrantRequest.create({ ttlSeconds: 100, id: 7n }))
        .then(ending);
    const putOnce = steps.slice(0, 1);
    await same([granting, ...putOnce, ...putOnce, ...putOnce]);
    await same([alarm(activate, 0n, nospace), ...steps, alarm(deactivate, 0n, nospace), ...putOnce]);
  });

  test('what CORRUPT forbids', async () => {
    await same([
      alarm(activate, 0n, corrupt),
      ...steps,
      alarm(deactivate, 0n, corrupt),
      ...steps.slice(0, 1),
    ]);
  });
});

test('a quota above 8 GB is taken without a word', async () => {
  const cluster = await Cluster.start(1, ['--quota-backend-bytes', String(64 * 1_024 ** 3)]);
  try {
    const { metrics } = cluster.place('a');
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    expect(text).toContain(`\nphoton_chainfire_quota_backend_bytes ${64 * 1_024 ** 3}\n`);
    expect(cluster.logs()).not.toContain('"level":"warn"');
  } finally {
    await cluster.remove();
  }
});
