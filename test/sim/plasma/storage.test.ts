import { expect, test } from 'vitest';
import { between, type Prng } from '../../../core/base/prng.ts';
import { DiskExports } from '../../../core/plasma/storage/disk-exports.ts';
import {
  defaultDiskExportsSettings,
  type DiskExportsEffect,
  type DiskExportsEvent,
  type DiskHolder,
} from '../../../core/plasma/storage/exports-protocol.ts';
import { type StorageRequest, type StorageResponse } from '../../../core/plasma/storage-protocol.ts';
import { type CarriedOutWrite, SimulatedDisks, type WriteOutcome } from '../../../sim/plasma/storage.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { World } from '../../../sim/world.ts';
import { CrashSegments } from '../../core/raft/crash-segments.ts';

const disk = 'red/data';
const vms = ['a', 'b'].map((letter) => `vm-${letter.repeat(32)}`);
const runUs = 5_000_000;

interface NodeOptions {
  readonly seed: string;
  /** A runner that lets acts and answers out before what they rest on is durable. */
  readonly leaks?: boolean;
}

/** A storage node whose process dies now and then, agents that fence one another, and writers that sleep. */
class SimulatedNode {
  readonly world = new World();
  readonly #prng: Prng;
  readonly #leaks: boolean;
  readonly #segments = new CrashSegments();
  readonly disks: SimulatedDisks;
  machine: DiskExports;
  #life = 0;
  #held: Extract<DiskExportsEffect, { readonly kind: 'act' | 'reply' }>[] = [];
  #written = 0;
  #synced = 0;
  #syncing = false;
  #requestId = 0;
  readonly #answers = new Map<number, (response: StorageResponse) => void>();
  /** Confirmed activations, oldest first. */
  readonly confirmed: DiskHolder[] = [];
  readonly violations: string[] = [];
  readonly counts = { activations: 0, crashes: 0, written: 0, refused: 0, lost: 0 };
  #newest = 0;

  constructor({ seed, leaks = false }: NodeOptions) {
    this.#prng = seededPrng(seed);
    this.#leaks = leaks;
    this.disks = new SimulatedDisks({
      world: this.world,
      prng: this.#prng.fork('disks'),
      reported: (report) => {
        this.#step({ kind: 'acted', report });
      },
      carriedOut: (write) => {
        this.#look(write);
      },
      writeUsMax: 2_000,
    });
    this.machine = this.#recover();
  }

  ask(request: StorageRequest, answered: (response: StorageResponse) => void): void {
    this.#requestId += 1;
    this.#answers.set(this.#requestId, answered);
    this.#step({ kind: 'requested', requestId: this.#requestId, request });
  }

  crash(): void {
    this.counts.crashes += 1;
    this.#life += 1;
    this.disks.crash();
    this.#segments.crash(this.#prng);
    this.#held = [];
    this.#answers.clear();
    this.#written = 0;
    this.#synced = 0;
    this.#syncing = false;
    this.machine = this.#recover();
    const last = this.confirmed.toSorted((left, right) => left.fenceToken - right.fenceToken).at(-1);
    const row = this.machine.rows[0];
    if (last !== undefined && (row?.newest ?? 0) < last.fenceToken) {
      this.violations.push(
        `after a start the newest is ${row?.newest ?? 0}, ${last.fenceToken} was confirmed`,
      );
    }
  }

  /** Someone activates the next token of a virtual machine, and writes under it for as long as it likes, late ones included. */
  activate(vm: string, fenceToken: number): void {
    this.ask({ kind: 'openExport', disk, vm, fenceToken, activate: true }, (response) => {
      if (response.kind !== 'opened') return;
      this.counts.activations += 1;
      this.confirmed.push({ vm, fenceToken });
      const { uri } = response;
      for (let count = 1; count <= 30; count += 1) {
        const late = this.#prng.chance(1, 10) ? 50 : 1;
        this.world.after(between(this.#prng, 1, 20_000) * late, () => {
          this.disks.write(uri, count, (outcome: WriteOutcome) => {
            this.counts[outcome] += 1;
          });
        });
      }
    });
  }

  nextToken(): number {
    this.#newest += between(this.#prng, 1, 3);
    return this.#newest;
  }

  /** No write of a holder ends behind the confirmation of a later one. */
  #look(write: CarriedOutWrite): void {
    const later = this.confirmed.find(({ fenceToken }) => fenceToken > write.holder.fenceToken);
    if (later !== undefined) {
      this.violations.push(
        `at ${this.world.nowUs} ${write.holder.fenceToken} wrote, ${later.fenceToken} was confirmed before`,
      );
    }
  }

  #recover(): DiskExports {
    const machine = DiskExports.recover(
      this.#segments,
      { ...defaultDiskExportsSettings, journalSegmentBytesMax: 5_000 },
      this.world.nowUs,
    );
    this.#later(1, () => {
      this.#step({ kind: 'tick' });
    });
    return machine;
  }

  #step(event: DiskExportsEvent): void {
    for (const effect of this.machine.step(event, this.world.nowUs)) {
      switch (effect.kind) {
        case 'persist':
          this.#written = effect.syncSeq;
          for (const append of effect.appends) this.#segments.append(append);
          break;
        case 'removeSegments':
          for (const file of effect.files) this.#segments.remove(file);
          break;
        case 'act':
        case 'reply':
          this.#held.push(effect);
          break;
      }
    }
    this.#release();
    if (this.#written === this.#synced || this.#syncing) return;
    this.#syncing = true;
    const covers = this.#written;
    this.#later(between(this.#prng, 50, 5_000), () => {
      this.#syncing = false;
      this.#synced = covers;
      this.#segments.sync();
      this.#release();
      this.#step({ kind: 'synced', syncSeq: covers });
    });
  }

  #release(): void {
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      if (next.afterSyncSeq > this.#synced && !this.#leaks) return;
      this.#held.shift();
      if (next.kind === 'act') this.disks.act(next.act);
      else this.#answers.get(next.requestId)?.(next.response);
    }
  }

  /** In this life of the process, or never. */
  #later(delayUs: number, happen: () => void): void {
    const life = this.#life;
    this.world.after(delayUs, () => {
      if (life === this.#life) happen();
    });
  }
}

/** Everything that agents may ask, in any order, at any time. */
function exercise(options: NodeOptions): SimulatedNode {
  const node = new SimulatedNode(options);
  const prng = seededPrng(`${options.seed} agents`);
  node.ask({ kind: 'createDisk', disk, sizeBytes: 512 }, () => undefined);
  let vm = vms[0] ?? '';
  for (let atUs = 100_000; atUs < runUs; atUs += between(prng, 1_000, 40_000)) {
    node.world.at(atUs, () => {
      const draw = prng.below(20);
      const token = node.nextToken();
      if (draw < 12) {
        node.activate(vm, token);
      } else if (draw < 14) {
        // It was overtaken on its way: it must be refused, or was the newest all the time.
        node.activate(vm, Math.max(1, token - between(prng, 3, 9)));
      } else if (draw < 16) {
        node.ask({ kind: 'openExport', disk, vm, fenceToken: token, activate: false }, () => undefined);
      } else if (draw < 18) {
        node.ask({ kind: 'fence', disk, vm, fenceToken: token }, () => undefined);
        const [first = '', second = ''] = vms;
        if (prng.chance(1, 2)) vm = vm === first ? second : first;
      } else {
        node.crash();
      }
    });
  }
  node.world.runUntil(runUs + 3_000_000);
  return node;
}

test('in every run no write of an older token ends behind the confirmation of a newer one', () => {
  const sums = { activations: 0, crashes: 0, written: 0, refused: 0, lost: 0 };
  for (let seed = 1; seed <= 40; seed += 1) {
    const node = exercise({ seed: `storage ${seed}` });
    expect(node.violations, `seed ${seed}`).toEqual([]);
    for (const key of ['activations', 'crashes', 'written', 'refused', 'lost'] as const) {
      sums[key] += node.counts[key];
    }
    // Quiet has come: whoever is next gets the disk, and may write.
    const outcomes: WriteOutcome[] = [];
    const owner = node.machine.rows[0]?.vm ?? vms[0] ?? '';
    const fenceToken = node.nextToken();
    node.ask({ kind: 'openExport', disk, vm: owner, fenceToken, activate: true }, (response) => {
      if (response.kind === 'opened') node.disks.write(response.uri, 1, (outcome) => outcomes.push(outcome));
    });
    node.world.runUntil(runUs + 6_000_000);
    expect(outcomes, `seed ${seed}`).toEqual(['written']);
  }
  expect(sums.activations).toBeGreaterThan(1_000);
  expect(sums.crashes).toBeGreaterThan(100);
  expect(sums.written).toBeGreaterThan(5_000);
  expect(sums.refused).toBeGreaterThan(5_000);
  expect(sums.lost).toBeGreaterThan(0);
});

test('a runner that does not wait for the disk is found out', () => {
  let violations = 0;
  for (let seed = 1; seed <= 40 && violations === 0; seed += 1) {
    violations = exercise({ seed: `storage ${seed}`, leaks: true }).violations.length;
  }
  expect(violations).toBeGreaterThan(0);
});

test('the same seed is the same run', () => {
  const [one, two] = [exercise({ seed: 'again' }), exercise({ seed: 'again' })];
  expect(one.disks.writes(disk)).toEqual(two.disks.writes(disk));
  expect(one.counts).toEqual(two.counts);
});
