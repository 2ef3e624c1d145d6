import { assert, present } from '../../core/base/assert.ts';
import { compareKeys, noBytes } from '../../core/base/bytes.ts';
import { type SegmentAppend } from '../../core/base/effects.ts';
import { type Prng } from '../../core/base/prng.ts';
import { UnreadableError } from '../../core/storage/read-errors.ts';
import { type SegmentFile, type SegmentFiles } from '../../core/storage/segment-files.ts';
import { checkSegmentName } from '../../core/storage/segment-name.ts';
import { diskShape, drawLatencyUs } from '../latency.ts';
import { type CrashScope } from '../fault.ts';
import { type World } from '../world.ts';
import { type Sector, type SectorDamage, sectorBytes } from './damage.ts';
import { AppendFailed } from './failure.ts';
import { PlatterCopy } from './platter-copy.ts';
import { SimulatedSegmentFile } from './segment-file.ts';

/**
 * Segment files on a disk that tells the cache from the platter. A sync takes virtual time; a power cut keeps any torn
 * subset of the sectors that were not synced, and may take away a file whose creation was not; after a failed sync the
 * cache lies about what is on the disk; acknowledged sectors may rot, become unreadable or be overwritten; a disk may be
 * full, stall, refuse to read or to write, or lie about its syncs.
 */
export class SimulatedSegments implements SegmentFiles {
  readonly #world: World;
  readonly #prng: Prng;
  readonly #syncMedianUs: number;
  readonly #files = new Map<string, SimulatedSegmentFile>();
  /** Content of the file that was removed last: what its blocks show when they are given out again. */
  #stale: Uint8Array = noBytes;
  /** Appends so far, and how many of the first of them are surely on the disk. */
  #appended = 0;
  #durable = 0;
  #syncUnderWay = false;
  /** How much of each file the sync under way covers; less where the file was cut since. */
  #syncing = new Map<SimulatedSegmentFile, number>();
  /** Counts crashes, so that a sync that began before one never ends after it. */
  #life = 0;
  #slowFactor = 1;
  #failNext = false;
  #lying = false;
  /** Removed while the disk lies: on the platter they still are. */
  readonly #unremoved = new Map<string, SimulatedSegmentFile>();
  #full = false;
  #failNextAppend = false;
  #readsFail = false;
  /** The next sync takes this much longer, and says so. */
  #stall: { readonly forUs: number; readonly stalled: () => void } | undefined;

  constructor(options: {
    readonly world: World;
    readonly prng: Prng;
    readonly syncMedianUs: number;
    /** Written and synced before anything else. Default: nothing. */
    readonly content?: readonly SegmentAppend[] | undefined;
  }) {
    this.#world = options.world;
    this.#prng = options.prng;
    this.#syncMedianUs = options.syncMedianUs;
    for (const { file, bytes } of options.content ?? []) this.append(file, bytes);
    for (const file of this.#files.values()) file.synced(file.lengthBytes);
    this.#durable = this.#appended;
  }

  get appended(): number {
    return this.#appended;
  }

  /** How many of the appends, counted from the first, no crash can take back. */
  get durable(): number {
    return this.#durable;
  }

  get syncUnderWay(): boolean {
    return this.#syncUnderWay;
  }

  list(prefix: string): readonly SegmentFile[] {
    const found: SegmentFile[] = [];
    for (const [file, { lengthBytes }] of this.#files) {
      if (file.startsWith(prefix)) found.push({ file, lengthBytes });
    }
    return found.sort((left, right) => compareKeys(left.file, right.file));
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    checkSegmentName(file);
    if (this.#readsFail && lengthBytes > 0) throw new UnreadableError(`EIO: i/o error, read ${file}`);
    return this.#files.get(file)?.read(file, positionBytes, lengthBytes) ?? noBytes;
  }

  /** What the system's cache shows, for those who watch: no fault keeps them from it. */
  peek(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    return this.#files.get(file)?.peek(positionBytes, lengthBytes) ?? noBytes;
  }

  /** @throws AppendFailed when there is no room, or the disk does not take it */
  append(file: string, bytes: Uint8Array): void {
    checkSegmentName(file);
    let content = this.#files.get(file);
    if (content === undefined) {
      content = new SimulatedSegmentFile();
      if (this.#lying) content.beginLie();
      this.#files.set(file, content);
    }
    if (this.#full || this.#failNextAppend) {
      // What still fits is written: a torn batch that nobody was told of.
      content.append(bytes.subarray(0, this.#prng.below(bytes.length + 1)));
      this.#failNextAppend = false;
      throw new AppendFailed(this.#full ? 'full' : 'append', file);
    }
    content.append(bytes);
    this.#appended += 1;
  }

  sync(onEnd: (failure: string | undefined) => void): void {
    assert(!this.#syncUnderWay, 'one sync is under way at a time');
    this.#syncUnderWay = true;
    const covered = this.#appended;
    const lengths = new Map<SimulatedSegmentFile, number>();
    for (const file of this.#files.values()) if (file.dirty) lengths.set(file, file.lengthBytes);
    this.#syncing = lengths;
    const life = this.#life;
    const stall = this.#stall;
    this.#stall = undefined;
    stall?.stalled();
    const durationUs =
      drawLatencyUs(this.#prng, this.#syncMedianUs, diskShape, this.#slowFactor) + (stall?.forUs ?? 0);
    this.#world.after(durationUs, () => {
      if (life !== this.#life) return;
      this.#syncUnderWay = false;
      if (this.#failNext) {
        this.#failNext = false;
        for (const [file] of lengths) file.syncFailed(this.#prng);
        onEnd('EIO: the disk could not write');
        return;
      }
      for (const [file, lengthBytes] of lengths) file.synced(lengthBytes);
      this.#durable = covered;
      onEnd(undefined);
    });
  }

  cut(file: string, lengthBytes: number): void {
    checkSegmentName(file);
    if (lengthBytes === 0) {
      // Unlike what a removal leaves on the disk, what was cut is never seen again.
      this.#forget(file);
      return;
    }
    const content = present(this.#files.get(file), `only a file that exists is cut: ${file}`);
    content.cut(lengthBytes);
    const syncing = this.#syncing.get(content);
    if (syncing !== undefined) this.#syncing.set(content, Math.min(syncing, lengthBytes));
  }

  truncate(file: string, lengthBytes: number, doubtfulFromBytes = lengthBytes): void {
    checkSegmentName(file);
    const content = present(this.#files.get(file), `only a file that exists is cut: ${file}`);
    content.truncate(file, lengthBytes, doubtfulFromBytes);
  }

  remove(file: string): void {
    checkSegmentName(file);
    const content = this.#files.get(file);
    if (content === undefined) return;
    this.#stale = content.copy();
    this.#forget(file);
  }

  #forget(file: string): void {
    const content = this.#files.get(file);
    if (content === undefined) return;
    this.#files.delete(file);
    if (this.#lying && !this.#unremoved.has(file)) this.#unremoved.set(file, content);
  }

  /** From now on every sync takes this many times as long. */
  slow(factor: number): void {
    this.#slowFactor = factor;
  }

  /** The next sync to end fails, the one under way included. */
  failNextSync(): void {
    this.#failNext = true;
  }

  /** The next sync that begins takes this much longer. `stalled` is called when it begins. */
  stallNextSync(forUs: number, stalled: () => void): void {
    this.#stall = { forUs, stalled };
  }

  /** The next append is not taken, or only a part of it is. */
  failNextAppend(): void {
    this.#failNextAppend = true;
  }

  /** From now on nothing can be read, or everything again that is not lost. */
  failReads(fail: boolean): void {
    this.#readsFail = fail;
  }

  /** From now on no append fits any more, or all do again. */
  fill(full: boolean): void {
    this.#full = full;
  }

  /** From now on syncs report success without writing anything, and files that are removed stay. */
  beginLies(): void {
    this.#lying = true;
    for (const file of this.#files.values()) file.beginLie();
  }

  /** All of it was written in the end. */
  forgiveLies(): void {
    this.#lying = false;
    this.#unremoved.clear();
    for (const file of this.#files.values()) file.forgiveLie();
  }

  /**
   * The disk is as it was when the lies began; the power must be cut with it. Nothing of what was reported since is there, so
   * that nothing tells that there was more: a part that was left would vouch for the rest, and be found out as rot is.
   */
  revealLies(): void {
    this.#lying = false;
    for (const [name, file] of this.#unremoved) if (!this.#files.has(name)) this.#files.set(name, file);
    this.#unremoved.clear();
    for (const [name, file] of [...this.#files]) if (!file.revealLie()) this.#files.delete(name);
  }

  get lying(): boolean {
    return this.#lying;
  }

  /** As fast as ever, room for all, no failure to come, and what was reported as written is. What is damaged stays so. */
  heal(): void {
    this.#failNextAppend = false;
    this.#readsFail = false;
    this.#stall = undefined;
    this.#slowFactor = 1;
    this.#failNext = false;
    this.#full = false;
    this.forgiveLies();
  }

  crash(scope: CrashScope): void {
    this.#life += 1;
    this.#syncUnderWay = false;
    this.#failNext = false;
    if (scope === 'process') return;
    this.forgiveLies();
    for (const [file, content] of [...this.#files]) {
      if (!content.powerCut(this.#prng, this.#stale)) this.#files.delete(file);
    }
  }

  /** Every sector that holds something a sync acknowledged, in the order of names and positions. */
  acknowledgedSectors(prefix: string): readonly Sector[] {
    const sectors: Sector[] = [];
    for (const { file } of this.list(prefix)) {
      const syncedBytes = this.#files.get(file)?.syncedBytes ?? 0;
      for (let sector = 0; sector * sectorBytes < syncedBytes; sector += 1) sectors.push({ file, sector });
    }
    return sectors;
  }

  /** What the newest sync wrote, sector by sector, and what lay there before. */
  newestSectors(prefix: string): readonly (Sector & { readonly before: Uint8Array })[] {
    const found: (Sector & { before: Uint8Array })[] = [];
    for (const { file } of this.list(prefix)) {
      for (const newest of this.#files.get(file)?.newestSectors ?? []) found.push({ file, ...newest });
    }
    return found;
  }

  sectorContent({ file, sector }: Sector): Uint8Array {
    return this.#files.get(file)?.sectorContent(sector) ?? noBytes;
  }

  /** Damages one sector for good. @returns false when there was nothing to damage */
  damage(damage: SectorDamage): boolean {
    return this.#files.get(damage.file)?.damage(damage) ?? false;
  }

  /** What is certainly on the disk, whatever was reported; with this damage to it. */
  platter(damages: readonly SectorDamage[] = []): PlatterCopy {
    const copy = new PlatterCopy();
    for (const [file, content] of [...this.#files, ...this.#unremoved]) {
      const { platterBytes } = content;
      if (platterBytes === undefined || copy.list(file).length > 0) continue;
      copy.add(file, content.copy().subarray(0, platterBytes), [...unreadableIn(file, content), ...damages]);
    }
    return copy;
  }

  /** What is there now, to try something out on; with this damage to it. */
  copy(damages: readonly SectorDamage[] = []): PlatterCopy {
    const copy = new PlatterCopy();
    for (const [file, content] of this.#files)
      copy.add(file, content.copy(), [...unreadableIn(file, content), ...damages]);
    return copy;
  }
}

function unreadableIn(file: string, content: SimulatedSegmentFile): readonly SectorDamage[] {
  return [...content.unreadable].map((sector) => ({ kind: 'unreadable', file, sector }));
}
