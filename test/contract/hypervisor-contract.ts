import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { actsWaitingMax, type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { type DiskSpec } from '../../core/plasma/types.ts';
import { hypervisorMigrationContract } from './hypervisor-migration-contract.ts';
import { hypervisorStage, other, quick, token, vm } from './hypervisor-stage.ts';
import { type HypervisorNode, type HypervisorSubject } from './hypervisor-subject.ts';

/** The contract of the hypervisor port, run on real hypervisors and on the simulated one. */
export function hypervisorContract(open: () => Promise<HypervisorSubject>): void {
  let subject: HypervisorSubject;
  let a: HypervisorNode;

  beforeEach(async () => {
    subject = await open();
    ({ a } = subject);
  });
  afterEach(async () => {
    await subject.close();
  });

  const stage = hypervisorStage(() => subject);
  const { done, refused, launched, runs, stands, about, heard, inventory, found } = stage;
  const { local, shared, specOf, start } = stage;

  describe('a life', () => {
    test(
      'what was not prepared is not launched; what was runs until it is killed, and is then surely gone',
      async () => {
        await refused(a, { kind: 'launch', ...start() });
        expect(await found(a)).toEqual([]);
        const { instance } = await launched(a);
        await runs(a, instance);
        expect(await found(a)).toEqual([{ instance, state: 'running', incomingUri: undefined }]);
        await done(a, { kind: 'kill', instance });
        expect(about(a, instance)).toEqual([{ kind: 'exited', instance, cause: 'killed' }]);
        expect(a.reports.at(-1)).toMatchObject({ kind: 'done' });
        await stands(a, instance);
        expect(await found(a)).toEqual([]);
        await done(a, { kind: 'kill', instance });
        expect(about(a, instance)).toHaveLength(1);
      },
      quick,
    );

    test(
      'one virtual machine has one process on a node, whatever its token',
      async () => {
        const { instance } = await launched(a);
        await refused(a, { kind: 'launch', ...start() });
        const newer = start({ fenceToken: token + 1 });
        await done(a, { ...newer, kind: 'prepare' });
        expect(await refused(a, { kind: 'launch', ...newer })).toContain(String(instance.pid));
        expect(await found(a)).toHaveLength(1);
        await runs(a, instance);
        const { instance: second } = await launched(a, { vm: other });
        await runs(a, second);
      },
      quick,
    );

    test(
      'one that is launched paused stands until it is resumed, and again when it is paused',
      async () => {
        const { instance } = await launched(a, { paused: true });
        await stands(a, instance);
        expect(await found(a)).toEqual([{ instance, state: 'paused', incomingUri: undefined }]);
        await done(a, { kind: 'resume', instance });
        await runs(a, instance);
        await done(a, { kind: 'resume', instance });
        await done(a, { kind: 'pause', instance });
        await done(a, { kind: 'pause', instance });
        await stands(a, instance);
      },
      quick,
    );

    test(
      'acts on one virtual machine go one after the other, a bounded number of them',
      async () => {
        const { instance } = await launched(a);
        const asked = Array.from({ length: actsWaitingMax + 10 }, (_, at) =>
          a.act({ kind: at % 2 === 0 ? 'pause' : 'resume', instance }),
        );
        const answers = (): readonly HypervisorReport[] =>
          a.reports.filter((report) => 'actId' in report && asked.includes(report.actId));
        await subject.until(() => answers().length === asked.length);
        const ids = (kind: string): readonly number[] =>
          answers().flatMap((report) => (report.kind === kind && 'actId' in report ? [report.actId] : []));
        expect(ids('failed').length).toBeGreaterThan(0);
        expect(ids('failed').length).toBeLessThanOrEqual(10);
        expect(ids('done')).toEqual(ids('done').toSorted((left, right) => left - right));
      },
      quick,
    );

    test(
      'files stay until they are removed, which they are not under a process',
      async () => {
        const { instance } = await launched(a);
        expect((await inventory(a)).files).toEqual([{ vm, fenceToken: token }]);
        expect((await inventory(a)).images).toEqual([subject.bootImage]);
        await refused(a, { kind: 'remove', vm, fenceToken: token });
        await done(a, { kind: 'remove', vm, fenceToken: token - 1 });
        await runs(a, instance);
        await done(a, { kind: 'kill', instance });
        expect((await inventory(a)).files).toEqual([{ vm, fenceToken: token }]);
        await done(a, { kind: 'remove', vm, fenceToken: token });
        expect((await inventory(a)).files).toEqual([]);
        await refused(a, { kind: 'launch', ...start() });
      },
      quick,
    );
  });

  describe('ends', () => {
    test(
      'a guest that shuts down',
      async () => {
        const { instance } = await launched(a);
        await runs(a, instance);
        await a.guest(instance, 'shutdown');
        await heard(a, 'exited', instance);
        expect(about(a, instance)).toEqual([{ kind: 'exited', instance, cause: 'guest-shutdown' }]);
        expect(await found(a)).toEqual([]);
        await refused(a, { kind: 'resume', instance });
      },
      quick,
    );

    test(
      'a guest that is asked to shut down',
      async () => {
        const { instance } = await launched(a);
        await runs(a, instance);
        await done(a, { kind: 'powerDown', instance });
        await heard(a, 'exited', instance);
        expect(about(a, instance)).toEqual([{ kind: 'exited', instance, cause: 'guest-shutdown' }]);
      },
      quick,
    );

    test(
      'a guest that shuts down while no agent is there to see it: its end is told to the next one',
      async () => {
        const { instance } = await launched(a);
        await runs(a, instance);
        a.endAgent();
        await a.guest(instance, 'shutdown');
        await stands(a, instance);
        await a.restartAgent();
        await inventory(a);
        await heard(a, 'exited', instance);
        expect(about(a, instance)).toEqual([{ kind: 'exited', instance, cause: 'guest-shutdown' }]);
        expect(await found(a)).toEqual([]);
      },
      quick,
    );

    test(
      'a process that something else kills',
      async () => {
        const { instance } = await launched(a);
        a.killProcess(instance);
        await heard(a, 'exited', instance);
        expect(about(a, instance)).toEqual([{ kind: 'exited', instance, cause: 'process-died' }]);
        const { instance: second } = await launched(a);
        expect(second).not.toEqual(instance);
        await runs(a, second);
      },
      quick,
    );

    test(
      'a guest that panics stands until it is killed',
      async () => {
        const { instance } = await launched(a);
        await runs(a, instance);
        await a.guest(instance, 'panic');
        await heard(a, 'guestPanicked', instance);
        await stands(a, instance);
        await refused(a, { kind: 'resume', instance });
        await done(a, { kind: 'kill', instance });
        expect(about(a, instance)).toEqual([
          { kind: 'guestPanicked', instance },
          { kind: 'exited', instance, cause: 'guest-panic' },
        ]);
      },
      quick,
    );

    test(
      'a guest that resets goes on in the same process',
      async () => {
        const { instance } = await launched(a);
        await runs(a, instance);
        await a.guest(instance, 'reset');
        await runs(a, instance);
        expect(about(a, instance)).toEqual([]);
        expect(await found(a)).toEqual([{ instance, state: 'running', incomingUri: undefined }]);
      },
      quick,
    );

    test(
      'a process that stands still is unresponsive; what it was told it does when it wakes, and it can be killed',
      async () => {
        const { instance } = await launched(a);
        a.freeze(instance);
        const pause = a.act({ kind: 'pause', instance });
        await heard(a, 'unresponsive', instance);
        expect(await found(a)).toEqual([{ instance, state: 'unresponsive', incomingUri: undefined }]);
        expect(a.reports.some((report) => 'actId' in report && report.actId === pause)).toBe(false);
        a.thaw(instance);
        await subject.until(() => a.reports.some((report) => 'actId' in report && report.actId === pause));
        await stands(a, instance);
        expect(about(a, instance)).toEqual([{ kind: 'unresponsive', instance }]);
        a.freeze(instance);
        const waiting = a.act({ kind: 'resume', instance });
        await done(a, { kind: 'kill', instance });
        expect(a.reports.find((report) => 'actId' in report && report.actId === waiting)).toMatchObject({
          kind: 'failed',
        });
        await stands(a, instance);
      },
      quick,
    );
  });

  describe('an agent that ends and starts again', () => {
    test(
      'finds what runs, as it is, and goes on with it',
      async () => {
        const { instance } = await launched(a);
        const { instance: paused } = await launched(a, { vm: other, paused: true });
        a.endAgent();
        await runs(a, instance);
        await a.restartAgent();
        const instances = await found(a);
        expect(instances).toHaveLength(2);
        expect(instances).toContainEqual({ instance, state: 'running', incomingUri: undefined });
        expect(instances).toContainEqual({ instance: paused, state: 'paused', incomingUri: undefined });
        await refused(a, { kind: 'launch', ...start() });
        await done(a, { kind: 'resume', instance: paused });
        await runs(a, paused);
        a.killProcess(paused);
        await heard(a, 'exited', paused);
        await done(a, { kind: 'kill', instance });
        expect(about(a, instance)).toEqual([{ kind: 'exited', instance, cause: 'killed' }]);
      },
      quick,
    );

    test(
      'what ended meanwhile is not there, and another process with its pid would be no reason to think so',
      async () => {
        const { instance } = await launched(a);
        a.endAgent();
        a.killProcess(instance);
        await a.restartAgent();
        await subject.until(() => true);
        expect(await found(a)).toEqual([]);
        const { instance: second } = await launched(a);
        await done(a, { kind: 'kill', instance });
        await done(a, { kind: 'kill', instance: { ...second, startTicks: second.startTicks - 1 } });
        await runs(a, second);
      },
      quick,
    );
  });

  describe('disks', () => {
    test(
      'memory and local disks go back to a snapshot',
      async () => {
        const { instance } = await launched(a);
        await runs(a, instance);
        await done(a, { kind: 'snapshot', instance, snapshot: 'one' });
        await refused(a, { kind: 'snapshot', instance, snapshot: 'one' });
        await runs(a, instance);
        await done(a, { kind: 'pause', instance });
        const later = a.tick(instance);
        await done(a, { kind: 'restore', instance, snapshot: 'one' });
        await done(a, { kind: 'resume', instance });
        await subject.until(() => a.tick(instance) < later);
        await runs(a, instance);
        await done(a, { kind: 'deleteSnapshot', instance, snapshot: 'one' });
        await refused(a, { kind: 'restore', instance, snapshot: 'one' });
        await runs(a, instance);
      },
      quick,
    );

    test(
      'a disk is added and another made larger while the guest runs',
      async () => {
        const { instance } = await launched(a);
        const data: DiskSpec = { ...local(), name: 'data', image: undefined };
        const remote: DiskSpec = { ...shared(), name: 'remote' };
        const spec = specOf(local(), data, remote);
        await done(a, { kind: 'attachDisk', instance, spec, disk: 'data', exportUri: undefined });
        await done(a, { kind: 'attachDisk', instance, spec, disk: 'data', exportUri: undefined });
        await refused(a, { kind: 'attachDisk', instance, spec, disk: 'none', exportUri: undefined });
        await refused(a, { kind: 'attachDisk', instance, spec, disk: 'remote', exportUri: undefined });
        const exportUri = await subject.serveDisk();
        await done(a, { kind: 'attachDisk', instance, spec, disk: 'remote', exportUri });
        const larger = specOf(local(), { ...data, sizeBytes: 2 * data.sizeBytes }, remote);
        await done(a, { kind: 'resizeDisk', instance, spec: larger, disk: 'data', exportUri: undefined });
        await refused(a, { kind: 'resizeDisk', instance, spec: larger, disk: 'remote', exportUri });
        await runs(a, instance);
      },
      quick,
    );

    test(
      'what has shared disks is prepared only where they are served, and has no snapshots',
      async () => {
        const spec = specOf(shared());
        await refused(a, { kind: 'prepare', vm, fenceToken: token, spec, exports: {} });
        const exports = { root: await subject.serveBootDisk() };
        const { instance } = await launched(a, { spec, exports });
        await runs(a, instance);
        await refused(a, { kind: 'snapshot', instance, snapshot: 'one' });
      },
      quick,
    );
  });

  hypervisorMigrationContract(() => subject);
}
