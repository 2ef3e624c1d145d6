import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientCredentials } from '../../../adapters/grpc/client.ts';
import { PlasmaStorageClient } from '../../../adapters/grpc/plasma-storage-client.ts';
import { Authority, type PemFiles } from '../../../adapters/pki/authority.ts';
import { type StorageRequest, type StorageResponse } from '../../../core/plasma/storage-protocol.ts';
import { clientRequest, nodeRequest } from '../../../nodes/pki/requests.ts';
import { freePorts } from '../ports.ts';
import { StorageProcess } from './storage-process.ts';

const days = 2;
const hosts = ['127.0.0.1', 'localhost'];
const create: StorageRequest = { kind: 'createDisk', disk: 'p/d', sizeBytes: 512 };

let dir = '';
let ours: Authority;
let storage: StorageProcess;
let port = 0;

function credentials(files: PemFiles): ClientCredentials {
  return {
    ca: readFileSync(ours.certFile),
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  };
}

async function askAs(tls: ClientCredentials | undefined): Promise<StorageResponse> {
  const client = new PlasmaStorageClient({ address: { host: '127.0.0.1', port }, tls });
  try {
    return await client.request(create, 3_000_000);
  } finally {
    client.close();
  }
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'photon-storage-tls-'));
  ours = Authority.create(join(dir, 'ours'), 'ours', days);
  const own = ours.issue('s1', nodeRequest({ system: 'plasma', node: 's1' }, hosts, days));
  const agent = ours.issue('node-1', nodeRequest({ system: 'plasma', node: 'node-1' }, hosts, days));
  const ports = await freePorts(3);
  [port = 0] = ports;
  const tls = [
    ...['--cert-file', own.certFile, '--key-file', own.keyFile],
    ...['--trusted-ca-file', ours.certFile],
  ];
  storage = new StorageProcess(join(dir, 's1'), ports, tls, credentials(agent));
  await storage.start();
});

afterAll(async () => {
  await storage.end('SIGKILL');
  storage.client.close();
  rmSync(dir, { recursive: true, force: true });
});

test('an agent with a certificate of this system is let in', async () => {
  expect(await storage.request(create)).toEqual({ kind: 'created' });
});

test('processes of other systems, and users, may not ask, whoever vouches for them', async () => {
  const member = ours.issue('a', nodeRequest({ system: 'chainfire', node: 'a' }, hosts, days));
  const user = ours.issue('alice', clientRequest('alice', days));
  for (const files of [member, user]) {
    expect(await askAs(credentials(files))).toMatchObject({
      kind: 'refused',
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('photon://plasma/<node>') as string,
    });
  }
});

test('who shows nothing, or what nobody vouches for, is not let in', async () => {
  const others = Authority.create(join(dir, 'others'), 'others', days);
  const foreign = others.issue('node-1', nodeRequest({ system: 'plasma', node: 'node-1' }, hosts, days));
  await expect(askAs(credentials(foreign))).rejects.toThrow(/UNAVAILABLE|DEADLINE_EXCEEDED/);
  await expect(askAs(undefined)).rejects.toThrow(/UNAVAILABLE|DEADLINE_EXCEEDED/);
});
