import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { bootSector } from '../../../adapters/qemu/guest/boot-sector.ts';
import { probeAccelerators } from '../../../adapters/qemu/probe.ts';
import { findInstances } from '../../../adapters/qemu/proc.ts';
import { seedImage } from '../../../adapters/qemu/seed-image.ts';
import { type HypervisorReport } from '../../../core/plasma/hypervisor.ts';
import { type DiskSpec, type InstanceId } from '../../../core/plasma/types.ts';
import { hypervisorStage, vm } from '../../contract/hypervisor-stage.ts';
import { runCommand } from '../command.ts';
import { describeWith } from '../requirement.ts';
import { QemuSubject, until } from './qemu-subject.ts';

const source = fileURLToPath(new URL('../../../adapters/qemu/guest/boot-sector.s', import.meta.url));
const mebibyte = 1_048_576;

async function run(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(program, args);
  if (code !== 0) throw new Error(`${program}: ${stderr}`);
  return stdout;
}

describe('files that are made here, as the tools of others see them', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'photon-qemu-files-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  describeWith(['as'], 'the guest', () => {
    test('is its source, assembled', async () => {
      const [object, binary] = [join(directory, 'guest.o'), join(directory, 'guest.bin')];
      await run('as', ['--32', '-o', object, source]);
      await run('ld', ['-m', 'elf_i386', '-Ttext', '0x7c00', '--oformat', 'binary', '-o', binary, object]);
      expect(Buffer.from(bootSector)).toEqual(readFileSync(binary));
      expect(bootSector).toHaveLength(512);
    });
  });

  describeWith(['isoinfo'], 'a seed for cloud-init', () => {
    const cloudInit = {
      userData: `#cloud-config\n# ${'ü'.repeat(3_000)}\n`,
      metaData: 'instance-id: one\n',
      networkConfig: 'version: 2\n',
    };

    test.each([
      ['with Joliet', ['-J']],
      ['without', []],
    ])('holds its files under their names, %s', async (_, joliet: readonly string[]) => {
      const image = join(directory, 'seed.iso');
      await writeFile(image, seedImage(cloudInit));
      expect(await run('isoinfo', ['-d', '-i', image])).toContain('Volume id: cidata');
      const names = joliet.length > 0 ? (name: string) => name : (name: string) => `${name.toUpperCase()}.;1`;
      for (const [name, content] of [
        ['user-data', cloudInit.userData],
        ['meta-data', cloudInit.metaData],
        ['network-config', cloudInit.networkConfig],
      ] as const) {
        const args = [...joliet, '-i', image, '-x', `/${names(name)}`];
        expect(Buffer.from(await run('isoinfo', args), 'latin1').toString(), name).toBe(content);
      }
    });

    test('is the same each time, and without a network configuration where none is given', () => {
      const without = { ...cloudInit, networkConfig: undefined };
      expect(seedImage(without)).toEqual(seedImage(without));
      expect(Buffer.from(seedImage(without)).includes('version: 2')).toBe(false);
    });
  });
});

describeWith(['qemu-system-x86_64', 'qemu-img', 'qemu-nbd'], 'QEMU', () => {
  let subject: QemuSubject;
  const stage = hypervisorStage(() => subject);
  const { done, refused, launched, runs, heard, found, local, shared, specOf } = stage;

  afterEach(async () => {
    await subject.close();
  });

  async function opened(given: Parameters<typeof QemuSubject.open>[0] = {}): Promise<void> {
    subject = await QemuSubject.open(given);
  }

  test('an accelerator is one that has run a guest just now', async () => {
    await opened();
    const accelerators = await probeAccelerators();
    expect(accelerators).toContain('tcg');
    expect(await probeAccelerators('qemu-that-is-not-there')).toEqual([]);
  });

  test('outlives an agent that is killed, and is found by the next one', async () => {
    await opened();
    const agent = fork(fileURLToPath(new URL('launching-agent.ts', import.meta.url)), [subject.directory], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const reports: HypervisorReport[] = [];
    agent.on('message', (report) => reports.push(report as HypervisorReport));
    const exited = new Promise((resolve) => agent.once('exit', resolve));
    await until(() => reports.some(({ kind }) => kind === 'launched'));
    agent.kill('SIGKILL');
    await exited;
    const launch = reports.find((report) => report.kind === 'launched');
    const instance = launch?.instance as InstanceId;
    expect(await found(subject.a)).toEqual([{ instance, state: 'running', incomingUri: undefined }]);
    await runs(subject.a, instance);
    subject.a.killProcess(instance);
    await heard(subject.a, 'exited', instance);
  });

  test('a guest with much memory is sent while it runs, at the second attempt if the first comes too late', async () => {
    await opened();
    const spec = { ...specOf(shared()), memoryBytes: 1_536 * mebibyte };
    const exports = { root: await subject.serveBootDisk() };
    const { instance: from } = await launched(subject.a, { spec, exports });
    await runs(subject.a, from);
    const told = (
      kind: HypervisorReport['kind'],
      node: { readonly reports: readonly HypervisorReport[] },
    ): number => node.reports.filter((report) => report.kind === kind).length;
    let to = from;
    for (let attempt = 1; told('stoppedBeforeHandOver', subject.a) === 0; attempt += 1) {
      expect(attempt).toBeLessThanOrEqual(2);
      const receiving = { spec, exports, fenceToken: 7 + attempt, incoming: true, paused: false };
      const launch = await launched(subject.b, receiving);
      to = launch.instance;
      await done(subject.a, { kind: 'migrateOut', instance: from, uri: launch.incomingUri ?? '' });
      await until(
        () => told('stoppedBeforeHandOver', subject.a) + told('migrationFailed', subject.a) >= attempt,
      );
      if (told('migrationFailed', subject.a) < attempt) continue;
      await runs(subject.a, from);
      await done(subject.b, { kind: 'kill', instance: to });
    }
    const last = subject.a.tick(from);
    await done(subject.a, { kind: 'handOver', instance: from });
    await heard(subject.b, 'arrived', to);
    await runs(subject.b, to);
    expect(subject.a.tick(from)).toBe(last);
    expect(firstTick(to)).toBe(last + 1);
  });

  function firstTick({ fenceToken }: InstanceId): number {
    const said = readFileSync(subject.b.hypervisor.console(vm, fenceToken).logPath, 'latin1');
    return Number.parseInt(/t ([0-9a-f]{8})\r\n/.exec(said)?.[1] ?? '0', 16);
  }

  test('a directory may have a longer name than a socket', async () => {
    const long = join(tmpdir(), `photon-${'long'.repeat(30)}`);
    await opened({ dataDir: long });
    try {
      const { instance } = await launched(subject.a);
      await runs(subject.a, instance);
      await done(subject.a, { kind: 'pause', instance });
    } finally {
      await subject.a.close();
      await rm(long, { recursive: true, force: true });
    }
  });

  test('a console is kept up to a bound, and the last of it is what is kept', async () => {
    await opened({ consoleBytesMax: 200, pingEveryMs: 50 });
    const { instance } = await launched(subject.a);
    const { logPath } = subject.a.hypervisor.console(instance.vm, instance.fenceToken);
    await until(() => existsSync(`${logPath}.1`));
    await runs(subject.a, instance);
    expect(statSync(logPath).size).toBeLessThan(1_000);
  });

  test('a guest that writes on its disk that it is another file is not believed', async () => {
    await opened();
    const secret = join(subject.directory, 'secret.raw');
    await writeFile(secret, Buffer.alloc(mebibyte, 'secret'));
    const planted = join(subject.directory, 'planted.qcow2');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', secret, '-F', 'raw', planted]);
    // As an image whose format was told to be raw.
    await writeFile(join(subject.directory, 'boot.raw'), readFileSync(planted));
    const data: DiskSpec = { ...local(), name: 'data' };
    const { instance } = await launched(subject.a, { spec: specOf(data) });
    const open = await run('ls', ['-l', `/proc/${instance.pid}/fd`]);
    expect(open).toContain('boot.raw');
    expect(open).not.toContain('secret.raw');
  });

  test('what cannot be run is refused, with what is allowed', async () => {
    await opened();
    const asked = { kind: 'prepare', vm, fenceToken: 1, exports: {} } as const;
    const spec = specOf(local());
    expect(await refused(subject.a, { ...asked, spec: { ...spec, cpus: 0 } })).toContain(
      '1 to 255 processors',
    );
    const small = { ...local(), sizeBytes: 512 };
    expect(await refused(subject.a, { ...asked, spec: specOf(small) })).toContain('its image');
    const evil = { ...local(), name: 'a,b' };
    expect(await refused(subject.a, { ...asked, spec: specOf(evil) })).toContain('[a-z0-9-]');
    const unknown = { ...local(), image: `sha256:${'0'.repeat(64)}` };
    expect(await refused(subject.a, { ...asked, spec: specOf(unknown) })).toContain('there is no image');
    const file = { ...asked, spec: specOf(shared()), exports: { root: 'file:///etc/passwd' } };
    expect(await refused(subject.a, file)).toContain('nbd+unix:///');
    expect(await refused(subject.a, { ...asked, vm: '../../etc', spec })).toContain('32 hex digits');
    expect((await stage.inventory(subject.a)).files).toEqual([]);
  });

  test('a launch that comes to nothing says why, and leaves no process', async () => {
    await opened();
    const spec = { ...specOf(shared()), leasePolicy: 'must-stop' as const };
    const exports = { root: `nbd+unix:///disk?socket=${join(subject.directory, 'nobody.sock')}` };
    await done(subject.a, { kind: 'prepare', vm, fenceToken: 1, spec, exports });
    const launch = {
      kind: 'launch',
      vm,
      fenceToken: 1,
      spec,
      exports,
      incoming: false,
      paused: false,
    } as const;
    expect(await refused(subject.a, launch)).toContain('nobody.sock');
    expect(findInstances(join(subject.directory, 'a', 'vms'))).toEqual([]);
    expect(subject.a.reports.filter(({ kind }) => kind === 'exited')).toEqual([]);
  });

  test('network interfaces and a seed are given to the guest', async () => {
    await opened();
    const nic = { name: 'eth0', kind: 'user', tap: undefined, mac: '52:54:00:00:00:01' } as const;
    const cloudInit = {
      userData: '#cloud-config\n',
      metaData: 'instance-id: one\n',
      networkConfig: undefined,
    };
    const { instance } = await launched(subject.a, { spec: { ...specOf(local()), nics: [nic], cloudInit } });
    await runs(subject.a, instance);
    expect(await run('ls', ['-l', `/proc/${instance.pid}/fd`])).toContain('seed.iso');
  });

  test('a disk that has grown in its description is larger at the next launch', async () => {
    await opened();
    const { instance } = await launched(subject.a);
    await done(subject.a, { kind: 'kill', instance });
    const larger = { ...local(), sizeBytes: 3 * mebibyte };
    const { instance: second } = await launched(subject.a, { spec: specOf(larger) });
    await runs(subject.a, second);
    const overlay = join(subject.directory, 'a', 'vms', `${vm}.7`, 'disk-root.qcow2');
    const info = await run('qemu-img', ['info', '-U', '-f', 'qcow2', '--output=json', overlay]);
    expect(JSON.parse(info)).toMatchObject({ 'virtual-size': 3 * mebibyte });
  });

  test('an image is not changed by what its virtual machines write', async () => {
    await opened();
    const image = join(subject.directory, 'boot.raw');
    const digest = (): string => createHash('sha256').update(readFileSync(image)).digest('hex');
    const before = digest();
    const { instance } = await launched(subject.a);
    await runs(subject.a, instance);
    await done(subject.a, { kind: 'kill', instance });
    expect(digest()).toBe(before);
  });
});
