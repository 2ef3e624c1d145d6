import { assert } from '../../core/base/assert.ts';
import { type Prng } from '../../core/base/prng.ts';

import { overwriteSector, type SectorDamage, sectorBytes } from './damage.ts';
import { assertReadable } from './platter-copy.ts';

const firstCapacityBytes = 8_192;

/**
 * One file as the system's cache shows it, and what of it is on the disk. On the disk are the first `syncedBytes` bytes but
 * for the phantoms: sectors that the cache takes for clean, though a sync that failed never wrote them.
 */
export class SimulatedSegmentFile {
  #bytes = new Uint8Array(firstCapacityBytes);
  #lengthBytes = 0;
  #syncedBytes = 0;
  /** False while the directory's entry is only in the cache: a power cut may take the file away. */
  #named = false;
  /** Sector to how many of its bytes are nevertheless on the disk. */
  readonly #phantoms = new Map<number, number>();
  /** Sectors that the disk can never read again. */
  readonly #unreadable = new Set<number>();
  /** How much was on the disk before the newest sync that wrote. */
  #earlierSyncedBytes = 0;
  /** While syncs lie: what was on the disk, and whether the name was, when they began to. */
  #lie: { syncedBytes: number; readonly named: boolean } | undefined;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  get syncedBytes(): number {
    return this.#syncedBytes;
  }

  get dirty(): boolean {
    return !this.#named || this.#syncedBytes < this.#lengthBytes;
  }

  append(bytes: Uint8Array): void {
    const lengthBytes = this.#lengthBytes + bytes.length;
    if (lengthBytes > this.#bytes.length) this.#replace(lengthBytes);
    this.#bytes.set(bytes, this.#lengthBytes);
    this.#lengthBytes = lengthBytes;
  }

  /** Sectors that the disk can never read again, in any order. */
  get unreadable(): ReadonlySet<number> {
    return this.#unreadable;
  }

  /**
   * A view: what was read never changes, since damage and cuts make a new array.
   *
   * @throws UnreadableError when a sector of it can never be read again
   */
  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    const end = Math.min(positionBytes + lengthBytes, this.#lengthBytes);
    assertReadable(this.#unreadable, file, positionBytes, end - positionBytes);
    return this.#bytes.subarray(Math.min(positionBytes, end), end);
  }

  /** A view, also of what can never be read again. */
  peek(positionBytes: number, lengthBytes: number): Uint8Array {
    const end = Math.min(positionBytes + lengthBytes, this.#lengthBytes);
    return this.#bytes.subarray(Math.min(positionBytes, end), end);
  }

  /** A sync that began when the file had this length has ended well. */
  synced(lengthBytes: number): void {
    const upTo = Math.min(lengthBytes, this.#lengthBytes);
    this.#named = true;
    if (upTo <= this.#syncedBytes) return;
    // Appending to a sector dirties the whole of it, so the phantom's lost part is written along.
    this.#phantoms.delete(sectorOf(this.#syncedBytes));
    this.#earlierSyncedBytes = this.#syncedBytes;
    this.#syncedBytes = upTo;
  }

  /** A sync has failed: some dirty sectors reached the disk, the others never will, and the cache calls all clean. */
  syncFailed(prng: Prng): void {
    this.#named = this.#named || prng.chance(1, 2);
    for (let sector = sectorOf(this.#syncedBytes); sector * sectorBytes < this.#lengthBytes; sector += 1) {
      if (prng.chance(1, 2)) continue;
      const kept = Math.max(0, this.#syncedBytes - sector * sectorBytes);
      this.#phantoms.set(sector, Math.min(kept, this.#phantoms.get(sector) ?? kept));
    }
    this.#syncedBytes = this.#lengthBytes;
  }

  /** From now on what is synced is not on the disk, whatever is reported. */
  beginLie(): void {
    this.#lie ??= { syncedBytes: this.#syncedBytes, named: this.#named };
  }

  /** It was all written in the end. */
  forgiveLie(): void {
    this.#lie = undefined;
  }

  /**
   * What came since the lie began was never written: zeros are there instead, to be lost as whatever was not synced.
   *
   * @returns false when the file itself was never there
   */
  revealLie(): boolean {
    const lie = this.#lie;
    this.#lie = undefined;
    if (lie === undefined) return true;
    this.#syncedBytes = Math.min(lie.syncedBytes, this.#lengthBytes);
    this.#earlierSyncedBytes = Math.min(this.#earlierSyncedBytes, this.#syncedBytes);
    this.#replace(this.#lengthBytes);
    this.#bytes.fill(0, this.#syncedBytes, this.#lengthBytes);
    return lie.named;
  }

  /** How much is certainly on the disk; undefined when not even the name is. */
  get platterBytes(): number | undefined {
    if (this.#lie === undefined) return this.#named ? this.#syncedBytes : undefined;
    return this.#lie.named ? this.#lie.syncedBytes : undefined;
  }

  /** @throws UnreadableError when what is to be written again cannot be read */
  truncate(file: string, lengthBytes: number, doubtfulFromBytes: number): void {
    assert(lengthBytes <= this.#lengthBytes, 'a cut never lengthens a file');
    assertReadable(this.#unreadable, file, doubtfulFromBytes, lengthBytes - doubtfulFromBytes);
    this.#lengthBytes = lengthBytes;
    this.#replace(lengthBytes);
    const rewrittenFrom = Math.min(doubtfulFromBytes, this.#syncedBytes);
    for (const sector of [...this.#phantoms.keys()]) {
      const outside = sector * sectorBytes >= lengthBytes || (sector + 1) * sectorBytes > rewrittenFrom;
      if (outside) this.#phantoms.delete(sector);
    }
    for (const sector of [...this.#unreadable]) {
      if (sector * sectorBytes >= lengthBytes) this.#unreadable.delete(sector);
    }
    this.#syncedBytes = lengthBytes;
    this.#earlierSyncedBytes = Math.min(this.#earlierSyncedBytes, lengthBytes);
    this.#named = true;
    if (this.#lie !== undefined) this.#lie.syncedBytes = Math.min(this.#lie.syncedBytes, lengthBytes);
  }

  /** What lies behind goes for good; what is left is on the disk as far as it was. */
  cut(lengthBytes: number): void {
    assert(lengthBytes <= this.#lengthBytes, 'a cut never lengthens a file');
    this.#lengthBytes = lengthBytes;
    this.#replace(lengthBytes);
    for (const sector of [...this.#phantoms.keys()]) {
      if (sector * sectorBytes >= lengthBytes) this.#phantoms.delete(sector);
    }
    for (const sector of [...this.#unreadable]) {
      if (sector * sectorBytes >= lengthBytes) this.#unreadable.delete(sector);
    }
    this.#syncedBytes = Math.min(this.#syncedBytes, lengthBytes);
    this.#earlierSyncedBytes = Math.min(this.#earlierSyncedBytes, lengthBytes);
    if (this.#lie !== undefined) this.#lie.syncedBytes = Math.min(this.#lie.syncedBytes, lengthBytes);
  }

  /**
   * The power is cut. Each sector that was not synced is on the disk or not; one that is not shows what lay there before,
   * and the file ends anywhere behind what was synced.
   *
   * @returns false when the file itself is gone
   */
  powerCut(prng: Prng, stale: Uint8Array): boolean {
    if (!this.#named && prng.chance(1, 2)) return false;
    this.#replace(this.#lengthBytes);
    let endBytes = this.#phantoms.size > 0 ? this.#losePhantoms(prng, stale) : this.#syncedBytes;
    for (let sector = sectorOf(this.#syncedBytes); sector * sectorBytes < this.#lengthBytes; sector += 1) {
      const from = Math.max(sector * sectorBytes, this.#syncedBytes);
      const to = Math.min((sector + 1) * sectorBytes, this.#lengthBytes);
      if (prng.chance(1, 2)) endBytes = Math.max(endBytes, to);
      else this.#lose(from, to, prng, stale);
    }
    // The length is in the inode, which may be newer than the data: behind the last sector that was kept lies what was lost.
    if (prng.chance(1, 2)) endBytes = Math.max(endBytes, this.#lengthBytes);
    this.#lengthBytes = endBytes;
    this.#syncedBytes = endBytes;
    this.#named = true;
    return true;
  }

  /** Damages a sector; false when nothing of it was ever synced, or when it is no damage at all. */
  damage(damage: SectorDamage): boolean {
    if (damage.sector * sectorBytes >= this.#syncedBytes) return false;
    this.#replace(this.#lengthBytes);
    const damaged = overwriteSector(this.#bytes.subarray(0, this.#syncedBytes), damage);
    if (damaged && damage.kind === 'unreadable') this.#unreadable.add(damage.sector);
    return damaged;
  }

  /** What the newest sync wrote, and what lay there before: zeros behind what the sync before had written. */
  get newestSectors(): readonly { readonly sector: number; readonly before: Uint8Array }[] {
    const found: { sector: number; before: Uint8Array }[] = [];
    const from = this.#earlierSyncedBytes;
    for (let sector = sectorOf(from); sector * sectorBytes < this.#syncedBytes; sector += 1) {
      const before = new Uint8Array(sectorBytes);
      if (from > sector * sectorBytes) before.set(this.#bytes.subarray(sector * sectorBytes, from));
      found.push({ sector, before });
    }
    return from < this.#syncedBytes ? found : [];
  }

  /** The sector's content, shorter at the end of what was synced. */
  sectorContent(sector: number): Uint8Array {
    const end = Math.min((sector + 1) * sectorBytes, this.#syncedBytes);
    return this.#bytes.slice(sector * sectorBytes, end);
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#lengthBytes);
  }

  #losePhantoms(prng: Prng, stale: Uint8Array): number {
    for (const [sector, kept] of this.#phantoms) {
      const end = Math.min((sector + 1) * sectorBytes, this.#syncedBytes);
      this.#lose(sector * sectorBytes + kept, end, prng, stale);
    }
    this.#phantoms.clear();
    return this.#syncedBytes;
  }

  /** What is read where nothing was written: zeros mostly, now and then noise or what a removed file had there. */
  #lose(from: number, to: number, prng: Prng, stale: Uint8Array): void {
    if (from >= to) return;
    const what = prng.below(8);
    if (what === 0 && stale.length >= to) this.#bytes.set(stale.subarray(from, to), from);
    else if (what === 1) for (let at = from; at < to; at += 1) this.#bytes[at] = prng.below(256);
    else this.#bytes.fill(0, from, to);
  }

  /** Goes on in a new array, so that earlier readers keep what they saw. */
  #replace(roomBytes: number): void {
    const replaced = new Uint8Array(Math.max(firstCapacityBytes, 2 * roomBytes));
    replaced.set(this.#bytes.subarray(0, this.#lengthBytes));
    this.#bytes = replaced;
  }
}

function sectorOf(positionBytes: number): number {
  return Math.floor(positionBytes / sectorBytes);
}
