import { expect, test } from 'vitest';
import { present } from '../../../core/base/assert.ts';
import { groupId, nodeId } from '../../../core/base/ids.ts';
import { type Prng } from '../../../core/base/prng.ts';
import { DataLossError } from '../../../core/raft/data-loss.ts';
import { GroupLog } from '../../../core/raft/group-log.ts';
import { RaftLog } from '../../../core/raft/log.ts';
import { decodeBatch, encodeBatch, type GroupRecord } from '../../../core/raft/records.ts';
import { type Entry, type EntryKind } from '../../../core/raft/types.ts';
import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { voters } from './cluster.ts';
import { CrashSegments } from './crash-segments.ts';
import { testPrng } from './test-prng.ts';

/** What one group's log should hold. */
interface GroupModel {
  term: number;
  vote: number;
  boot: number;
  base: { index: number; term: number };
  entries: Entry[];
}

type Model = readonly GroupModel[];

const groups = [1, 2, 3].map(groupId);

/** Three groups over one log, and beside them plain arrays that say what must be found there. */
class Bench {
  readonly segments = new CrashSegments();
  readonly #prng: Prng;
  log: GroupLog;
  logs: readonly RaftLog[];
  model: GroupModel[];
  /** The model at each sync number of this life that was written; what a crash may leave. */
  written: { readonly syncSeq: number; readonly model: Model }[] = [];
  syncedSeq = 0;
  removed = 0;
  #stamp = 0;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.model = groups.map(() => ({ term: 0, vote: 0, boot: 0, base: { index: 0, term: 0 }, entries: [] }));
    ({ log: this.log, logs: this.logs } = this.#recover());
    this.written = [{ syncSeq: 0, model: structuredClone(this.model) }];
    this.flush();
  }

  /** Something for some groups, then one batch, as a step of a node does. */
  step(): void {
    for (let count = 1 + this.#prng.below(4); count > 0; count -= 1) {
      const at = this.#prng.below(groups.length);
      this.#change(this.logs[at] as RaftLog, this.model[at] as GroupModel, at);
    }
    this.flush();
    if (this.#prng.chance(1, 2)) this.sync();
  }

  flush(): void {
    const written = this.log.flush();
    if (written === undefined) return;
    for (const append of written.persist.appends) this.segments.append(append);
    this.written.push({ syncSeq: written.persist.syncSeq, model: structuredClone(this.model) });
    if (written.removed.length === 0) return;
    this.sync();
    for (const file of written.removed) this.segments.remove(file);
    this.removed += written.removed.length;
  }

  sync(): void {
    this.segments.sync();
    this.syncedSeq = this.written.at(-1)?.syncSeq ?? 0;
    this.log.synced(this.syncedSeq);
    for (const log of this.logs) log.synced(this.syncedSeq);
  }

  /** Loses what was not durable, from some point on; what is found must be what was written at some time since. */
  crash(): void {
    this.segments.crash(this.#prng);
    const candidates = this.written.filter(({ syncSeq }) => syncSeq >= this.syncedSeq);
    this.#recoverAs(candidates.map(({ model }) => model));
  }

  #recoverAs(candidates: readonly Model[]): void {
    ({ log: this.log, logs: this.logs } = this.#recover());
    const found = this.logs.map(contentOf);
    const match = candidates.findLast(
      (model) =>
        JSON.stringify(model.map(withoutBase)) ===
        JSON.stringify(found.map((group, at) => withoutBase(clip(group, model[at] as GroupModel)))),
    );
    if (match === undefined) expect(found).toEqual(candidates.at(-1));
    this.syncedSeq = 0;
    // Where a log begins is only written when it helps: what was given up may be found again.
    this.model = structuredClone(found);
    this.written = [{ syncSeq: 0, model: structuredClone(found) }];
    for (const [at, log] of this.logs.entries()) {
      const model = this.model[at] as GroupModel;
      model.boot += 1;
      log.journal.saveHardState({ term: model.term, vote: model.vote as never, boot: model.boot });
    }
    this.flush();
  }

  check(): void {
    expect(this.logs.map(contentOf)).toEqual(this.model);
  }

  #recover(): { log: GroupLog; logs: readonly RaftLog[] } {
    const log = GroupLog.recover(this.segments, {
      prefix: 'log/',
      segmentBytesMax: 1_200,
      groups,
      applied: new Map(),
    });
    const logs = groups.map((group) => {
      const start = { index: 0, term: 0, configuration: voters(1) };
      return new RaftLog(log.journal(group), { cacheBytesMax: 300, start });
    });
    return { log, logs };
  }

  #change(log: RaftLog, model: GroupModel, at: number): void {
    // The last group changes seldom: its entries are those that would pin the log.
    if (at === 2 && this.#prng.chance(9, 10)) return;
    const draw = this.#prng.below(20);
    if (draw < 12) this.#append(log, model);
    else if (draw < 15) this.#vote(log, model);
    else if (draw < 19) this.#compact(log, model);
    else this.#restart(log, model);
  }

  #append(log: RaftLog, model: GroupModel): void {
    const last = model.base.index + model.entries.length;
    const first = this.#prng.chance(1, 4)
      ? model.base.index + 1 + this.#prng.below(model.entries.length + 1)
      : last + 1;
    model.entries.length = first - model.base.index - 1;
    if (first <= last) this.#vote(log, model);
    const entries = Array.from({ length: 1 + this.#prng.below(4) }, (_, at): Entry => {
      this.#stamp += 1;
      const kind: EntryKind = this.#prng.chance(1, 8) ? 'empty' : 'command';
      const data = new Uint8Array(this.#prng.below(40)).fill(this.#stamp % 251);
      return { index: first + at, term: model.term, kind, data };
    });
    log.append(entries);
    model.entries.push(...entries);
  }

  #vote(log: RaftLog, model: GroupModel): void {
    model.term += 1;
    model.vote = this.#prng.below(3);
    log.journal.saveHardState({
      term: model.term,
      vote: model.vote === 0 ? 0 : nodeId(model.vote),
      boot: model.boot,
    });
  }

  #compact(log: RaftLog, model: GroupModel): void {
    const most = Math.min(log.syncedIndex, model.base.index + model.entries.length) - model.base.index;
    const count = this.#prng.below(Math.max(1, most + 1));
    const given = model.entries[count - 1];
    if (given === undefined) return;
    log.compact(given.index);
    model.entries.splice(0, count);
    model.base = { index: given.index, term: given.term };
  }

  #restart(log: RaftLog, model: GroupModel): void {
    const position = {
      index: model.base.index + model.entries.length + this.#prng.below(5),
      term: model.term,
    };
    log.restart(position, voters(1));
    model.base = position;
    model.entries = [];
  }
}

function contentOf(log: RaftLog): GroupModel {
  const { term, vote, boot } = log.journal.hardState;
  const entries = log
    .entries(log.firstIndex, log.lastIndex, 1 << 30)
    .map((entry) => ({ ...entry, data: entry.data.slice() }));
  return { term, vote, boot, base: { ...log.journal.base }, entries };
}

/** Without what the model has given up. */
function clip(found: GroupModel, model: GroupModel): GroupModel {
  return { ...found, entries: found.entries.filter(({ index }) => index > model.base.index) };
}

function withoutBase({ term, vote, boot, entries }: GroupModel): unknown {
  return { term, vote, boot, entries: entries.map((entry) => ({ ...entry, data: [...entry.data] })) };
}

const seeds = Array.from({ length: 40 }, (_, at) => at + 1);

test.each(seeds)(
  'three groups in one log come back from every crash as they were written, seed %i',
  (seed) => {
    const prng = testPrng(seed);
    const bench = new Bench(prng);
    for (let step = 0; step < 250; step += 1) {
      bench.step();
      if (step % 10 === 0) bench.check();
      if (prng.chance(1, 25)) {
        bench.crash();
        bench.check();
      }
    }
    bench.sync();
    bench.crash();
    expect(bench.removed).toBeGreaterThan(0);
  },
);

test('a log whose files were removed on the word of a record that is lost says that its votes may be lost too', () => {
  const segments = new MemorySegments();
  const options = { prefix: 'log/', segmentBytesMax: 200, groups: [groupId(1)], applied: new Map() };
  const log = GroupLog.recover(segments, options);
  const raft = new RaftLog(log.journal(groupId(1)), {
    cacheBytesMax: 300,
    start: { index: 0, term: 0, configuration: voters(1) },
  });
  const files: string[] = [];
  const flush = (): void => {
    const { persist, removed } = present(log.flush(), 'something is written');
    for (const { file, bytes } of persist.appends) {
      segments.append(file, bytes);
      if (files.at(-1) !== file) files.push(file);
    }
    log.synced(persist.syncSeq);
    raft.synced(persist.syncSeq);
    for (const file of removed) segments.remove(file);
  };
  for (let index = 1; index <= 12; index += 1) {
    raft.append([{ index, term: 1, kind: 'command', data: new Uint8Array(60) }]);
    flush();
  }
  const before = segments.list('log/').length;
  raft.compact(10);
  flush();
  const left = segments.list('log/');
  expect(left.length).toBeLessThan(before);
  expect(GroupLog.recover(segments, options).journal(groupId(1)).base.index).toBe(10);
  // The file that says so is gone, as if it had never been written.
  const newest = present(left.at(-1), 'a log has files');
  segments.remove(newest.file);
  expect(() => GroupLog.recover(segments, options)).toThrow(DataLossError);
});

test('what a batch says of a group comes back, and says where its entries lie', () => {
  const entry = (index: number): Entry => ({ index, term: 3, kind: 'command', data: Uint8Array.of(index) });
  const record: GroupRecord = {
    group: groupId(7),
    recordSeq: 12,
    news: true,
    term: 3,
    vote: nodeId(2),
    boot: 4,
    repairing: true,
    restart: { index: 4, term: 2 },
    base: { index: 5, term: 2 },
    copies: [
      { previousTerm: 2, entries: [entry(6), entry(7)] },
      { previousTerm: 3, entries: [entry(8)] },
    ],
    entries: { previousTerm: 3, entries: [entry(9), entry(10)] },
  };
  const batch = { restates: true, records: [record] };
  const { payload, places } = encodeBatch(batch);
  expect(decodeBatch(payload)).toEqual({ ...batch, places });
  expect(() => decodeBatch(payload.slice(0, -1))).toThrow();
});
