import { beforeEach, describe, expect, test } from 'vitest';

import { assert } from '../../core/base/assert.ts';
import { type InstanceId } from '../../core/plasma/types.ts';
import { hypervisorStage, other, quick, token } from './hypervisor-stage.ts';
import { type HypervisorNode, type HypervisorSubject } from './hypervisor-subject.ts';

/** The part of the contract that is about two nodes. */
export function hypervisorMigrationContract(subjectOf: () => HypervisorSubject): void {
  let a: HypervisorNode;
  let b: HypervisorNode;
  const { done, refused, launched, runs, stands, about, heard, found, shared, specOf } =
    hypervisorStage(subjectOf);

  beforeEach(() => {
    ({ a, b } = subjectOf());
  });

  describe('a migration', () => {
    interface Pair {
      readonly source: InstanceId;
      readonly target: InstanceId;
      readonly uri: string;
    }

    async function pair(paused = true): Promise<Pair> {
      const spec = specOf(shared());
      const exports = { root: await subjectOf().serveBootDisk() };
      const { instance: source } = await launched(a, { spec, exports });
      await runs(a, source);
      const receiving = { spec, exports, fenceToken: token + 1, incoming: true, paused };
      const { instance: target, incomingUri } = await launched(b, receiving);
      assert(incomingUri !== undefined, 'it waits somewhere');
      return { source, target, uri: incomingUri };
    }

    async function stopped(): Promise<Pair> {
      const both = await pair();
      await done(a, { kind: 'migrateOut', instance: both.source, uri: both.uri });
      await heard(a, 'stoppedBeforeHandOver', both.source);
      return both;
    }

    test(
      'stops before the hand-over; afterwards the guest goes on at the other side, and never at this one',
      async () => {
        const { source, target, uri } = await pair();
        expect(await found(b)).toEqual([{ instance: target, state: 'incoming', incomingUri: uri }]);
        await refused(b, { kind: 'resume', instance: target });
        await refused(a, { kind: 'handOver', instance: source });
        await runs(a, source);
        await done(a, { kind: 'migrateOut', instance: source, uri });
        await heard(a, 'stoppedBeforeHandOver', source);
        await stands(a, source);
        const last = a.tick(source);
        expect(await found(a)).toEqual([{ instance: source, state: 'handing-over', incomingUri: undefined }]);
        for (const kind of ['resume', 'pause'] as const) await refused(a, { kind, instance: source });
        await done(a, { kind: 'handOver', instance: source });
        expect(about(a, source)).toEqual([
          { kind: 'stoppedBeforeHandOver', instance: source },
          { kind: 'exited', instance: source, cause: 'migrated' },
        ]);
        await heard(b, 'arrived', target);
        await stands(b, target);
        expect(await found(b)).toEqual([{ instance: target, state: 'paused', incomingUri: undefined }]);
        await done(b, { kind: 'resume', instance: target });
        await runs(b, target);
        expect(b.tick(target)).toBeGreaterThan(last);
        expect(a.tick(source)).toBe(last);
        expect(await found(a)).toEqual([]);
      },
      quick,
    );

    test(
      'one that was not launched paused runs when its state has come',
      async () => {
        const { source, target, uri } = await pair(false);
        await done(a, { kind: 'migrateOut', instance: source, uri });
        await heard(a, 'stoppedBeforeHandOver', source);
        await done(a, { kind: 'handOver', instance: source });
        await heard(b, 'arrived', target);
        await runs(b, target);
      },
      quick,
    );

    test(
      'taken back before the hand-over, the guest goes on here, and the other side ends',
      async () => {
        const { source, target } = await stopped();
        await done(a, { kind: 'cancelMigration', instance: source });
        await runs(a, source);
        await heard(b, 'exited', target);
        expect(about(b, target)).toMatchObject([
          { kind: 'migrationFailed', instance: target },
          { kind: 'exited', instance: target, cause: 'process-died' },
        ]);
        await done(a, { kind: 'cancelMigration', instance: source });
        await done(a, { kind: 'pause', instance: source });
        await stands(a, source);
      },
      quick,
    );

    test(
      'a guest that was paused before stays paused, here when it is taken back',
      async () => {
        const { source, uri } = await pair();
        await done(a, { kind: 'pause', instance: source });
        await done(a, { kind: 'migrateOut', instance: source, uri });
        await heard(a, 'stoppedBeforeHandOver', source);
        await done(a, { kind: 'cancelMigration', instance: source });
        await stands(a, source);
        expect(await found(a)).toEqual([{ instance: source, state: 'paused', incomingUri: undefined }]);
      },
      quick,
    );

    test(
      'a guest that has never run moves as one that stands',
      async () => {
        const spec = specOf(shared());
        const exports = { root: await subjectOf().serveBootDisk() };
        const { instance: source } = await launched(a, { spec, exports, paused: true });
        const receiving = { spec, exports, fenceToken: token + 1, incoming: true, paused: true };
        const { instance: target, incomingUri } = await launched(b, receiving);
        await done(a, { kind: 'migrateOut', instance: source, uri: incomingUri ?? '' });
        await heard(a, 'stoppedBeforeHandOver', source);
        await done(a, { kind: 'handOver', instance: source });
        await heard(b, 'arrived', target);
        await stands(b, target);
        await done(b, { kind: 'resume', instance: target });
        await runs(b, target);
        expect(a.tick(source)).toBe(0);
      },
      quick,
    );

    test(
      'handed over to nobody, it ends all the same and has not run again',
      async () => {
        const { source, target } = await stopped();
        const last = a.tick(source);
        b.killProcess(target);
        await heard(b, 'exited', target);
        await stands(a, source);
        await done(a, { kind: 'handOver', instance: source });
        expect(about(a, source).at(-1)).toEqual({ kind: 'exited', instance: source, cause: 'killed' });
        expect(a.tick(source)).toBe(last);
        expect(await found(a)).toEqual([]);
      },
      quick,
    );

    test(
      'an agent that ends between stop and hand-over finds it standing, and hands it over',
      async () => {
        const { source, target, uri } = await stopped();
        const last = a.tick(source);
        await a.restartAgent();
        await b.restartAgent();
        expect(await found(a)).toEqual([{ instance: source, state: 'handing-over', incomingUri: undefined }]);
        expect(await found(b)).toMatchObject([{ instance: target, state: 'incoming' }]);
        await refused(a, { kind: 'resume', instance: source });
        await stands(a, source);
        await refused(a, { kind: 'migrateOut', instance: source, uri: `${uri}0` });
        await done(a, { kind: 'migrateOut', instance: source, uri });
        await heard(a, 'stoppedBeforeHandOver', source);
        await done(a, { kind: 'handOver', instance: source });
        await heard(b, 'arrived', target);
        await done(b, { kind: 'resume', instance: target });
        await runs(b, target);
        expect(a.tick(source)).toBe(last);
      },
      quick,
    );

    test(
      'an agent that ends between stop and hand-over can take it back',
      async () => {
        const { source } = await stopped();
        await a.restartAgent();
        await found(a);
        await done(a, { kind: 'cancelMigration', instance: source });
        await runs(a, source);
      },
      quick,
    );

    test(
      'is refused where nobody waits and with local disks, and the guest goes on',
      async () => {
        const { source, target, uri } = await pair();
        await done(b, { kind: 'kill', instance: target });
        await refused(a, { kind: 'migrateOut', instance: source, uri });
        await runs(a, source);
        const { instance: bound } = await launched(a, { vm: other });
        await refused(a, { kind: 'migrateOut', instance: bound, uri });
        await runs(a, bound);
      },
      quick,
    );
  });
}
