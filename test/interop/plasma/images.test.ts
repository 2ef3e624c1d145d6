import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ImageStore } from '../../../adapters/images/image-store.ts';
import { defaultImageLimits } from '../../../core/plasma/images/image-header.ts';
import { qemuToolsMissing, runTool } from './qemu-tools.ts';

const attemptsMax = 20;
const missing = qemuToolsMissing();
const mib = 1_048_576;

describe.skipIf(missing !== undefined)(`images as qemu-img makes them (${missing ?? 'there'})`, () => {
  let dir = '';
  let store: ImageStore;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-qemu-images-'));
    store = await ImageStore.open({
      directory: join(dir, 'images'),
      limits: defaultImageLimits,
      fileBytesMax: 64 * mib,
    });
    await make('-f', 'raw', path('base.raw'), '16M');
    await make('-f', 'qcow2', path('base.qcow2'), '16M');
  });

  afterAll(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  function path(name: string): string {
    return join(dir, name);
  }

  async function make(...args: readonly string[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const { code, output } = await runTool('qemu-img', ['create', '-q', ...args]);
      // For a key it measures how fast it is, which it cannot where its thread was given no tick of a busy processor.
      if (attempt < attemptsMax && output.includes('Unable to get accurate CPU usage')) continue;
      expect(code, output).toBe(0);
      return;
    }
  }

  function take(name: string, format: 'raw' | 'qcow2' = 'qcow2'): ReturnType<ImageStore['import']> {
    return store.import(createReadStream(path(name)), { format });
  }

  test.each([
    ['compat=0.10'],
    ['compat=1.1'],
    ['compat=1.1,lazy_refcounts=on'],
    ['cluster_size=512'],
    ['cluster_size=2M'],
    ['extended_l2=on'],
    ['compression_type=zstd'],
    ['refcount_bits=1'],
    ['preallocation=metadata'],
  ])('a qcow2 image with %s is taken, and still opens afterwards', async (options) => {
    await make('-f', 'qcow2', '-o', options, path('own.qcow2'), '32M');
    const written = await runTool('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 1M 3M', path('own.qcow2')]);
    expect(written.code, written.output).toBe(0);
    const stored = await take('own.qcow2');
    expect(stored).toMatchObject({ format: 'qcow2', virtualBytes: 32 * mib });
    const read = await runTool('qemu-io', [
      ...['-r', '-f', 'qcow2', '-c', 'read -P 7 1M 3M'],
      store.pathOf(stored.digest),
    ]);
    expect(read.output).not.toContain('verification failed');
    expect(read.code).toBe(0);
    const info = await runTool('qemu-img', ['info', '--output=json', store.pathOf(stored.digest)]);
    expect(JSON.parse(info.output)).toMatchObject({ format: 'qcow2', 'virtual-size': stored.virtualBytes });
  });

  test('a raw image is taken as raw', async () => {
    expect(await take('base.raw', 'raw')).toMatchObject({ format: 'raw', virtualBytes: 16 * mib });
    await expect(take('base.raw', 'qcow2')).rejects.toThrow('does not begin as a qcow2 image');
  });

  test.each<readonly [string, readonly string[]]>([
    ['names a backing file', ['-b', '{dir}/base.raw', '-F', 'raw', '{dir}/planted.qcow2']],
    ['names a backing file', ['-u', '-b', '/etc/shadow', '-F', 'raw', '{dir}/planted.qcow2', '1M']],
    ['names a backing file', ['-u', '-b', 'nbd://10.0.0.1/x', '-F', 'raw', '{dir}/planted.qcow2', '1M']],
    ['names a backing file', ['-o', 'compat=0.10', '-u', '-b', '/etc/shadow', '{dir}/planted.qcow2', '1M']],
    ['its data in another file', ['-o', 'data_file={dir}/data.raw', '{dir}/planted.qcow2', '1M']],
    [
      'its data in another file',
      ['-o', 'data_file={dir}/data.raw,data_file_raw=on', '{dir}/planted.qcow2', '1M'],
    ],
  ])('one that %s (%j) is refused before any tool opens it', async (reason, args) => {
    const placed = args.map((arg) => arg.replaceAll('{dir}', dir));
    // Older qemu-img wants the format of what it does not open.
    const { code, output } = await runTool('qemu-img', [
      ...['create', '-q', '-f', 'qcow2'],
      ...(placed.includes('-b') && !placed.includes('-F') ? ['-F', 'raw'] : []),
      ...placed,
    ]);
    expect(code, output).toBe(0);
    await expect(take('planted.qcow2')).rejects.toThrow(reason);
    await expect(take('planted.qcow2', 'raw')).rejects.toThrow('begins as qcow2');
  });

  test('what a tool would follow is planted by hand: the name of a data file, without its bit', async () => {
    const bytes = Buffer.from(readFileSync(path('base.qcow2')));
    const headerBytes = bytes.readUInt32BE(100);
    const planted = Buffer.alloc(24);
    planted.writeUInt32BE(0x4441_5441, 0);
    planted.writeUInt32BE(11, 4);
    planted.write('/etc/passwd', 8);
    bytes.copy(bytes, headerBytes + planted.length, headerBytes, headerBytes + 1_024);
    planted.copy(bytes, headerBytes);
    writeFileSync(path('planted.qcow2'), bytes);
    await expect(take('planted.qcow2')).rejects.toThrow('names a data file');
  });

  test('encrypted images, and those with snapshots of their own, are refused', async () => {
    await make(
      ...['-f', 'qcow2', '--object', 'secret,id=s,data=secret'],
      ...['-o', 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10'],
      ...[path('locked.qcow2'), '1M'],
    );
    await expect(take('locked.qcow2')).rejects.toThrow('it is encrypted');
    const snapshot = await runTool('qemu-img', ['snapshot', '-c', 'one', path('base.qcow2')]);
    expect(snapshot.code, snapshot.output).toBe(0);
    await expect(take('base.qcow2')).rejects.toThrow('1 snapshots of its own');
  });

  test.each(['vmdk', 'vhdx', 'vdi', 'vpc', 'qed', 'parallels'])(
    'a %s image is refused, whatever it is called',
    async (format) => {
      await make('-f', format, path(`other.${format}`), '1M');
      await expect(take(`other.${format}`)).rejects.toThrow('does not begin as a qcow2');
      await expect(take(`other.${format}`, 'raw')).rejects.toThrow('it is said to be raw, and begins as');
    },
  );
});
