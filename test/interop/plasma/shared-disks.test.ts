import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defaultDiskExportsSettings } from '../../../core/plasma/storage/exports-protocol.ts';
import { type StorageRequest } from '../../../core/plasma/storage-protocol.ts';
import { LiveStorage } from '../../../nodes/plasma/storage/live-storage.ts';
import { qemuIo, QemuIoSession, qemuToolsMissing, runTool } from './qemu-tools.ts';

const missing = qemuToolsMissing();
const vm = `vm-${'a'.repeat(32)}`;
const other = `vm-${'b'.repeat(32)}`;
const disk = 'red/data';
const mib = 1_048_576;
const sizeBytes = 64 * mib;

describe.skipIf(missing !== undefined)(`QEMU's own tools as clients (${missing ?? 'there'})`, () => {
  let dir = '';
  let storage: LiveStorage;
  const sessions: QemuIoSession[] = [];

  async function openStorage(): Promise<LiveStorage> {
    const opened = await LiveStorage.open({
      logDirectory: join(dir, 'log'),
      disksDirectory: join(dir, 'disks'),
      listeners: [{ at: { path: join(dir, 'nbd.sock') } }, { at: { host: '127.0.0.1', port: 0 } }],
      uriOf: (name) => `nbd+unix:///${name}?socket=${join(dir, 'nbd.sock')}`,
      settings: defaultDiskExportsSettings,
    });
    opened.start();
    return opened;
  }

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-disks-'));
    storage = await openStorage();
    expect(await storage.request({ kind: 'createDisk', disk, sizeBytes })).toEqual({ kind: 'created' });
  });

  afterEach(async () => {
    for (const session of sessions.splice(0)) await session.end();
    await storage.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function uriOf(request: StorageRequest): Promise<string> {
    const answer = await storage.request(request);
    if (answer.kind !== 'opened') throw new Error(JSON.stringify(answer));
    expect(answer.sizeBytes).toBe(sizeBytes);
    return answer.uri;
  }

  function activated(fenceToken: number, of = vm): Promise<string> {
    return uriOf({ kind: 'openExport', disk, vm: of, fenceToken, activate: true });
  }

  function incoming(fenceToken: number): Promise<string> {
    return uriOf({ kind: 'openExport', disk, vm, fenceToken, activate: false });
  }

  async function session(uri: string, args: readonly string[] = []): Promise<QemuIoSession> {
    const started = await QemuIoSession.start(uri, args);
    sessions.push(started);
    return started;
  }

  function tcp(uri: string): string {
    const name = uri.slice('nbd+unix:///'.length, uri.indexOf('?'));
    return `nbd://127.0.0.1:${storage.nbd.tcpPort ?? 0}/${name}`;
  }

  function bytesOnDisk(): Buffer {
    return readFileSync(join(dir, 'disks', 'red+data.raw'));
  }

  test('an image goes in and comes out again, over a unix socket and over TCP', async () => {
    const uri = await activated(1);
    const source = join(dir, 'source.raw');
    const content = Buffer.alloc(sizeBytes);
    randomBytes(5 * mib + 77).copy(content, 3 * mib + 13);
    writeFileSync(source, content);
    for (const target of [uri, tcp(uri)]) {
      const put = await runTool('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', source, target]);
      expect(put).toEqual({ code: 0, output: '' });
      const copy = join(dir, 'copy.raw');
      const got = await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', target, copy]);
      expect(got).toEqual({ code: 0, output: '' });
      expect(readFileSync(copy).equals(content)).toBe(true);
    }
    expect(bytesOnDisk().equals(content)).toBe(true);
  });

  test('what an export is, is told before it is chosen', async () => {
    const uri = await activated(1);
    const info = await runTool('qemu-img', ['info', '-f', 'raw', '--output=json', uri]);
    expect(JSON.parse(info.output)).toMatchObject({ 'virtual-size': sizeBytes });
    const list = await runTool('qemu-nbd', ['--list', '-k', join(dir, 'nbd.sock')]);
    expect(list.output).toContain(`export: '${disk}@${vm}.1'`);
    expect(list.output).toContain(`size:  ${sizeBytes}`);
    for (const flag of ['flush', 'fua', 'trim', 'zeroes', 'multi']) expect(list.output).toContain(flag);
    expect(list.output).toContain('max block: 33554432');
  });

  test('reads, writes, flushes, forced writes, zeroing and trimming do what they say', async () => {
    const uri = await activated(1);
    const { code, output } = await qemuIo(
      uri,
      'write -P 0x11 0 1M',
      'write -f -P 0x22 1M 64k',
      'flush',
      'write -z 512k 256k',
      'write -z -u 2M 1M',
      'discard 3M 1M',
      'read -P 0x11 0 512k',
      'read -P 0x00 512k 256k',
      'read -P 0x11 768k 256k',
      'read -P 0x22 1M 64k',
      'read -P 0x00 2M 1M',
    );
    expect(output).not.toMatch(/fail|error|not permitted/i);
    expect(code).toBe(0);
    expect(bytesOnDisk()[mib]).toBe(0x22);
    expect(storage.port.counters).toMatchObject({ zeroings: 2, trims: 1, fenced: 0, failures: 0 });
    expect(storage.port.counters.flushes).toBeGreaterThanOrEqual(2);
  });

  test('beyond the end nothing is read or written', async () => {
    const uri = await activated(1);
    const { output } = await qemuIo(uri, `write ${sizeBytes - 512} 1024`, `read ${sizeBytes} 512`);
    expect(output.match(/failed|error|beyond/gi)?.length).toBeGreaterThanOrEqual(2);
    expect(bytesOnDisk().length).toBe(sizeBytes);
  });

  test('a name that nobody opened, a stale one and no name at all are not served', async () => {
    const uri = await activated(2);
    for (const name of [
      '',
      `${disk}@${vm}.1`,
      `${disk}@${vm}.3`,
      `${disk}@${other}.2`,
      disk,
      '../../etc/passwd',
    ]) {
      const { code, output } = await qemuIo(uri.replace(`${disk}@${vm}.2`, name), 'read 0 512');
      expect(code, name).not.toBe(0);
      expect(output).toMatch(/not (present|available)|unknown|no export/i);
    }
  });

  test('an incoming one reads, and writes only once it is activated; then the one before does not any more', async () => {
    const source = await session(await activated(1));
    const target = await session(await incoming(2));
    expect(await source.ask('write -P 1 0 4k')).toContain('wrote 4096/4096');
    expect(await target.ask('read -P 1 0 4k')).toContain('read 4096/4096');
    expect(await target.ask('write -P 2 0 4k')).toContain('Operation not permitted');
    expect(await source.ask('read -P 1 0 4k')).not.toContain('verification failed');
    await activated(2);
    expect(await target.ask('write -P 2 0 4k')).toContain('wrote 4096/4096');
    for (const command of ['write -P 3 0 4k', 'write -z 0 4k', 'discard 0 4k', 'read 0 4k']) {
      expect(await source.ask(command)).toMatch(/failed: (Cannot send after transport|Input\/output)/);
    }
    expect(await source.ask('flush')).not.toMatch(/failed/);
    expect(await target.ask('read -P 2 0 4k')).not.toContain('verification failed');
    expect(storage.port.counters.fenced).toBe(4);
  });

  test('a writer that was asleep while it was fenced writes nothing when it wakes up', async () => {
    const sleeper = await session(await activated(1));
    expect(await sleeper.ask('write -P 1 0 1M')).toContain('wrote 1048576/1048576');
    sleeper.stop();
    // What it is to do next lies before it already.
    sleeper.tell('write -P 0xbb 0 1M');
    const successor = await session(await activated(2));
    expect(await successor.ask('write -P 2 0 512k')).toContain('wrote 524288/524288');
    expect(await successor.ask('write -P 2 2M 1M')).toContain('wrote 1048576/1048576');
    sleeper.wake();
    expect(await sleeper.answer()).toMatch(/failed: (Cannot send after transport|Input\/output)/);
    expect(await sleeper.ask('write -z 2M 1M')).toMatch(
      /failed: (Cannot send after transport|Input\/output)/,
    );
    const bytes = bytesOnDisk();
    expect(bytes.subarray(0, 512 * 1_024).every((byte) => byte === 2)).toBe(true);
    expect(bytes.subarray(512 * 1_024, mib).every((byte) => byte === 1)).toBe(true);
    expect(bytes.subarray(2 * mib, 3 * mib).every((byte) => byte === 2)).toBe(true);
    expect(storage.port.counters.fenced).toBe(2);
  });

  test('one that reconnects after it was fenced finds no export of its name', async () => {
    const uri = await activated(1);
    await activated(2);
    const { code, output } = await qemuIo(uri, 'write -P 9 0 512');
    expect(code).not.toBe(0);
    expect(output).toMatch(/not (present|available)|unknown|no export/i);
  });

  test('another virtual machine takes a disk over by a token above, and sees what is on it; the former sees no more', async () => {
    const former = await session(await activated(5));
    expect(await former.ask('write -P 5 0 512')).toContain('wrote 512/512');
    expect(
      await storage.request({ kind: 'openExport', disk, vm: other, fenceToken: 5, activate: true }),
    ).toMatchObject({ code: 'STALE_TOKEN', newest: 5 });
    const next = await session(await activated(6, other));
    expect(await next.ask('read -P 5 0 512')).not.toContain('verification failed');
    expect(await next.ask('write -P 1 0 512')).toContain('wrote 512/512');
    expect(await former.ask('read 0 512')).toMatch(/failed/);
    expect(await former.ask('write -P 6 0 512')).toMatch(/failed/);
    expect(bytesOnDisk()[0]).toBe(1);
  });

  test('a closed export loses its connections, and may be opened again', async () => {
    const before = await session(await activated(5));
    await storage.request({ kind: 'closeExport', disk, vm, fenceToken: 5 });
    expect(storage.nbd.connections).toBe(0);
    expect(await before.ask('write 0 512')).toMatch(/failed/);
    const again = await session(await activated(5));
    expect(await again.ask('write -P 1 0 512')).toContain('wrote 512/512');
  });

  test('after a restart the newest goes on, and an older one is refused as before', async () => {
    const old = await activated(1);
    const newest = await activated(2);
    await qemuIo(newest, 'write -P 7 0 1M', 'flush');
    await storage.close();
    storage = await openStorage();
    // A request for the disk is answered when it is open again.
    const again = await activated(2);
    expect(again).toBe(newest);
    expect((await qemuIo(newest, 'read -P 7 0 1M', 'write -P 8 0 4k')).code).toBe(0);
    expect((await qemuIo(old, 'write -P 9 0 4k')).code).not.toBe(0);
    expect(
      await storage.request({ kind: 'openExport', disk, vm, fenceToken: 1, activate: true }),
    ).toMatchObject({ code: 'STALE_TOKEN', newest: 2 });
  });

  test('a disk that is deleted is gone, with its connections', async () => {
    const writer = await session(await activated(1));
    expect(await storage.request({ kind: 'deleteDisk', disk, vm, fenceToken: 1 })).toEqual({
      kind: 'deleted',
    });
    expect(await writer.ask('write 0 512')).toMatch(/failed/);
    expect(() => bytesOnDisk()).toThrow('ENOENT');
    expect(storage.port.names()).toEqual([]);
  });
});
