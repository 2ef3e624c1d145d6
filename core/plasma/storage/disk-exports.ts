import { assert, present, unreachable } from '../../base/assert.ts';
import { type Machine } from '../../base/machine.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import { type StorageRequest, type StorageResponse } from '../storage-protocol.ts';
import { type FenceToken } from '../types.ts';
import { type DeletedNames } from './deleted-names.ts';
import { DiskJournal } from './disk-journal.ts';
import {
  type DiskPlan,
  type DiskStep,
  type PlannedAct,
  planRecovery,
  planRequest,
  refusesShape,
} from './disk-plan.ts';
import { byDiskName, type DiskRow } from './disk-row.ts';
import {
  type DiskExportsEffect,
  type DiskExportsEvent,
  type DiskExportsSettings,
  type StorageAct,
  type StorageReport,
} from './exports-protocol.ts';

/** Requests for one disk that wait for the one before; a further one is told to come again. */
const waitingOfDiskMax = 64;
/** Requests that wait or are under way, of all disks. */
const requestsMax = 4_096;

/** A plan that is being carried out; `requestId` undefined: nobody has asked for it. */
interface Undertaking {
  readonly requestId: number | undefined;
  steps: readonly DiskStep[];
  /** Of the next step. */
  at: number;
  answer: StorageResponse | 'uri';
  undo: readonly DiskStep[];
  /** The act that it waits for. */
  actId: number | undefined;
}

interface WaitingRequest {
  readonly requestId: number;
  readonly request: StorageRequest;
}

/** What is under way for a disk, one thing at a time. */
interface DiskQueue {
  current: Undertaking | undefined;
  readonly waiting: WaitingRequest[];
}

/**
 * Shared disks of a storage node: who may write to each.
 *
 * A disk has an owner and its newest fencing token, on segment files before anything else follows from it: the port hears of
 * a new writer only when no crash can bring back the old one. Making a token the newest is the fence. Its answer comes when
 * the port has said that nothing of an older one is under way any more; what wakes up afterwards finds another writer.
 *
 * A disk's newest token never falls, whoever it belongs to: a virtual machine takes it from another one by a token above, which
 * fences that one off.
 *
 * Requests for one disk are carried out one after the other, those for different ones side by side. An act that fails ends
 * its request with a refusal; what was made durable stays, and asked again the request goes on from there.
 */
export class DiskExports implements Machine<DiskExportsEvent, DiskExportsEffect> {
  readonly #settings: DiskExportsSettings;
  readonly #journal: DiskJournal;
  /** As they are decided; what of them is not durable yet, the journal's gate says. */
  readonly #rows: Map<string, DiskRow>;
  readonly #deleted: DeletedNames;
  /** Of disks for which something is under way. */
  readonly #queues = new Map<string, DiskQueue>();
  readonly #diskOfAct = new Map<number, string>();
  #nextActId = 1;
  #requests = 0;
  /** What was open before this start has not been opened again. */
  #recovering = true;
  #recoveredAtUs: number;
  #effects: DiskExportsEffect[] = [];

  /**
   * Reads the journal; what was open is opened again with the first step, which is due at once.
   *
   * @throws DataLossError when a newest token may be lost
   */
  static recover(segments: SegmentRepair, settings: DiskExportsSettings, nowUs: number): DiskExports {
    return new DiskExports(settings, DiskJournal.recover(segments, settings), nowUs);
  }

  private constructor(
    settings: DiskExportsSettings,
    found: ReturnType<typeof DiskJournal.recover>,
    nowUs: number,
  ) {
    this.#settings = settings;
    this.#journal = found.journal;
    this.#rows = found.rows;
    this.#deleted = found.deleted;
    this.#recoveredAtUs = nowUs;
  }

  get deadlineUs(): number {
    return this.#recovering ? this.#recoveredAtUs : Infinity;
  }

  /** Disks by name, for whoever watches. */
  get rows(): readonly DiskRow[] {
    return [...this.#rows.values()].sort(byDiskName);
  }

  get diskCount(): number {
    return this.#rows.size;
  }

  /** The newest token of a disk as it was decided, 0: none. */
  newestOf(disk: string): FenceToken {
    return this.#rows.get(disk)?.newest ?? 0;
  }

  /** Requests and recoveries under way. */
  get underWay(): number {
    return this.#queues.size;
  }

  step(event: DiskExportsEvent, _nowUs: number): readonly DiskExportsEffect[] {
    if (this.#recovering) this.#openAgain();
    switch (event.kind) {
      // Of what was cancelled nothing is taken back: it may be durable already.
      case 'tick':
      case 'wallClock':
      case 'cancelled':
        break;
      case 'synced': {
        const removal = this.#journal.synced(event.syncSeq);
        if (removal !== undefined) this.#effects.push(removal);
        break;
      }
      case 'requested':
        this.#onRequest(event.requestId, event.request);
        break;
      case 'acted':
        this.#onReport(event.report);
        break;
      default:
        unreachable(event);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #openAgain(): void {
    this.#recovering = false;
    for (const row of this.rows) {
      this.#queues.set(row.disk, { current: undertaking(undefined, planRecovery(row)), waiting: [] });
      this.#goOn(row.disk);
    }
  }

  #onRequest(requestId: number, request: StorageRequest): void {
    const wrong = refusesShape(request, this.#settings);
    if (wrong !== undefined) return this.#reply(requestId, wrong);
    const { disk } = request;
    const queue = this.#queues.get(disk) ?? { current: undefined, waiting: [] };
    if (this.#requests >= requestsMax || queue.waiting.length >= waitingOfDiskMax) {
      return this.#reply(requestId, {
        kind: 'refused',
        code: 'UNAVAILABLE',
        message: `too many requests are waiting: ${waitingOfDiskMax} for a disk and ${requestsMax} in all are the most`,
        newest: undefined,
      });
    }
    this.#requests += 1;
    this.#queues.set(disk, queue);
    queue.waiting.push({ requestId, request });
    this.#goOn(disk);
  }

  #onReport(report: StorageReport): void {
    const disk = this.#diskOfAct.get(report.actId);
    if (disk === undefined) return;
    this.#diskOfAct.delete(report.actId);
    const queue = present(
      this.#queues.get(disk),
      'an act belongs to a disk for which something is under way',
    );
    const current = present(queue.current, 'an act belongs to what is under way');
    assert(current.actId === report.actId, 'acts on a disk come one after the other');
    current.actId = undefined;
    if (report.kind === 'failed') {
      const { code, message } = report;
      current.answer = { kind: 'refused', code, message, newest: undefined };
      current.steps = current.undo;
      current.undo = [];
      current.at = 0;
    } else if (report.kind === 'opened' && current.answer === 'uri') {
      const row = present(this.#rows.get(disk), 'what is opened is there');
      current.answer = { kind: 'opened', uri: report.uri, sizeBytes: row.sizeBytes };
    }
    this.#goOn(disk);
  }

  /** Carries out what can be for a disk, until something must be waited for. */
  #goOn(disk: string): void {
    const queue = present(this.#queues.get(disk), 'something is under way for the disk');
    for (;;) {
      const { current } = queue;
      if (current !== undefined) {
        this.#advance(disk, current);
        if (current.actId !== undefined) return;
        this.#end(current);
        queue.current = undefined;
      }
      const next = queue.waiting.shift();
      if (next === undefined) break;
      queue.current = this.#begin(next);
    }
    this.#queues.delete(disk);
  }

  /** @returns undefined when it is answered already */
  #begin({ requestId, request }: WaitingRequest): Undertaking | undefined {
    const row = this.#rows.get(request.disk);
    if (row === undefined && request.kind === 'createDisk' && this.#rows.size >= this.#settings.disksMax) {
      this.#requests -= 1;
      this.#reply(requestId, {
        kind: 'refused',
        code: 'NO_SPACE',
        message: `there are ${this.#rows.size} disks, which is the most`,
        newest: undefined,
      });
      return undefined;
    }
    const verdict = planRequest(request, row, { deleted: this.#deleted.has(request.disk) });
    if (verdict.kind === 'plan') return undertaking(requestId, verdict);
    this.#requests -= 1;
    this.#reply(requestId, verdict);
    return undefined;
  }

  #advance(disk: string, current: Undertaking): void {
    while (current.actId === undefined) {
      const step = current.steps[current.at];
      if (step === undefined) return;
      current.at += 1;
      if (step.kind === 'write') this.#write(disk, step.row);
      else if (step.kind === 'bury') this.#bury(disk);
      else current.actId = this.#act(disk, step.act);
    }
  }

  #end(current: Undertaking): void {
    if (current.requestId === undefined) return;
    assert(current.answer !== 'uri', 'what was opened has its uri');
    this.#requests -= 1;
    this.#reply(current.requestId, current.answer);
  }

  #write(disk: string, row: DiskRow | undefined): void {
    if (row === undefined) this.#rows.delete(disk);
    else this.#rows.set(disk, row);
    this.#effects.push(this.#journal.write({ disk, row, buried: false }, this.#rows, this.#deleted));
  }

  #bury(disk: string): void {
    this.#rows.delete(disk);
    this.#deleted.add(disk);
    const change = { disk, row: undefined, buried: true };
    this.#effects.push(this.#journal.write(change, this.#rows, this.#deleted));
  }

  #act(disk: string, planned: PlannedAct): number {
    const actId = this.#nextActId;
    this.#nextActId += 1;
    this.#diskOfAct.set(actId, disk);
    const act = { ...planned, actId } as StorageAct;
    this.#effects.push({ kind: 'act', act, afterSyncSeq: this.#journal.gate });
    return actId;
  }

  /** What is told rests on what was decided, so it waits until that is durable. */
  #reply(requestId: number, response: StorageResponse): void {
    this.#effects.push({ kind: 'reply', requestId, response, afterSyncSeq: this.#journal.gate });
  }
}

function undertaking(requestId: number | undefined, { steps, answer, undo }: DiskPlan): Undertaking {
  return { requestId, steps, at: 0, answer, undo, actId: undefined };
}
