import { assert } from '../base/assert.ts';
import { passArray, passNumber, type StateForm } from '../base/capture.ts';
import { type PersistEffect } from '../base/effects.ts';
import { type GroupId } from '../base/ids.ts';
import { type BatchLocation, RecordLog } from '../storage/record-log.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { WireWriter } from '../wire/writer.ts';
import { GroupJournal, type JournalDesk } from './journal.ts';
import { type AppliedPositions, LogReplay, restatedForBytes } from './log-replay.ts';
import { encodeBatch, type EntryRun } from './records.ts';

export interface GroupLogOptions {
  readonly prefix: string;
  readonly segmentBytesMax: number;
  readonly groups: readonly GroupId[];
  /** What each group's durable store reflects. */
  readonly applied: AppliedPositions;
}

/** With more files than this, the oldest is emptied: what little in it is still alive is written again. */
export const filesBeforeRewrite = 4;
/** A file is emptied only if at most one part in so many of it is alive: rewriting costs less than it frees. */
const rewriteShare = 4;
const writerBytesMax = 1_048_576;

/**
 * The log that all groups of a node share: one batch a step, whatever the number of groups in it.
 *
 * Which files may go: the first batch of a file states every group's hard state and base, so every file before it is
 * needed only for entries. Once no group has a live entry below that batch, they are removed; bases that were raised since
 * are written first, in the same step, which the runner makes durable before it removes anything. A group that lags must
 * not pin the log: when there are more than `filesBeforeRewrite` files and the oldest holds little that is alive, that
 * little is copied forward when the next file is opened. So the files hold at most about `rewriteShare` times what is alive.
 */
export class GroupLog implements JournalDesk {
  readonly #records: RecordLog;
  readonly #segmentBytesMax: number;
  readonly #journals = new Map<GroupId, GroupJournal>();
  /** The journals in order of group. */
  readonly #ordered: readonly GroupJournal[];
  /** Journals that write in this step; each once. */
  readonly #enlisted = new Set<GroupJournal>();
  /** Sync number 1 is the batch after this one. */
  #batchSeqBefore: number;
  /** First batches of the files, as far as they state every group; ascending. */
  readonly #heads: number[];
  /** Hard states that changed lately, and the length of the log then: see `restatedForBytes`. */
  readonly #echoes = new Map<GroupJournal, number>();
  #writer = new WireWriter();
  #syncSeq = 0;
  #appendedBytes = 0;
  #freed = true;

  static recover(segments: SegmentRepair, options: GroupLogOptions): GroupLog {
    const { log, batches, damage } = RecordLog.recover(segments, options);
    const replay = new LogReplay();
    let expected = damage?.fromBatchSeq ?? 0;
    for (const batch of batches) {
      const { batchSeq } = batch.location;
      // Without damage the batches are without gap, whatever number they begin with.
      if (damage !== undefined && batchSeq > expected) replay.hole(batch);
      replay.batch(batch);
      expected = Math.max(expected, batchSeq + 1);
    }
    if (damage !== undefined && expected <= damage.toBatchSeq) replay.hole(undefined);
    return new GroupLog(log, replay, options);
  }

  /** A log that knows nothing, to be restored; reads nothing and writes nothing. */
  static blank(segments: SegmentRepair, options: GroupLogOptions): GroupLog {
    return new GroupLog(RecordLog.blank(segments, options), new LogReplay(), options);
  }

  private constructor(records: RecordLog, replay: LogReplay, options: GroupLogOptions) {
    this.#records = records;
    this.#segmentBytesMax = options.segmentBytesMax;
    this.#batchSeqBefore = records.lastBatchSeq;
    this.#heads = [...replay.restatements];
    const groups = [...options.groups].sort((left, right) => left - right);
    this.#ordered = groups.map((group) => {
      const recovered = replay.finish(group, options.applied.get(group));
      const journal = new GroupJournal(group, this, recovered);
      this.#journals.set(group, journal);
      return journal;
    });
    assert(this.#journals.size === groups.length, 'a node holds each group once');
  }

  journal(group: GroupId): GroupJournal {
    const journal = this.#journals.get(group);
    assert(journal !== undefined, 'only groups of the node have a journal');
    return journal;
  }

  get syncSeq(): number {
    return this.#syncSeq;
  }

  enlist(journal: GroupJournal): number {
    this.#enlisted.add(journal);
    return this.#syncSeq + 1;
  }

  freed(): void {
    this.#freed = true;
  }

  read(location: BatchLocation): Uint8Array {
    return this.#records.read(location);
  }

  /** Writes what the step's groups have to write, if anything, and names the files that are no longer needed. */
  flush(): { readonly persist: PersistEffect; readonly removed: readonly string[] } | undefined {
    const cutsAt = this.#freed ? this.#cutPoint() : 0;
    this.#freed = false;
    if (this.#enlisted.size === 0 && cutsAt === 0) return undefined;
    if (cutsAt > 0) for (const journal of this.#ordered) if (journal.baseDue) this.#enlisted.add(journal);

    const first = this.#syncSeq === 0;
    const restates = first || this.#records.rolls;
    const persist = this.#write(restates, this.#records.rolls ? this.#copies() : undefined);
    const cut = restates ? this.#cutPoint() : cutsAt;
    if (cut === 0) return { persist, removed: [] };
    while (this.#heads.length > 0 && (this.#heads[0] as number) < cut) this.#heads.shift();
    return { persist, removed: this.#records.cutBelow(cut) };
  }

  /** Every batch up to this sync number is durable. */
  synced(syncSeq: number): void {
    assert(syncSeq <= this.#syncSeq, 'only what was persisted is reported as synced');
    this.#records.synced(this.#batchSeqBefore + syncSeq);
  }

  passState(form: StateForm): void {
    form.part('records', this.#records);
    for (const journal of this.#ordered) form.part(`group ${journal.group}`, journal);
    this.#batchSeqBefore = form.number('batchSeqBefore', this.#batchSeqBefore);
    passArray(form, 'heads', this.#heads, 0, passNumber);
    const enlisted = [...this.#enlisted].map(({ group }) => group);
    const blank = enlisted[0] ?? (0 as GroupId);
    const passedEnlisted = form.list('enlisted', enlisted, blank, passNumber);
    const echoes = [...this.#echoes].map(([{ group }, sinceBytes]) => ({ group, sinceBytes }));
    const passedEchoes = form.list('echoes', echoes, { group: blank, sinceBytes: 0 }, (row, echo) => ({
      group: row.number('group', echo.group),
      sinceBytes: row.number('sinceBytes', echo.sinceBytes),
    }));
    if (form.restores) {
      this.#enlisted.clear();
      for (const group of passedEnlisted) this.#enlisted.add(this.journal(group));
      this.#echoes.clear();
      for (const { group, sinceBytes } of passedEchoes) this.#echoes.set(this.journal(group), sinceBytes);
    }
    this.#syncSeq = form.number('syncSeq', this.#syncSeq);
    this.#appendedBytes = form.number('appendedBytes', this.#appendedBytes);
    this.#freed = form.flag('freed', this.#freed);
  }

  #write(
    restates: boolean,
    copies: ReadonlyMap<GroupJournal, readonly EntryRun[]> | undefined,
  ): PersistEffect {
    const startBytes = this.#appendedBytes;
    for (const journal of this.#enlisted) if (journal.hardStateChanged) this.#echoes.set(journal, startBytes);
    for (const [journal, sinceBytes] of this.#echoes) {
      this.#enlisted.add(journal);
      if (startBytes - sinceBytes >= restatedForBytes) this.#echoes.delete(journal);
    }
    const writers = restates
      ? this.#ordered
      : [...this.#enlisted].sort((left, right) => left.group - right.group);
    this.#enlisted.clear();
    const records = writers.map((journal) =>
      journal.takeRecord({ restates, copies: copies?.get(journal) ?? [] }),
    );
    const { payload, places } = encodeBatch({ restates, records }, this.#writer);
    const { location, append, newSegment } = this.#records.append(payload);
    // A batch of unusual size does not keep its memory for good.
    if (payload.length > writerBytesMax) this.#writer = new WireWriter();
    this.#syncSeq += 1;
    assert(location.batchSeq === this.#batchSeqBefore + this.#syncSeq, 'a step writes one batch');
    this.#appendedBytes += append.bytes.length;
    if (newSegment) this.#heads.push(location.batchSeq);
    writers.forEach((journal, at) => {
      const record = records[at];
      const place = places[at];
      if (record !== undefined && place !== undefined) journal.located(record, place, location);
    });
    return { kind: 'persist', syncSeq: this.#syncSeq, appends: [append] };
  }

  /** The newest first batch of a file below which no entry is alive; 0 when nothing could be removed. */
  #cutPoint(): number {
    if (this.#heads.length < 2) return 0;
    let oldest = Infinity;
    for (const journal of this.#ordered) oldest = Math.min(oldest, journal.spans.oldestBatchSeq);
    let cut = 0;
    for (let at = 1; at < this.#heads.length && (this.#heads[at] as number) <= oldest; at += 1) {
      cut = this.#heads[at] as number;
    }
    return cut;
  }

  /** What is alive in the oldest file, when that is little and there are many files. */
  #copies(): ReadonlyMap<GroupJournal, readonly EntryRun[]> | undefined {
    const second = this.#heads[1];
    if (second === undefined || this.#heads.length < filesBeforeRewrite) return undefined;
    let aliveBytes = 0;
    for (const journal of this.#ordered) {
      for (const span of journal.spans.below(second)) aliveBytes += span.lengthBytes;
    }
    if (aliveBytes > this.#segmentBytesMax / rewriteShare) return undefined;
    const copies = new Map<GroupJournal, readonly EntryRun[]>();
    for (const journal of this.#ordered) copies.set(journal, journal.copiesBelow(second));
    return copies;
  }
}
