import { expect, test } from 'vitest';
import { usPerSecond } from '../../../core/base/units.ts';
import { captureState, restoreState } from '../../../core/base/capture-forms.ts';
import { type StateMachine } from '../../../core/chainfire/apply.ts';
import { AutoCompaction } from '../../../core/chainfire/auto-compaction.ts';
import { type AutoCompactionOptions } from '../../../core/chainfire/auto-compaction-options.ts';
import { type Mvcc } from '../../../core/chainfire/mvcc/mvcc.ts';
import { type RaftRefusal, type RaftView, type Role } from '../../../core/raft/types.ts';
import { TestCluster } from './cluster.ts';
import { ask } from './requests.ts';

const minuteUs = 60 * usPerSecond;
const hourUs = 60 * minuteUs;

/** One member's compaction by itself; what it proposes is applied at once, unless it is held. */
class Scene {
  role: Role = 'leader';
  term = 3;
  appliedTerm = 3;
  revision = 1;
  compactRevision = 0;
  refusal: RaftRefusal | undefined;
  holds = false;
  nowUs = 0;
  corrupt = false;
  readonly proposed: number[] = [];
  readonly callers: unknown[] = [];
  compaction: AutoCompaction;

  constructor(options: AutoCompactionOptions | undefined) {
    this.compaction = this.create(options);
  }

  create(options: AutoCompactionOptions | undefined): AutoCompaction {
    const live = <T>(fields: Record<string, () => unknown>): T =>
      Object.defineProperties(
        {},
        Object.fromEntries(Object.entries(fields).map(([name, get]) => [name, { get }])),
      ) as T;
    return new AutoCompaction({
      config: { autoCompaction: options },
      raft: live<RaftView>({ role: () => this.role, term: () => this.term }),
      state: live<StateMachine>({ term: () => this.appliedTerm }),
      mvcc: live<Mvcc>({ revision: () => this.revision, compactRevision: () => this.compactRevision }),
      alarms: { isRaised: () => this.corrupt },
      nowUs: this.nowUs,
      port: {
        encode: ({ compact }, caller) => {
          this.callers.push(caller);
          return { bytes: Uint8Array.of(compact?.revision ?? 0) };
        },
        propose: (bytes) => {
          if (this.refusal !== undefined) return this.refusal;
          this.proposed.push(bytes[0] ?? 0);
          if (!this.holds) this.compactRevision = bytes[0] ?? 0;
          return undefined;
        },
      },
    });
  }

  /** Steps whenever it is due, one revision more each `revisionEveryUs`. */
  run(untilUs: number, revisionEveryUs = Infinity): void {
    let nextRevisionUs = this.nowUs + revisionEveryUs;
    while (this.nowUs < untilUs) {
      this.nowUs = Math.min(untilUs, nextRevisionUs, Math.max(this.nowUs, this.compaction.dueUs));
      if (this.nowUs === nextRevisionUs) {
        this.revision += 1;
        nextRevisionUs += revisionEveryUs;
      }
      this.compaction.settle(this.nowUs);
      expect(this.compaction.dueUs).toBeGreaterThan(this.nowUs);
    }
  }
}

const tenMinutes: AutoCompactionOptions = { retentionUs: 10 * minuteUs };

test('without a retention nothing is ever due', () => {
  const { compaction } = new Scene(undefined);
  expect(compaction.dueUs).toBe(Infinity);
});

test('a retention by time compacts once in that time, at the revision of that time ago', () => {
  const scene = new Scene(tenMinutes);
  scene.run(10 * minuteUs - 1, minuteUs);
  expect(scene.proposed).toEqual([]);
  scene.run(10 * minuteUs, Infinity);
  // Nothing had happened ten minutes ago.
  expect(scene.proposed).toEqual([1]);
  scene.run(35 * minuteUs, minuteUs);
  expect(scene.proposed).toEqual([1, 10, 20]);
  expect(scene.callers).toContainEqual(expect.objectContaining({ isProcess: true, user: '' }));
});

test('a retention of more than an hour compacts each hour, with a bounded number of samples', () => {
  const scene = new Scene({ retentionUs: 24 * hourUs });
  scene.run(24 * hourUs - 1, hourUs);
  expect(scene.proposed).toEqual([]);
  scene.run(27 * hourUs, hourUs);
  expect(scene.proposed).toHaveLength(4);
  const years = new Scene({ retentionUs: 20_000 * hourUs });
  years.run(30_000 * hourUs, hourUs);
  expect(years.compaction.size).toBeGreaterThan(900);
  expect(years.compaction.size).toBeLessThanOrEqual(1_002);
});

test('where nothing has happened since the last compaction, none is proposed', () => {
  const scene = new Scene(tenMinutes);
  scene.run(60 * minuteUs, Infinity);
  expect(scene.proposed).toEqual([1]);
});

test('a member that comes to lead goes by its own samples, from the time before it led', () => {
  const scene = new Scene(tenMinutes);
  scene.role = 'follower';
  scene.run(25 * minuteUs, minuteUs);
  expect(scene.proposed).toEqual([]);
  scene.role = 'leader';
  scene.appliedTerm = 2;
  scene.run(26 * minuteUs, minuteUs);
  expect(scene.proposed).toEqual([]);
  scene.appliedTerm = 3;
  scene.run(27 * minuteUs, minuteUs);
  // As it stood 10 minutes ago, or up to one more: samples are a minute apart.
  expect(scene.proposed).toHaveLength(1);
  expect(scene.proposed[0]).toBeGreaterThanOrEqual(16);
  expect(scene.proposed[0]).toBeLessThanOrEqual(18);
});

test('none is proposed while members differ; one that was refused meanwhile is proposed again', () => {
  const scene = new Scene(tenMinutes);
  scene.holds = true;
  scene.run(15 * minuteUs, minuteUs);
  expect(scene.proposed).toEqual([1]);
  scene.corrupt = true;
  scene.run(40 * minuteUs, minuteUs);
  expect(scene.proposed).toEqual([1]);
  scene.corrupt = false;
  scene.holds = false;
  scene.run(51 * minuteUs, minuteUs);
  expect(scene.proposed.length).toBeGreaterThan(1);
});

test('one proposal is under way in a term; the next leader does not wait for it', () => {
  const scene = new Scene(tenMinutes);
  scene.holds = true;
  scene.run(60 * minuteUs, minuteUs);
  expect(scene.proposed).toEqual([1]);
  scene.term = 4;
  scene.appliedTerm = 4;
  scene.holds = false;
  scene.run(61 * minuteUs, minuteUs);
  expect(scene.proposed).toHaveLength(2);
});

test('what Raft does not take is proposed again after a tenth of the interval', () => {
  const scene = new Scene(tenMinutes);
  scene.refusal = 'NO_LEADER' as RaftRefusal;
  scene.run(10 * minuteUs, minuteUs);
  expect(scene.proposed).toEqual([]);
  scene.refusal = undefined;
  scene.run(11 * minuteUs, minuteUs);
  expect(scene.proposed).toHaveLength(1);
});

test('a retention by revisions keeps exactly so many below the newest', () => {
  const scene = new Scene({ revisions: 10, intervalUs: 5 * minuteUs });
  scene.revision = 8;
  scene.run(5 * minuteUs, Infinity);
  expect(scene.proposed).toEqual([]);
  scene.revision = 100;
  scene.run(10 * minuteUs, Infinity);
  expect(scene.proposed).toEqual([90]);
  scene.run(60 * minuteUs, Infinity);
  expect(scene.proposed).toEqual([90]);
});

test('captured and restored, it goes on as it was', () => {
  const scene = new Scene(tenMinutes);
  scene.run(15 * minuteUs, minuteUs);
  const captured = captureState(scene.compaction);
  scene.compaction = scene.create(tenMinutes);
  restoreState(scene.compaction, captured);
  scene.run(20 * minuteUs, minuteUs);
  expect(scene.proposed).toEqual([1, 11]);
  expect(captureState(scene.compaction)).not.toEqual(captured);
});

test('in a cluster the leader compacts for all, and history behind it is refused as compacted', () => {
  const cluster = new TestCluster(3, {
    autoCompaction: { revisions: 5, intervalUs: usPerSecond },
  });
  const leader = cluster.elect();
  for (let at = 0; at < 20; at += 1) cluster.call(leader, ask.put('a', `${at}`));
  cluster.runUntil(() =>
    [...cluster.nodes.keys()].every((id) => cluster.member(id).view.compactRevision === 16),
  );
  expect(cluster.member(leader).view.revision).toBe(21);
  expect(cluster.call(leader, ask.get('a', { revision: 15 }))).toMatchObject({ code: 'COMPACTED' });
  expect(cluster.call(leader, ask.get('a', { revision: 16 }))).toMatchObject({ kind: 'range' });
  cluster.run(5 * usPerSecond);
  expect(cluster.member(leader).view.compactRevision).toBe(16);
});

test('in a cluster that has changed its leader, what is younger than the retention is kept', () => {
  const retentionUs = 5 * usPerSecond;
  const cluster = new TestCluster(3, { autoCompaction: { retentionUs } });
  const first = cluster.elect();
  for (let at = 0; at < 10; at += 1) cluster.call(first, ask.put('a', `${at}`));
  cluster.run(retentionUs / 2);
  cluster.crash(first);
  const second = cluster.elect();
  for (let at = 0; at < 10; at += 1) cluster.call(second, ask.put('a', `${at}`));
  const youngerUs = cluster.nowUs;
  cluster.runUntil(() => cluster.member(second).view.compactRevision > 0);
  expect(cluster.nowUs).toBeLessThan(youngerUs + retentionUs);
  expect(cluster.member(second).view.compactRevision).toBeLessThanOrEqual(11);
  cluster.runUntil(() => cluster.member(second).view.compactRevision === 21);
  expect(cluster.nowUs).toBeGreaterThanOrEqual(youngerUs + retentionUs);
});
