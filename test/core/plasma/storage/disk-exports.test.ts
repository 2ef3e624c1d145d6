import { describe, expect, test } from 'vitest';
import { DiskExports } from '../../../../core/plasma/storage/disk-exports.ts';
import {
  defaultDiskExportsSettings,
  type DiskExportsEffect,
  type DiskHolder,
  type StorageAct,
  type StorageReport,
} from '../../../../core/plasma/storage/exports-protocol.ts';
import { type StorageRequest, type StorageResponse } from '../../../../core/plasma/storage-protocol.ts';
import { DataLossError } from '../../../../core/raft/data-loss.ts';
import { CrashSegments } from '../../raft/crash-segments.ts';

const vmA = `vm-${'a'.repeat(32)}`;
const vmB = `vm-${'b'.repeat(32)}`;
const disk = 'red/data';
const sizeBytes = 1_048_576;

/** A machine whose port does at once what it is told, and whose disk syncs when asked. */
class Bench {
  readonly segments = new CrashSegments();
  machine: DiskExports;
  readonly acts: StorageAct[] = [];
  readonly replies = new Map<number, StorageResponse>();
  /** Acts that are left unanswered until `report`. */
  holds: StorageAct['kind'] | undefined;
  #held: StorageAct[] = [];
  #waiting: Extract<DiskExportsEffect, { kind: 'act' | 'reply' }>[] = [];
  #written = 0;
  #synced = 0;
  #requestId = 0;

  constructor() {
    this.machine = this.#recover();
  }

  #recover(): DiskExports {
    return DiskExports.recover(this.segments, { ...defaultDiskExportsSettings, disksMax: 2 }, 0);
  }

  restart(): void {
    this.segments.crash();
    this.#waiting = [];
    this.#held = [];
    this.#written = 0;
    this.#synced = 0;
    this.acts.length = 0;
    this.machine = this.#recover();
    expect(this.machine.deadlineUs).toBe(0);
    this.handle(this.machine.step({ kind: 'tick' }, 0));
    expect(this.machine.deadlineUs).toBe(Infinity);
  }

  /** Asks and syncs; undefined: not answered yet. */
  ask(request: StorageRequest): StorageResponse | undefined {
    const requestId = this.begin(request);
    this.sync();
    return this.replies.get(requestId);
  }

  begin(request: StorageRequest): number {
    this.#requestId += 1;
    this.handle(this.machine.step({ kind: 'requested', requestId: this.#requestId, request }, 0));
    return this.#requestId;
  }

  handle(effects: readonly DiskExportsEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        expect(effect.syncSeq).toBe(this.#written + 1);
        this.#written = effect.syncSeq;
        for (const append of effect.appends) this.segments.append(append);
      } else if (effect.kind === 'removeSegments') {
        for (const file of effect.files) this.segments.remove(file);
      } else {
        this.#waiting.push(effect);
      }
    }
    this.#release();
  }

  sync(): void {
    while (this.#synced < this.#written) {
      this.#synced = this.#written;
      this.segments.sync();
      const effects = this.machine.step({ kind: 'synced', syncSeq: this.#synced }, 0);
      this.handle(effects);
    }
  }

  reportHeld(): void {
    this.holds = undefined;
    for (const act of this.#held.splice(0)) this.#report(act);
    this.sync();
  }

  report(report: StorageReport): void {
    this.handle(this.machine.step({ kind: 'acted', report }, 0));
  }

  #release(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.afterSyncSeq > this.#synced) return;
      this.#waiting.shift();
      if (next.kind === 'reply') this.replies.set(next.requestId, next.response);
      else this.#act(next.act);
    }
  }

  #act(act: StorageAct): void {
    this.acts.push(act);
    if (act.kind === this.holds) this.#held.push(act);
    else this.#report(act);
  }

  #report(act: StorageAct): void {
    const { actId } = act;
    this.report(act.kind === 'open' ? { kind: 'opened', actId, uri: 'nbd:x' } : { kind: 'done', actId });
  }
}

function created(): Bench {
  const bench = new Bench();
  expect(bench.ask({ kind: 'createDisk', disk, sizeBytes })).toEqual({ kind: 'created' });
  bench.acts.length = 0;
  return bench;
}

function opens(vm: string, fenceToken: number, activate = true): StorageRequest {
  return { kind: 'openExport', disk, vm, fenceToken, activate };
}

function holder(vm: string, fenceToken: number): DiskHolder {
  return { vm, fenceToken };
}

const opened: StorageResponse = { kind: 'opened', uri: 'nbd:x', sizeBytes };

describe('the fence', () => {
  test('the port hears of a new writer only when its token is durable, and who asked when nothing older is under way', () => {
    const bench = created();
    bench.holds = 'activate';
    const asked = bench.begin(opens(vmA, 3));
    expect(bench.acts).toEqual([]);
    bench.sync();
    expect(bench.acts).toMatchObject([{ kind: 'activate', disk, writer: holder(vmA, 3) }]);
    expect(bench.replies.get(asked)).toBeUndefined();
    bench.reportHeld();
    expect(bench.replies.get(asked)).toEqual(opened);
  });

  test('the whole of what an activation does, in order', () => {
    const bench = created();
    bench.ask(opens(vmA, 1));
    bench.acts.length = 0;
    const effects = bench.machine.step({ kind: 'requested', requestId: 99, request: opens(vmA, 2) }, 0);
    expect(effects).toEqual([
      { kind: 'persist', syncSeq: 4, appends: [expect.anything()] },
      {
        kind: 'act',
        act: { kind: 'activate', actId: 4, disk, writer: holder(vmA, 2) },
        afterSyncSeq: 4,
      },
    ]);
    bench.handle(effects);
    bench.sync();
    expect(bench.acts).toEqual([
      { kind: 'activate', actId: 4, disk, writer: holder(vmA, 2) },
      { kind: 'close', actId: 5, disk, holder: holder(vmA, 1), connections: 'refuse' },
      { kind: 'open', actId: 6, disk, sizeBytes, holder: holder(vmA, 2) },
    ]);
  });

  test('a token below the newest is refused, also after a restart, and changes nothing', () => {
    const bench = created();
    bench.ask(opens(vmA, 5));
    const before = bench.machine.rows;
    for (const activate of [true, false]) {
      expect(bench.ask(opens(vmA, 4, activate))).toMatchObject({ code: 'STALE_TOKEN', newest: 5 });
    }
    bench.restart();
    expect(bench.ask(opens(vmA, 4))).toMatchObject({ code: 'STALE_TOKEN', newest: 5 });
    expect(bench.machine.rows).toEqual(before);
  });

  test('an incoming one connects, and the newest goes on writing until it is activated', () => {
    const bench = created();
    bench.ask(opens(vmA, 1));
    bench.acts.length = 0;
    expect(bench.ask(opens(vmA, 2, false))).toEqual(opened);
    expect(bench.acts).toMatchObject([{ kind: 'open', holder: holder(vmA, 2) }]);
    expect(bench.ask(opens(vmA, 1))).toEqual(opened);
    expect(bench.machine.newestOf(disk)).toBe(1);
    expect(bench.ask(opens(vmA, 2))).toEqual(opened);
    expect(bench.ask(opens(vmA, 1))).toMatchObject({ code: 'STALE_TOKEN' });
  });

  test('fencing without a successor leaves no writer, and the token itself may come afterwards', () => {
    const bench = created();
    bench.ask(opens(vmA, 1));
    bench.acts.length = 0;
    expect(bench.ask({ kind: 'fence', disk, vm: vmA, fenceToken: 2 })).toEqual({ kind: 'fenced' });
    expect(bench.acts).toMatchObject([
      { kind: 'activate', writer: undefined },
      { kind: 'close', holder: holder(vmA, 1), connections: 'refuse' },
    ]);
    expect(bench.ask(opens(vmA, 1))).toMatchObject({ code: 'STALE_TOKEN', newest: 2 });
    expect(bench.ask(opens(vmA, 2))).toEqual(opened);
  });

  test('a fence that holds already is confirmed when what is older has come to its end', () => {
    const bench = created();
    bench.ask(opens(vmA, 4));
    bench.holds = 'activate';
    expect(bench.ask({ kind: 'fence', disk, vm: vmA, fenceToken: 4 })).toBeUndefined();
    bench.reportHeld();
    expect([...bench.replies.values()].at(-1)).toEqual({ kind: 'fenced' });
    expect(bench.acts.at(-1)).toMatchObject({ kind: 'activate', writer: holder(vmA, 4) });
  });
});

describe('owners', () => {
  test('another virtual machine takes a disk by a token above all of its owner, which is fenced off by it', () => {
    const bench = created();
    bench.ask(opens(vmA, 7));
    bench.ask(opens(vmA, 8, false));
    for (const token of [1, 7, 8]) {
      expect(bench.ask(opens(vmB, token))).toMatchObject({ code: 'STALE_TOKEN', newest: 7 });
    }
    expect(bench.ask(opens(vmB, 9, false))).toMatchObject({ code: 'IN_USE' });
    bench.acts.length = 0;
    expect(bench.ask(opens(vmB, 9))).toEqual(opened);
    expect(bench.acts).toMatchObject([
      { kind: 'activate', writer: holder(vmB, 9) },
      { kind: 'close', holder: holder(vmA, 7), connections: 'refuse' },
      { kind: 'close', holder: holder(vmA, 8), connections: 'refuse' },
      { kind: 'open', holder: holder(vmB, 9) },
    ]);
    for (const token of [7, 8, 9]) {
      expect(bench.ask(opens(vmA, token))).toMatchObject({ code: 'STALE_TOKEN', newest: 9 });
    }
    bench.restart();
    expect(bench.ask(opens(vmA, 9))).toMatchObject({ code: 'STALE_TOKEN', newest: 9 });
    expect(bench.ask(opens(vmA, 10))).toEqual(opened);
  });

  test('a fence for one that does not own it yet makes it the owner, and one that is late changes nothing', () => {
    const bench = created();
    bench.ask(opens(vmA, 7));
    expect(bench.ask({ kind: 'fence', disk, vm: vmB, fenceToken: 3 })).toEqual({ kind: 'fenced' });
    expect(bench.machine.rows).toMatchObject([{ vm: vmA, newest: 7, exports: [{ fenceToken: 7 }] }]);
    expect(bench.ask({ kind: 'fence', disk, vm: vmB, fenceToken: 8 })).toEqual({ kind: 'fenced' });
    expect(bench.machine.rows).toMatchObject([{ vm: vmB, newest: 8, exports: [] }]);
    expect(bench.ask(opens(vmA, 8))).toMatchObject({ code: 'STALE_TOKEN' });
    expect(bench.ask(opens(vmB, 8))).toEqual(opened);
  });

  test('closing what somebody else opened under the same token closes nothing of his', () => {
    const bench = created();
    bench.ask(opens(vmA, 1));
    bench.acts.length = 0;
    expect(bench.ask({ kind: 'closeExport', disk, vm: vmB, fenceToken: 1 })).toEqual({ kind: 'closed' });
    expect(bench.acts).toMatchObject([{ kind: 'close', holder: holder(vmB, 1) }]);
    expect(bench.machine.rows[0]?.exports).toEqual([{ fenceToken: 1, active: true }]);
  });

  test('a disk is deleted only for its owner at its last token, and its writers are fenced first', () => {
    const bench = created();
    bench.ask(opens(vmA, 2));
    expect(bench.ask({ kind: 'deleteDisk', disk, vm: vmB, fenceToken: 9 })).toMatchObject({ code: 'IN_USE' });
    expect(bench.ask({ kind: 'deleteDisk', disk, vm: undefined, fenceToken: 0 })).toMatchObject({
      code: 'IN_USE',
    });
    expect(bench.ask({ kind: 'deleteDisk', disk, vm: vmA, fenceToken: 1 })).toMatchObject({
      code: 'STALE_TOKEN',
    });
    bench.acts.length = 0;
    expect(bench.ask({ kind: 'deleteDisk', disk, vm: vmA, fenceToken: 2 })).toEqual({ kind: 'deleted' });
    expect(bench.acts.map(({ kind }) => kind)).toEqual(['activate', 'delete']);
    expect(bench.ask({ kind: 'deleteDisk', disk, vm: vmA, fenceToken: 2 })).toEqual({ kind: 'deleted' });
    expect(bench.ask(opens(vmA, 3))).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a disk that is nobody’s any more is deleted under a token above all that it was opened under', () => {
    const bench = created();
    bench.ask(opens(vmA, 2));
    bench.ask(opens(vmA, 4, false));
    for (const fenceToken of [2, 4]) {
      expect(bench.ask({ kind: 'deleteDisk', disk, vm: undefined, fenceToken })).toMatchObject({
        code: 'IN_USE',
      });
    }
    expect(bench.ask({ kind: 'deleteDisk', disk, vm: vmB, fenceToken: 5 })).toMatchObject({ code: 'IN_USE' });
    expect(bench.ask({ kind: 'deleteDisk', disk, vm: undefined, fenceToken: 5 })).toEqual({
      kind: 'deleted',
    });
  });

  test('no disk is made under the name of one that was deleted, whether it was there or not, also after a start', () => {
    const bench = created();
    const late = { kind: 'createDisk', disk: 'red/late', sizeBytes } as const;
    const deletes = (name: string) =>
      bench.ask({ kind: 'deleteDisk', disk: name, vm: undefined, fenceToken: 1 });
    expect([deletes(disk), deletes(late.disk), deletes(late.disk)]).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'deleted' })),
    );
    expect(bench.ask(late)).toMatchObject({ code: 'NOT_FOUND' });
    // The journal states everything again at the beginning of each of its files.
    bench.ask({ kind: 'createDisk', disk: 'red/other', sizeBytes });
    for (let turn = 0; turn < 3; turn += 1) {
      bench.restart();
      expect(bench.ask({ kind: 'createDisk', disk, sizeBytes })).toMatchObject({ code: 'NOT_FOUND' });
      expect(bench.ask(late)).toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(bench.machine.rows.map(({ disk: name }) => name)).toEqual(['red/other']);
  });
});

describe('after a start', () => {
  test('what was open is opened again, with the same writer', () => {
    const bench = created();
    bench.ask(opens(vmA, 4));
    bench.ask(opens(vmA, 5, false));
    bench.restart();
    expect(bench.acts).toMatchObject([
      { kind: 'activate', writer: holder(vmA, 4) },
      { kind: 'open', holder: holder(vmA, 4) },
      { kind: 'open', holder: holder(vmA, 5) },
    ]);
  });

  test('an activation that was not durable is as if it had never been asked for', () => {
    const bench = created();
    bench.ask(opens(vmA, 4));
    bench.begin(opens(vmA, 5));
    bench.restart();
    expect(bench.machine.newestOf(disk)).toBe(4);
  });

  test('a making and a deletion that were cut short are brought to their end', () => {
    const bench = new Bench();
    bench.holds = 'create';
    bench.ask({ kind: 'createDisk', disk, sizeBytes });
    bench.holds = undefined;
    bench.restart();
    expect(bench.acts).toMatchObject([{ kind: 'create', sizeBytes }]);
    bench.sync();
    expect(bench.machine.rows[0]?.state).toBe('there');
    bench.holds = 'delete';
    bench.ask({ kind: 'deleteDisk', disk, vm: undefined, fenceToken: 0 });
    expect(bench.ask({ kind: 'createDisk', disk, sizeBytes })).toBeUndefined();
    bench.holds = undefined;
    bench.restart();
    expect(bench.acts.map(({ kind }) => kind)).toEqual(['activate', 'delete']);
    bench.sync();
    expect(bench.machine.rows).toEqual([]);
  });

  test('a damaged journal is not started from: an older token could be taken for the newest', () => {
    const bench = created();
    bench.ask(opens(vmA, 4));
    bench.ask(opens(vmA, 5));
    const file = bench.segments.list('')[0]?.file ?? '';
    bench.segments.damage(file, 60);
    expect(() => {
      bench.restart();
    }).toThrow(DataLossError);
  });

  test('the journal is stated anew in a new file, and the old ones go', () => {
    const segments = new CrashSegments();
    const settings = { ...defaultDiskExportsSettings, journalSegmentBytesMax: 2_000 };
    let machine = DiskExports.recover(segments, settings, 0);
    let syncSeq = 0;
    let token = 0;
    const carryOut = (effects: readonly DiskExportsEffect[]): void => {
      for (const effect of effects) {
        if (effect.kind === 'persist') {
          for (const append of effect.appends) segments.append(append);
          segments.sync();
          ({ syncSeq } = effect);
          carryOut(machine.step({ kind: 'synced', syncSeq }, 0));
        } else if (effect.kind === 'act') {
          const { actId } = effect.act;
          carryOut(machine.step({ kind: 'acted', report: { kind: 'opened', actId, uri: 'nbd:x' } }, 0));
        } else if (effect.kind === 'removeSegments') {
          for (const file of effect.files) segments.remove(file);
        }
      }
    };
    const request = (asked: StorageRequest): void => {
      carryOut(machine.step({ kind: 'requested', requestId: 1, request: asked }, 0));
    };
    request({ kind: 'createDisk', disk, sizeBytes });
    for (let count = 0; count < 50; count += 1) request(opens(vmA, (token += 1)));
    expect(segments.list('').length).toBe(1);
    segments.crash();
    machine = DiskExports.recover(segments, settings, 0);
    expect(machine.rows).toMatchObject([{ disk, newest: 50, exports: [{ fenceToken: 50, active: true }] }]);
  });
});

describe('what is refused', () => {
  test.each([
    [{ kind: 'createDisk', disk: '../etc', sizeBytes }, 'one or two parts'],
    [{ kind: 'createDisk', disk: 'a/b/c', sizeBytes }, 'one or two parts'],
    [{ kind: 'createDisk', disk, sizeBytes: 1_000 }, 'a multiple of 512'],
    [{ kind: 'createDisk', disk, sizeBytes: 2 ** 60 }, 'at most'],
    [{ kind: 'openExport', disk, vm: 'me', fenceToken: 1, activate: true }, '32 hex digits'],
    [{ kind: 'openExport', disk, vm: vmA, fenceToken: 0, activate: true }, 'a whole number from 1'],
    [{ kind: 'openExport', disk, vm: vmA, fenceToken: 1.5, activate: true }, 'a whole number from 1'],
  ] as const)('%j', (request, why) => {
    const bench = new Bench();
    expect(bench.ask(request)).toMatchObject({ kind: 'refused', code: 'INVALID' });
    expect(JSON.stringify(bench.replies.get(1))).toContain(why);
    expect(bench.machine.rows).toEqual([]);
  });

  test('names as long as users may give them are taken', () => {
    const bench = new Bench();
    const longest = `${'p'.repeat(63)}/${'d'.repeat(160)}`;
    expect(bench.ask({ kind: 'createDisk', disk: longest, sizeBytes })).toEqual({ kind: 'created' });
    expect(bench.ask({ kind: 'createDisk', disk: `${longest}d`, sizeBytes })).toMatchObject({
      code: 'INVALID',
    });
  });

  test('a disk of another size, one too many, one that is not there', () => {
    const bench = created();
    expect(bench.ask({ kind: 'createDisk', disk, sizeBytes })).toEqual({ kind: 'created' });
    expect(bench.ask({ kind: 'createDisk', disk, sizeBytes: 512 })).toMatchObject({ code: 'INVALID' });
    bench.ask({ kind: 'createDisk', disk: 'b', sizeBytes });
    expect(bench.ask({ kind: 'createDisk', disk: 'c', sizeBytes })).toMatchObject({ code: 'NO_SPACE' });
    expect(bench.ask({ kind: 'closeExport', disk: 'c', vm: vmA, fenceToken: 1 })).toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('a disk for which there is no room leaves nothing behind, and may be asked for again', () => {
    const bench = new Bench();
    bench.holds = 'create';
    const asked = bench.begin({ kind: 'createDisk', disk, sizeBytes });
    bench.sync();
    bench.report({ kind: 'failed', actId: 1, code: 'NO_SPACE', message: 'full' });
    bench.sync();
    expect(bench.replies.get(asked)).toMatchObject({ code: 'NO_SPACE', message: 'full' });
    expect(bench.machine.rows).toEqual([]);
  });

  test('what waits for one disk is bounded', () => {
    const bench = created();
    bench.holds = 'activate';
    for (let count = 0; count < 65; count += 1) bench.begin(opens(vmA, 1));
    expect(bench.ask(opens(vmA, 1))).toMatchObject({ code: 'UNAVAILABLE' });
    bench.reportHeld();
    expect([...bench.replies.values()].filter(({ kind }) => kind === 'opened')).toHaveLength(65);
  });
});
