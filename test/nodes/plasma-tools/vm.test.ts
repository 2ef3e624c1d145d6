import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { duplex } from '../../../adapters/grpc/service.ts';
import { StatusError } from '../../../adapters/grpc/status.ts';
import { type PlasmaEvent, type PlasmaRequest, type PlasmaResponse } from '../../../core/plasma/api.ts';
import { consolePath, ConsoleRequest, ConsoleResponse } from '../../../core/plasma/wire/console.ts';
import { exitCodes } from '../../../nodes/exit.ts';
import { vmCommand } from '../../../nodes/plasma-tools/vm.ts';
import { photonFile } from '../../interop/cluster.ts';
import { LiveCommand, runCommand } from '../../interop/command.ts';
import { ScriptedServer } from './scripted-server.ts';

const digest = `sha256:${'ab'.repeat(32)}`;
const id = `vm-${'0'.repeat(32)}`;

let dir = '';
let server: ScriptedServer;
let out: string;
let events: PlasmaEvent[];
/** What the console's user has typed. */
let typed: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'photon-vm-'));
  out = '';
  typed = '';
  events = [];
  server = await ScriptedServer.listen(answer, [
    duplex(consolePath, ConsoleRequest, ConsoleResponse, async function* (requests) {
      for await (const { vm, input } of requests) {
        if (vm === 'full') throw new StatusError('UNAVAILABLE', 'so many look at it already');
        if (vm !== '') yield { output: Buffer.from(`this is ${vm}\n`) };
        typed += Buffer.from(input).toString();
        if (typed.includes('echo')) yield { output: Buffer.from(`heard ${typed}`) };
        if (typed.includes('end')) return;
      }
    }),
  ]);
  vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    out += String(piece);
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

function answer(request: PlasmaRequest): PlasmaResponse {
  switch (request.kind) {
    case 'imageList': {
      const about = { format: 'qcow2', fileBytes: 10, virtualBytes: 4_096, usedBy: 0 } as const;
      return { kind: 'images', images: [{ name: 'debian', digest, ...about }] };
    }
    case 'sharedDiskList':
      return {
        kind: 'sharedDisks',
        disks: [{ name: 'root', sizeBytes: 8_192, usedBy: undefined, state: 'there' }],
      };
    case 'vmGet':
      return { kind: 'vms', revision: 1, vms: [] };
    case 'events': {
      const { fromRevision, limit } = request;
      return {
        kind: 'events',
        events: events.filter(({ revision }) => revision > fromRevision).slice(0, limit),
      };
    }
    default:
      if (!('operationId' in request)) throw new Error(`nobody expects ${request.kind}`);
      return { kind: 'committed', operationId: request.operationId, revision: 7, vm: id };
  }
}

async function photonVm(...args: readonly string[]): Promise<void> {
  const to = ['--endpoints', server.address, '--project', 'blue'];
  await vmCommand().parseAsync([...args, ...to], { from: 'user' });
}

function createdSpec(): unknown {
  const asked = server.asked.find((request) => request.kind === 'vmCreate');
  return asked?.spec;
}

test('a virtual machine with a local disk keeps running where it is', async () => {
  await photonVm('create', 'web', '--image', 'debian', '--memory', '1GiB', '--label', 'tier=front');
  expect(createdSpec()).toMatchObject({
    ...{ name: 'web', project: 'blue', labels: { tier: 'front' }, cpus: 1, memoryBytes: 1_073_741_824 },
    disks: [{ name: 'root', kind: 'local', image: digest, sizeBytes: 4_096 }],
    ...{ leasePolicy: 'keep-running', migratable: false, restartPolicy: 'on-failure', nics: [] },
  });
  expect(out).toBe(`${id}\n`);
});

test('one on a shared disk stops with its node’s lease, and may move', async () => {
  await photonVm('create', 'db', '--shared-disk', 'root', '--on', 'zone=a', '--restart', 'always');
  expect(createdSpec()).toMatchObject({
    disks: [{ name: 'root', kind: 'shared', sharedDisk: 'root', sizeBytes: 8_192 }],
    ...{ leasePolicy: 'must-stop', migratable: true, restartPolicy: 'always', nodeSelector: { zone: 'a' } },
  });
});

test('cloud-init and network interfaces are as they were said', async () => {
  writeFileSync(join(dir, 'user-data'), '#cloud-config\n');
  const nics = ['--nics', '1', '--tap', 'tap7'];
  await photonVm('create', 'web', ...nics, '--user-data', join(dir, 'user-data'), '--no-start');
  const [first, second] = [expect.stringMatching(/^52:54:00(:[0-9a-f]{2}){3}$/) as string, 'tap7'];
  expect(createdSpec()).toMatchObject({
    disks: [],
    cloudInit: { userData: '#cloud-config\n', metaData: 'instance-id: web\n' },
    nics: [
      { name: 'net0', kind: 'user', mac: first },
      { name: 'net1', kind: 'tap', tap: second },
    ],
  });
  expect(server.asked.at(-1)).toMatchObject({ kind: 'vmCreate', start: false });
});

test.each([
  [['create', 'web', '--image', 'nothing'], 'there is no image nothing in blue', exitCodes.failed],
  [['create', 'web', '--shared-disk', 'nothing'], 'there is no shared disk nothing', exitCodes.failed],
  [
    ['create', 'web', '--shared-disk', 'root', '--disk-size', '1G'],
    'a shared disk has its own size',
    exitCodes.refused,
  ],
  [['create', 'web', '--user-data', '/nowhere/at/all'], 'cannot read /nowhere/at/all', exitCodes.refused],
])('photon vm %j changes nothing, and says why', async (args, message, exitCode) => {
  await expect(photonVm(...args)).rejects.toMatchObject({
    message: expect.stringContaining(message) as string,
    exitCode,
  });
  expect(createdSpec()).toBe(undefined);
});

test('events are read page after page, none twice', async () => {
  events = Array.from({ length: 250 }, (_, at) => ({
    ...{ revision: at + 1, atMs: 0, by: 'photon://user/alice', what: 'vmCreate', project: 'blue' },
    ...{ vm: undefined, node: at === 0 ? 'n1' : undefined, message: at === 0 ? '' : `number ${at}` },
  }));
  await photonVm('events', '--from', '0');
  const lines = out.trimEnd().split('\n');
  expect(lines).toHaveLength(250);
  expect(lines[0]).toBe('1 1970-01-01T00:00:00.000Z vmCreate n1 by photon://user/alice');
  expect(lines[1]).toBe('2 1970-01-01T00:00:00.000Z vmCreate by photon://user/alice: number 1');
  const pages = server.asked.map((request) => (request.kind === 'events' ? request.fromRevision : -1));
  expect(pages).toEqual([0, 100, 200, 250]);
});

test('a console shows what is said, and says what is typed', async () => {
  const args = [photonFile, 'vm', 'console', 'web', '--endpoints', server.address];
  const console = new LiveCommand(process.execPath, args, {});
  await console.until((stdout) => stdout.includes('this is web\n'));
  console.write('echo');
  await console.until((stdout) => stdout.includes('heard echo'));
  console.write(' end');
  expect(await console.end()).toMatchObject({ code: 0, stderr: '' });
});

test('a console that is not to be had ends the command with the reason', async () => {
  const args = [photonFile, 'vm', 'console', 'full', '--endpoints', server.address];
  const { code, stderr } = await runCommand(process.execPath, args);
  expect({ code, stderr }).toEqual({
    code: exitCodes.failed,
    stderr: 'photon vm console: UNAVAILABLE: so many look at it already\n',
  });
});
