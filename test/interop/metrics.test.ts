import { afterAll, beforeAll, expect, test } from 'vitest';

import { parseAddress } from '../../adapters/config/address.ts';
import { GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { present } from '../../core/base/assert.ts';
import { PutRequest } from '../../core/chainfire/api/kv.ts';
import { seededPrng } from '../../sim/prng.ts';
import { Cluster } from './cluster.ts';
import { type EtcdServer, startEtcd } from './etcd-server.ts';
import { describeWith } from './requirement.ts';

/** Of etcd's releases after the one that is installed here, and of members that have peers. */
const elsewhere: readonly string[] = [
  'etcd_disk_wal_write_bytes_total',
  'etcd_network_peer_sent_bytes_total',
];

/** Metrics by name, with their kind and the names of their labels (those of one sample). */
function metricsOf(text: string): ReadonlyMap<string, string> {
  const kinds = new Map<string, string>();
  for (const [, name = '', kind = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) kinds.set(name, kind);
  const found = new Map<string, string>();
  for (const [name, kind] of kinds) {
    const sample = new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? `, 'm').exec(text)?.[1] ?? '';
    const labels = [...sample.matchAll(/(\w+)="/g)].map(([, label]) => label);
    found.set(name, `${kind}{${labels.sort().join(',')}}`);
  }
  return found;
}

async function putOnce(endpoint: string): Promise<void> {
  const address = present(parseAddress(endpoint), `${endpoint} is an address`);
  const client = new GrpcChainfireClient({ endpoints: [address], prng: seededPrng('metrics') });
  const outcome = await client.call({ kind: 'put', request: PutRequest.create({ key: 'k' }) }, 20_000);
  client.close();
  expect(outcome.kind).toBe('answered');
}

describeWith(['etcd'], 'metrics under names of etcd', () => {
  let cluster: Cluster;
  let reference: EtcdServer;
  beforeAll(async () => {
    [cluster, reference] = await Promise.all([Cluster.start(1), startEtcd(['--metrics', 'extensive'])]);
  });
  afterAll(async () => {
    await cluster?.remove();
    await reference?.stop();
  });

  test('exist in etcd, are of its kind and carry its labels, so that dashboards and alerts work', async () => {
    for (const endpoint of [cluster.place('a').client, reference.endpoint]) await putOnce(endpoint);
    const scrape = async (address: string) =>
      metricsOf(await (await fetch(`http://${address}/metrics`)).text());
    const ours = await scrape(cluster.place('a').metrics);
    const theirs = await scrape(reference.endpoint);
    const named = [...ours].filter(([name]) => /^(etcd|grpc)_/.test(name) && !elsewhere.includes(name));
    expect(named.length).toBeGreaterThan(25);
    const differing = named
      .map(([name, shape]) => ({ name, ours: shape, theirs: theirs.get(name) ?? 'absent' }))
      .filter((metric) => metric.ours !== metric.theirs);
    expect(differing).toEqual([]);
  });
});
