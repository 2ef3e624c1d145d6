import { afterEach, expect, test } from 'vitest';

import { ChainfireMetrics } from '../../../adapters/metrics/chainfire-metrics.ts';
import { MetricsServer } from '../../../adapters/metrics/http-server.ts';
import { type MemberObservation } from '../../../adapters/metrics/observation.ts';

const observation: MemberObservation = {
  memberId: '26',
  hasLeader: true,
  isLeader: false,
  isLearner: false,
  repairing: false,
  term: 3,
  commitIndex: 40,
  appliedIndex: 39,
  syncedIndex: 41,
  storedIndex: 30,
  firstIndex: 10,
  lastIndex: 42,
  revision: 17,
  compactRevision: 5,
  pendingRequests: 2,
  storedBytes: 1_000,
  liveBytes: 600,
  quotaBackendBytes: 8_000,
  alarms: [{ memberId: 7n, alarm: 1 }],
  leaseCount: 3,
  watches: { streams: 4, watches: 9, behind: 2, eventsSent: 70, undrainedBytes: 800 },
  applied: {
    puts: 11,
    deletes: 12,
    txns: 13,
    leasesGranted: 14,
    leasesRenewed: 15,
    leasesRevoked: 16,
    leasesExpired: 18,
  },
  clients: { receivedBytes: 2_000, sentBytes: 3_000 },
  runner: {
    events: 50,
    requestsOverloaded: 0,
    receivedDropped: 0,
    appendedBytes: 4_096,
    snapshotsSent: 3,
    snapshotsFailed: 1,
  },
  namespaces: [
    {
      name: 'team-a',
      prefix: 'a/',
      limits: { bytes: 1_000, keys: 0, leases: 6, watches: 0 },
      usage: { bytes: 900, keys: 8, leases: 5, watches: 4 },
      counting: false,
      refusals: 3,
    },
  ],
  peers: [{ peer: 'b', connected: true, sentMessages: 7, sentBytes: 700, droppedMessages: 1 }],
};

const servers: MetricsServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

function lines(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );
}

test('our names and etcd’s carry the same values where the meaning is the same', async () => {
  const metrics = new ChainfireMetrics({
    version: '1.2.3',
    observe: () => observation,
    processMetrics: false,
  });
  metrics.leaderChanged();
  metrics.syncEnded(0.0007);
  metrics.callStarted('/etcdserverpb.KV/Put', 'unary');
  metrics.callStarted('/etcdserverpb.Watch/Watch', 'push');
  metrics.callCompleted('/etcdserverpb.KV/Put', 'OK', 12);
  // Scraped twice: what is read anew must not add up.
  await metrics.scrape();
  const found = lines((await metrics.scrape()).body);
  const pairs: readonly (readonly [string, string, string])[] = [
    ['photon_chainfire_has_leader', 'etcd_server_has_leader', '1'],
    ['photon_chainfire_is_leader', 'etcd_server_is_leader', '0'],
    ['photon_chainfire_leader_changes_total', 'etcd_server_leader_changes_seen_total', '1'],
    ['photon_chainfire_raft_committed_index', 'etcd_server_proposals_committed_total', '40'],
    ['photon_chainfire_raft_applied_index', 'etcd_server_proposals_applied_total', '39'],
    ['photon_chainfire_pending_requests', 'etcd_server_proposals_pending', '2'],
    ['photon_chainfire_log_sync_duration_seconds_count', 'etcd_disk_wal_fsync_duration_seconds_count', '1'],
    ['photon_chainfire_watches', 'etcd_debugging_mvcc_watcher_total', '9'],
    ['photon_chainfire_watch_events_total', 'etcd_debugging_mvcc_events_total', '70'],
    ['photon_chainfire_puts_total', 'etcd_mvcc_put_total', '11'],
    ['photon_chainfire_leases_granted_total', 'etcd_debugging_lease_granted_total', '14'],
    ['photon_chainfire_leases_expired_total', 'etcd_debugging_server_lease_expired_total', '18'],
    ['photon_chainfire_client_sent_bytes_total', 'etcd_network_client_grpc_sent_bytes_total', '3000'],
    ['photon_chainfire_log_appended_bytes_total', 'etcd_disk_wal_write_bytes_total', '4096'],
    ['photon_chainfire_peer_sent_bytes_total{peer="b"}', 'etcd_network_peer_sent_bytes_total{To="b"}', '700'],
  ];
  for (const [ours, theirs, value] of pairs)
    expect([ours, found.get(ours), found.get(theirs)]).toEqual([ours, value, value]);
  expect(found.get('photon_chainfire_snapshots_sent_total')).toBe('3');
  expect(found.get('etcd_mvcc_db_total_size_in_bytes')).toBe('1000');
  expect(found.get('photon_chainfire_build_info{version="1.2.3"}')).toBe('1');
  expect(found.get('photon_chainfire_log_sync_duration_seconds_bucket{le="0.001"}')).toBe('1');
  expect(found.get('photon_chainfire_log_sync_duration_seconds_bucket{le="0.0005"}')).toBe('0');
  expect(
    found.get(
      'grpc_server_handled_total{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="OK"}',
    ),
  ).toBe('1');
  expect(
    found.get(
      'grpc_server_started_total{grpc_type="bidi_stream",grpc_service="etcdserverpb.Watch",grpc_method="Watch"}',
    ),
  ).toBe('1');
  expect(found.get('etcd_server_id{server_id="1a"}')).toBe('1');
  const ofNamespace = (name: string) => found.get(`photon_chainfire_namespace_${name}{namespace="team-a"}`);
  expect(['used_bytes', 'limit_bytes', 'used_leases', 'refusals_total'].map(ofNamespace)).toEqual([
    '900',
    '1000',
    '5',
    '3',
  ]);
  expect([ofNamespace('used_keys'), ofNamespace('limit_keys')]).toEqual(['8', undefined]);
});

test('before the member has started a scrape still answers', async () => {
  const metrics = new ChainfireMetrics({ version: '1', observe: () => undefined, processMetrics: true });
  expect((await metrics.scrape()).body).toContain('process_resident_memory_bytes');
});

test('health and readiness are 200 or 503 with a reason', async () => {
  let reason: string | undefined = 'no leader';
  const server = await MetricsServer.listen(
    { host: '127.0.0.1', port: 0 },
    { scrape: () => Promise.reject(new Error('broken')), unhealthy: () => reason, unready: () => reason },
  );
  servers.push(server);
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.address.port}${path}`);
    return [response.status, await response.text()];
  };
  expect(await get('/health')).toEqual([503, '{"health":"false","reason":"no leader"}\n']);
  reason = undefined;
  expect(await get('/health')).toEqual([200, '{"health":"true"}\n']);
  expect(await get('/ready?x=1')).toEqual([200, '{"ready":"true"}\n']);
  expect(await get('/metrics')).toEqual([500, 'cannot answer: broken\n']);
  await expect(
    MetricsServer.listen(server.address, {
      scrape: () => Promise.reject(new Error()),
      unhealthy: () => undefined,
      unready: () => undefined,
    }),
  ).rejects.toThrow(`cannot listen for metrics on 127.0.0.1:${server.address.port}`);
});
