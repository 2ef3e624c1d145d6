import { credentials, loadPackageDefinition, type ServiceError, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

import { PlasmaCloud } from './plasma-cloud.ts';

/** Clients that know nothing of PlasmaVMC but what its published description says. */
const file = fileURLToPath(new URL('../../../docs/reference/photon.plasma.v1.proto', import.meta.url));
const deadlineMs = 20_000;

type Call = (
  request: object,
  options: { readonly deadline: number },
  done: (error: ServiceError | null, response: unknown) => void,
) => void;
type Service = Readonly<Record<string, Call>> & { close(): void };
type ServiceConstructor = new (
  address: string,
  security: ReturnType<typeof credentials.createInsecure>,
) => Service;

const services = (
  loadPackageDefinition(loadSync(file, { longs: Number, enums: String, defaults: true })) as unknown as {
    readonly photon: { readonly plasma: { readonly v1: Readonly<Record<string, ServiceConstructor>> } };
  }
).photon.plasma.v1;

let cloud: PlasmaCloud | undefined;
let client: Service | undefined;

afterEach(async () => {
  client?.close();
  await cloud?.end();
});

function ask(method: string, request: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client?.[method]?.call(client, request, { deadline: Date.now() + deadlineMs }, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

const spec = {
  ...{ name: 'web', project: 'default', cpus: 1, memoryBytes: 16_777_216, migratable: true },
  labels: { labels: [{ name: 'tier', value: 'front' }] },
  disks: [{ name: 'root', kind: 'KIND_LOCAL', sizeBytes: 1_048_576 }],
  nics: [{ name: 'n0', kind: 'KIND_USER', mac: '52:54:00:00:00:01' }],
  ...{ restartPolicy: 'RESTART_POLICY_ON_FAILURE', leasePolicy: 'LEASE_POLICY_KEEP_RUNNING' },
};

test('a client made of the published description creates, asks again, looks, and is refused', async () => {
  cloud = await PlasmaCloud.start({ nodes: [] });
  const VmService = services['VmService'];
  if (VmService === undefined) throw new Error('VmService is not described');
  client = new VmService(cloud.endpoint, credentials.createInsecure());

  const create = { operationId: 'create-web', project: 'default', spec, start: true };
  const created = await ask('Create', create);
  expect(created).toMatchObject({
    operationId: 'create-web',
    vm: expect.stringMatching(/^vm-[0-9a-f]{32}$/),
  });
  expect(await ask('Create', create)).toEqual(created);

  const { vms } = (await ask('Get', { project: 'default', vm: 'web' })) as {
    readonly vms: readonly unknown[];
  };
  expect(vms).toMatchObject([{ spec, state: 'VM_STATE_PENDING', wanted: 'WANTED_RUNNING', restarts: 0 }]);
  const { events } = (await ask('Events', { project: 'default', limit: 100 })) as {
    readonly events: readonly { readonly what: string }[];
  };
  expect(events.map(({ what }) => what)).toContain('vmCreate');

  const refused = (await ask('Create', { ...create, operationId: 'create-again' }).catch(
    (error: unknown) => error,
  )) as ServiceError;
  expect(refused.code).toBe(status.ALREADY_EXISTS);
  expect(refused.metadata.get('photon-refusal')).toEqual(['ALREADY_EXISTS']);
});
