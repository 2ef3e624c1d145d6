import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { type InstanceId } from '../../../core/plasma/types.ts';
import { hypervisorStage, vm } from '../../contract/hypervisor-stage.ts';
import { freePorts } from '../ports.ts';
import { describeWith } from '../requirement.ts';
import { qemuIo } from './qemu-tools.ts';
import { bootDisk, type QemuNode, QemuSubject, until } from './qemu-subject.ts';
import { StorageProcess } from './storage-process.ts';

const disk = 'blue/root';
const sizeBytes = 1_048_576;

/**
 * Guests that count on a disk which `photon plasma storage` serves. Two that run at once count the same; one that was fenced
 * counts for itself (`e` and the count: the disk has not taken it).
 */
describeWith(['qemu-system-x86_64', 'qemu-img'], 'a guest on a disk that a storage node serves', () => {
  let subject: QemuSubject;
  let storage: StorageProcess;
  const { done, launched, runs, heard, shared, specOf } = hypervisorStage(() => subject);

  beforeEach(async () => {
    subject = await QemuSubject.open();
    storage = new StorageProcess(join(subject.directory, 'storage'), await freePorts(3));
    await storage.start();
    expect(await storage.request({ kind: 'createDisk', disk, sizeBytes })).toMatchObject({ kind: 'created' });
    const content = join(subject.directory, 'content.raw');
    await writeFile(content, bootDisk());
    expect((await qemuIo(await opened(1, true), `write -s ${content} 0 1M`, 'flush')).code).toBe(0);
  });

  afterEach(async () => {
    await subject.close();
    await storage.end('SIGKILL');
    storage.client.close();
  });

  async function opened(fenceToken: number, activate: boolean): Promise<string> {
    const answer = await storage.request({ kind: 'openExport', disk, vm, fenceToken, activate });
    if (answer.kind !== 'opened') throw new Error(JSON.stringify(answer));
    return answer.uri;
  }

  async function launchedOn(
    node: QemuNode,
    fenceToken: number,
    how: { readonly activate: boolean; readonly incoming?: boolean; readonly paused?: boolean },
  ): Promise<{ readonly instance: InstanceId; readonly incomingUri: string | undefined }> {
    const exports = { root: await opened(fenceToken, how.activate) };
    const { incoming = false, paused = false } = how;
    return launched(node, { spec: specOf(shared()), exports, fenceToken, incoming, paused });
  }

  const said = (node: QemuNode, { fenceToken }: InstanceId): string =>
    readFileSync(node.hypervisor.console(vm, fenceToken).logPath, 'latin1');
  const ticks = (text: string): readonly number[] =>
    [...text.matchAll(/t ([0-9a-f]{8})\r\n/g)].map(([, digits]) => Number.parseInt(digits ?? '', 16));

  test('that slept through its successor’s start writes nothing when it wakes', async () => {
    const { a, b } = subject;
    const { instance: sleeper } = await launchedOn(a, 2, { activate: true });
    await runs(a, sleeper);
    a.freeze(sleeper);
    const before = said(a, sleeper);
    const { instance: successor } = await launchedOn(b, 3, { activate: true });
    await runs(b, successor);
    a.thaw(sleeper);
    await until(() => /e [0-9a-f]{8}\r\n/.test(said(a, sleeper)));
    await runs(b, successor);
    // What it says as taken was on its way before it fell asleep.
    expect(ticks(said(a, sleeper)).length - ticks(before).length).toBeLessThanOrEqual(1);
    expect(said(b, successor)).not.toContain('e ');
    const counted = ticks(said(b, successor));
    expect(counted).toEqual(counted.map((_, at) => (counted[0] ?? 0) + at));
    expect(counted[0]).toBeGreaterThanOrEqual((ticks(before).at(-1) ?? 0) + 1);
  });

  test('moves to another node while it runs, and writes there under the new token', async () => {
    const { a, b } = subject;
    const { instance: source } = await launchedOn(a, 2, { activate: true });
    await runs(a, source);
    const { instance: target, incomingUri } = await launchedOn(b, 3, {
      activate: false,
      incoming: true,
      paused: true,
    });
    await runs(a, source);
    await done(a, { kind: 'migrateOut', instance: source, uri: incomingUri ?? '' });
    await heard(a, 'stoppedBeforeHandOver', source);
    await opened(3, true);
    await done(a, { kind: 'handOver', instance: source });
    await heard(b, 'arrived', target);
    await done(b, { kind: 'resume', instance: target });
    await runs(b, target);
    const [from, to] = [ticks(said(a, source)), ticks(said(b, target))];
    expect(to[0]).toBe((from.at(-1) ?? 0) + 1);
    expect(said(a, source) + said(b, target)).not.toContain('e ');
  });

  test('goes on when the storage node was away', async () => {
    const { a } = subject;
    const { instance } = await launchedOn(a, 2, { activate: true });
    await runs(a, instance);
    await storage.end('SIGKILL');
    await storage.start();
    await opened(2, true);
    await runs(a, instance);
    expect(said(a, instance)).not.toContain('e ');
  });
});
