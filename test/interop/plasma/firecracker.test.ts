import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { FirecrackerApi } from '../../../adapters/firecracker/api.ts';
import { FirecrackerHypervisor } from '../../../adapters/firecracker/firecracker-hypervisor.ts';
import { firecrackerProcess } from '../../../adapters/firecracker/micro-vm.ts';
import { findInstances, isAlive } from '../../../adapters/qemu/proc.ts';
import { type HypervisorReport } from '../../../core/plasma/hypervisor.ts';
import { type DiskSpec, type InstanceId, type NicSpec, type VmSpec } from '../../../core/plasma/types.ts';
import { type AskedAct } from '../../contract/hypervisor-subject.ts';
import { until } from './qemu-subject.ts';

/** Firecracker's published description of its API (its `src/firecracker/swagger/firecracker.yaml`), of version 1.17. */
const description =
  process.env['PHOTON_FIRECRACKER_API'] ??
  fileURLToPath(new URL('../../../../shared/data/firecracker-api.yaml', import.meta.url));
const skipped = existsSync(description)
  ? undefined
  : 'skipped: PHOTON_FIRECRACKER_API names no copy of the published description';
const standIn = fileURLToPath(new URL('published-api.ts', import.meta.url));
const image = `sha256:${'cd'.repeat(32)}`;
const vm = 'vm-0123456789abcdef0123456789abcdef';
const mebibyte = 1_048_576;

const root: DiskSpec = { name: 'root', kind: 'local', image, sharedDisk: undefined, sizeBytes: 2 * mebibyte };
const nic: NicSpec = { name: 'eth0', kind: 'tap', tap: 'tap7', mac: '52:54:00:00:00:07' };
const spec: VmSpec = {
  ...{ name: 'guest', project: 'project', labels: {}, cpus: 2, memoryBytes: 128 * mebibyte, nics: [nic] },
  ...{ restartPolicy: 'never', leasePolicy: 'keep-running', nodeSelector: {}, affinity: [], priority: 0 },
  disks: [root],
  cloudInit: { userData: '#cloud-config\n', metaData: 'instance-id: one\n', networkConfig: undefined },
  migratable: false,
};

describe.skipIf(skipped !== undefined)(`Firecracker's published API (${skipped ?? 'there'})`, () => {
  let directory: string;
  let hypervisor: FirecrackerHypervisor;
  let reports: HypervisorReport[];
  let actId = 0;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'photon-fc-'));
    await writeFile(join(directory, 'image.raw'), Buffer.alloc(mebibyte, 'image'));
    const script = `#!/bin/sh\nPHOTON_FIRECRACKER_API='${description}' exec '${process.execPath}' '${standIn}' "$@"\n`;
    await writeFile(join(directory, 'firecracker'), script, { mode: 0o700 });
    await started();
  });

  afterEach(async () => {
    hypervisor.close();
    const left = findInstances(join(directory, 'vms'), firecrackerProcess);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    await until(() => !left.some(isAlive));
    await rm(directory, { recursive: true, force: true });
  });

  async function started(): Promise<void> {
    hypervisor = await FirecrackerHypervisor.open({
      dataDir: directory,
      images: {
        image: () => Promise.resolve({ path: join(directory, 'image.raw'), format: 'raw' }),
        digests: () => Promise.resolve([image]),
      },
      kernelImage: '/boot/vmlinux',
      program: join(directory, 'firecracker'),
      pingEveryMs: 100,
      answerWithinMs: 1_000,
    });
    const own: HypervisorReport[] = [];
    reports = own;
    hypervisor.onReport = (report) => own.push(report);
  }

  async function answered(act: AskedAct): Promise<HypervisorReport> {
    actId += 1;
    const asked = actId;
    hypervisor.act({ ...act, actId: asked });
    const answer = (): HypervisorReport | undefined =>
      reports.find((report) => 'actId' in report && report.actId === asked);
    await until(() => answer() !== undefined);
    return answer() as HypervisorReport;
  }

  async function done(act: AskedAct): Promise<void> {
    expect(await answered(act)).toMatchObject({ kind: 'done' });
  }

  async function refused(act: AskedAct): Promise<string> {
    const report = await answered(act);
    return report.kind === 'failed' ? report.message : JSON.stringify(report);
  }

  async function launched(given = spec, paused = false): Promise<InstanceId> {
    const start = { vm, fenceToken: 3, spec: given, exports: {} };
    await done({ kind: 'prepare', ...start });
    const report = await answered({ kind: 'launch', ...start, incoming: false, paused });
    if (report.kind !== 'launched') throw new Error(JSON.stringify(report));
    return report.instance;
  }

  const below = (name: string): string => join(directory, 'vms', `${vm}.3`, name);
  const requests = async (): Promise<readonly { method: string; path: string; body: object }[]> =>
    (await readFile(below('requests.log'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { method: string; path: string; body: object });
  const ticks = (): number =>
    existsSync(below('console.log')) ? readFileSync(below('console.log'), 'latin1').split('\r\n').length : 0;

  async function runs(): Promise<void> {
    const before = ticks();
    await until(() => ticks() > before + 2);
  }

  function noViolations(): void {
    expect(existsSync(below('violations.log')) ? readFileSync(below('violations.log'), 'utf8') : '').toBe('');
  }

  test('a microVM is described, started, paused, resumed, and told to shut down', async () => {
    const instance = await launched();
    await runs();
    await done({ kind: 'pause', instance });
    await done({ kind: 'pause', instance });
    await done({ kind: 'resume', instance });
    await runs();
    const larger = { ...spec, disks: [{ ...root, sizeBytes: 3 * mebibyte }] };
    await done({ kind: 'resizeDisk', instance, spec: larger, disk: 'root', exportUri: undefined });
    await done({ kind: 'powerDown', instance });
    await until(() => reports.some(({ kind }) => kind === 'exited'));
    expect(reports.at(-1)).toEqual({ kind: 'exited', instance, cause: 'guest-shutdown' });
    expect((await requests()).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'PUT /machine-config',
      'PUT /boot-source',
      'PUT /drives/disk_root',
      'PUT /drives/seed',
      'PUT /network-interfaces/nic0',
      'PUT /actions',
      'PATCH /vm',
      'PATCH /vm',
      'PATCH /drives/disk_root',
      'PUT /actions',
    ]);
    expect((await requests())[0]?.body).toEqual({ vcpu_count: 2, mem_size_mib: 128 });
    noViolations();
  });

  test('one that is launched paused is not started before it is resumed', async () => {
    const instance = await launched(spec, true);
    expect((await requests()).at(-1)?.path).toBe('/network-interfaces/nic0');
    const larger = { ...spec, disks: [{ ...root, sizeBytes: 3 * mebibyte }] };
    const resize = {
      kind: 'resizeDisk',
      instance,
      spec: larger,
      disk: 'root',
      exportUri: undefined,
    } as const;
    expect(await refused(resize)).toContain('has not started');
    await done({ kind: 'resume', instance });
    await runs();
    noViolations();
  });

  test('it outlives its agent, is found by the next one, and is killed by it', async () => {
    const instance = await launched();
    hypervisor.close();
    await started();
    expect(await answered({ kind: 'inventory' })).toMatchObject({
      instances: [{ instance, state: 'running', incomingUri: undefined }],
      files: [{ vm, fenceToken: 3 }],
      images: [image],
    });
    await runs();
    const again = { vm, fenceToken: 4, spec, exports: {} };
    await done({ kind: 'prepare', ...again });
    expect(await refused({ kind: 'launch', ...again, incoming: false, paused: false })).toContain('is alive');
    expect(await refused({ kind: 'remove', vm, fenceToken: 3 })).toContain('is alive');
    await done({ kind: 'kill', instance });
    expect(reports.at(-2)).toEqual({ kind: 'exited', instance, cause: 'killed' });
    await done({ kind: 'remove', vm, fenceToken: 3 });
    expect(await answered({ kind: 'inventory' })).toMatchObject({
      instances: [],
      files: [{ fenceToken: 4 }],
    });
  });

  test('one that stands still is unresponsive, and one that is killed by others has died', async () => {
    const instance = await launched();
    process.kill(instance.pid, 'SIGSTOP');
    await until(() => reports.some(({ kind }) => kind === 'unresponsive'));
    process.kill(instance.pid, 'SIGKILL');
    await until(() => reports.some(({ kind }) => kind === 'exited'));
    expect(reports.at(-1)).toEqual({ kind: 'exited', instance, cause: 'process-died' });
  });

  test('what Firecracker cannot do is refused by name, and nothing is asked of it', async () => {
    const start = { vm, fenceToken: 3, exports: {} };
    const shared: DiskSpec = { ...root, kind: 'shared', image: undefined };
    const user: NicSpec = { ...nic, kind: 'user' };
    for (const [wrong, word] of [
      [{ ...spec, disks: [shared] }, 'shared disk root'],
      [{ ...spec, nics: [user] }, 'tap only'],
      [{ ...spec, cpus: 33 }, '1 to 32'],
    ] as const)
      expect(await refused({ kind: 'prepare', ...start, spec: wrong })).toContain(word);
    const instance = await launched();
    const asked = (await requests()).length;
    for (const act of [
      { kind: 'migrateOut', instance, uri: 'tcp:127.0.0.1:1' },
      { kind: 'handOver', instance },
      { kind: 'snapshot', instance, snapshot: 'one' },
      { kind: 'attachDisk', instance, spec, disk: 'root', exportUri: undefined },
    ] as const)
      expect(await refused(act)).toContain('Firecracker');
    expect(await requests()).toHaveLength(asked);
  });

  test('a request in the wrong phase is refused before it is sent; what is sent all the same is what the description refuses', async () => {
    await launched();
    const api = new FirecrackerApi(below('api.sock'), 1_000);
    const late = {
      method: 'PUT',
      path: '/machine-config',
      body: { vcpu_count: 1, mem_size_mib: 64 },
    } as const;
    await expect(api.send(late)).rejects.toThrow('has not started');
    noViolations();
    // As if the phase were not known to be over: the description's own phases stand behind it.
    const wrong = new FirecrackerApi(below('api.sock'), 1_000, false);
    await expect(wrong.send(late)).rejects.toThrow('pre-boot only');
    const unknown = { method: 'PATCH', path: '/vm', body: { state: 'Asleep' } } as unknown as typeof late;
    await expect(api.send(unknown)).rejects.toThrow('Asleep');
    api.close();
    wrong.close();
  });
});
