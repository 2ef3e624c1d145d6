import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type StorageResponse } from '../../../core/plasma/storage-protocol.ts';
import { freePorts } from '../ports.ts';
import { qemuIo, QemuIoSession, qemuToolsMissing } from './qemu-tools.ts';
import { StorageProcess } from './storage-process.ts';

const missing = qemuToolsMissing();
const vm = `vm-${'c'.repeat(32)}`;
const disk = 'blue/data';
const sizeBytes = 16 * 1_048_576;

describe.skipIf(missing !== undefined)(`photon plasma storage (${missing ?? 'there'})`, () => {
  let dir = '';
  let storage: StorageProcess;
  let ports: readonly number[] = [];

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-storage-'));
    ports = await freePorts(3);
    storage = new StorageProcess(join(dir, 's1'), ports);
    await storage.start();
  });

  afterEach(async () => {
    await storage.end('SIGKILL');
    storage.client.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function activated(fenceToken: number): Promise<string> {
    const answer = await storage.request({ kind: 'openExport', disk, vm, fenceToken, activate: true });
    if (answer.kind !== 'opened') throw new Error(JSON.stringify(answer));
    return answer.uri;
  }

  test('every request goes over the wire and comes back as it was', async () => {
    const answers: StorageResponse[] = [];
    for (const request of [
      { kind: 'createDisk', disk, sizeBytes },
      { kind: 'openExport', disk, vm, fenceToken: 3, activate: true },
      { kind: 'openExport', disk, vm, fenceToken: 2, activate: false },
      { kind: 'fence', disk, vm, fenceToken: 4 },
      { kind: 'closeExport', disk, vm, fenceToken: 3 },
      { kind: 'deleteDisk', disk, vm: undefined, fenceToken: 0 },
      { kind: 'deleteDisk', disk, vm, fenceToken: 4 },
      { kind: 'createDisk', disk: '..', sizeBytes },
    ] as const) {
      answers.push(await storage.request(request));
    }
    expect(answers).toMatchObject([
      { kind: 'created' },
      { kind: 'opened', uri: `nbd://127.0.0.1:${ports[1] ?? 0}/${disk}@${vm}.3`, sizeBytes },
      { kind: 'refused', code: 'STALE_TOKEN', newest: 3 },
      { kind: 'fenced' },
      { kind: 'closed' },
      { kind: 'refused', code: 'IN_USE', newest: undefined },
      { kind: 'deleted' },
      { kind: 'refused', code: 'INVALID' },
    ]);
  });

  test('killed at any moment it comes back with the newest writer, and what was flushed', async () => {
    await storage.request({ kind: 'createDisk', disk, sizeBytes });
    const old = await activated(1);
    const sleeper = await QemuIoSession.start(old, ['-t', 'none']);
    try {
      const newest = await activated(2);
      expect((await qemuIo(newest, 'write -P 2 0 1M', 'flush')).code).toBe(0);
      await storage.end('SIGKILL');
      await storage.start();
      expect(
        await storage.request({ kind: 'openExport', disk, vm, fenceToken: 1, activate: true }),
      ).toMatchObject({ code: 'STALE_TOKEN', newest: 2 });
      expect(await sleeper.ask('write -P 1 0 4k')).toContain('failed');
      expect((await qemuIo(old, 'write -P 1 0 4k')).code).not.toBe(0);
      const { code, output } = await qemuIo(newest, 'read -P 2 0 1M', 'write -P 3 0 4k');
      expect(output).not.toContain('verification failed');
      expect(code).toBe(0);
    } finally {
      await sleeper.end();
    }
  });

  test('it tells its numbers, is ready, and stops in order', async () => {
    await storage.request({ kind: 'createDisk', disk, sizeBytes });
    const old = await activated(1);
    const writer = await QemuIoSession.start(old);
    await activated(2);
    expect(await writer.ask('write 0 4k')).toContain('failed');
    const at = `http://127.0.0.1:${ports[2] ?? 0}`;
    expect((await fetch(`${at}/ready`)).status).toBe(200);
    const metrics = await (await fetch(`${at}/metrics`)).text();
    expect(metrics).toContain('photon_plasma_storage_disks 1');
    expect(metrics).toContain('photon_plasma_storage_fenced_writes_total 1');
    expect(await storage.end('SIGTERM')).toBe(0);
    expect(storage.log).toContain('"message":"stopped"');
    await writer.end();
  });

  test('a second one on the same directory is refused, and so is a taken port', async () => {
    const second = new StorageProcess(join(dir, 's1'), await freePorts(3));
    await expect(second.start()).rejects.toThrow(/another process|in use|holds/);
    second.client.close();
    const elsewhere = new StorageProcess(join(dir, 's2'), ports);
    await expect(elsewhere.start()).rejects.toThrow('cannot listen for agents');
    elsewhere.client.close();
  });
});
