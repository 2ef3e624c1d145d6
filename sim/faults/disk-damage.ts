import { type NodeId } from '../../core/base/ids.ts';
import { type Prng } from '../../core/base/prng.ts';
import { atlasMember } from '../atlas.ts';
import { type MemberProcess } from '../cluster.ts';
import { drawRot, type Sector, type SectorDamage, sectorBytes } from '../disk/damage.ts';
import { type SimulatedSegments } from '../disk/segments.ts';
import { findStart, type LogEnd } from '../found-start.ts';
import { type FaultOf, type FaultScene } from './scene.ts';

export type SectorDamageFault = FaultOf<'bitRot' | 'latentSector' | 'misdirectedWrite'>;

/** How many sectors are tried before a member is left in peace. */
const attemptsMax = 12;
/** A process that has come across damage that was known before is started again so long after. */
const restartUs = 1_000_000;
/** Where the atlas does not allow it yet, it is asked again so many times, so long after one another. */
const patienceAttempts = 20;
const patienceUs = 100_000;
const logPrefix = 'log/';

/** Sectors of the log that lose what a sync had acknowledged: while the machine is down, or under a process that runs on. */
export class DiskDamage {
  readonly #scene: FaultScene;
  /** Damage that a running process has not come across yet. */
  readonly #latent = new Map<NodeId, SectorDamageFault>();

  /** Members that lost what the atlas would have spared. */
  readonly #beyond = new Set<NodeId>();

  constructor(scene: FaultScene) {
    this.#scene = scene;
  }

  begin(fault: SectorDamageFault, prng: Prng, attempts = patienceAttempts): void {
    const process = this.#scene.cluster.process(fault.node);
    const end = durableEnd(process);
    if (end === undefined || this.#latent.has(fault.node) || process.segments.lying) return;
    const ignored = fault.atlas === 'ignored';
    if (!ignored && !this.#scene.atlas.allows(fault.node, end)) {
      // Others lack what it would lose; a little later they may hold it.
      this.#beginLater(fault, prng, attempts);
      return;
    }
    const { latentUs = 0 } = fault;
    if (latentUs === 0) process.crash('machine');
    const damages = this.#drawAllowed(fault, process, end, prng);
    if (damages !== undefined) this.#strike(fault, process, end, damages);
    if (latentUs === 0) {
      if (damages !== undefined) this.#scene.fire(fault, `${fault.kind} struck n${fault.node}`);
      this.#scene.startLater(process, fault.downUs);
    } else if (damages !== undefined) {
      this.#leaveLatent(fault, process, latentUs);
    } else {
      // What it has written last may not be lost; a little later it is not the last any more.
      this.#beginLater(fault, prng, attempts);
    }
  }

  /**
   * The process has ended, since something could not be read or was not what it had written.
   *
   * @returns false when nothing was damaged
   */
  found(process: MemberProcess): boolean {
    const fault = this.#latent.get(process.node);
    if (fault === undefined) {
      if (!this.#scene.atlas.isHurt(process.node)) return false;
      this.#scene.startLater(process, restartUs);
      return true;
    }
    this.#latent.delete(process.node);
    this.#scene.fire(fault, `n${process.node} ends: it has come across ${fault.kind}`);
    this.#scene.startLater(process, fault.downUs);
    return true;
  }

  /** What this member lost may be more than any system could do without. */
  ignoredAtlas(process: MemberProcess): boolean {
    return this.#beyond.has(process.node);
  }

  end(): void {
    this.#latent.clear();
  }

  #beginLater(fault: SectorDamageFault, prng: Prng, attempts: number): void {
    if (attempts === 0) return;
    this.#scene.world.after(patienceUs, () => {
      if (!this.#scene.over) this.begin(fault, prng, attempts - 1);
    });
  }

  #leaveLatent(fault: SectorDamageFault, process: MemberProcess, latentUs: number): void {
    this.#latent.set(fault.node, fault);
    const { boot } = process;
    this.#scene.world.after(latentUs, () => {
      if (this.#scene.over || this.#latent.get(fault.node) !== fault) return;
      this.#latent.delete(fault.node);
      this.#scene.fire(fault, `${fault.kind} on n${fault.node} comes to light`);
      if (process.boot !== boot || !process.alive) return;
      process.crash('machine');
      this.#scene.startLater(process, fault.downUs);
    });
  }

  #strike(
    fault: SectorDamageFault,
    process: MemberProcess,
    end: LogEnd,
    damages: readonly SectorDamage[],
  ): void {
    const before = findStart(process.segments.copy());
    for (const damage of damages) process.segments.damage(damage);
    if (fault.atlas === 'ignored') this.#beyond.add(fault.node);
    this.#scene.atlas.lost(
      process,
      end,
      damages.map(({ file }) => file),
    );
    const where = damages.map(({ kind, file, sector }) => `${kind} ${file}, sector ${sector}`);
    this.#scene.noted(`${fault.kind} on n${fault.node}: ${where.join('; ')}`);
    this.#scene.damaged(fault.node);
    this.#scene.judge(fault, process, { before, end });
  }

  #drawAllowed(
    fault: SectorDamageFault,
    process: MemberProcess,
    end: LogEnd,
    prng: Prng,
  ): readonly SectorDamage[] | undefined {
    const { segments } = process;
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const damages = drawDamage(fault, segments, prng);
      if (damages === undefined) continue;
      if (fault.atlas === 'ignored') return damages;
      if (this.#scene.atlas.mayDamage(atlasMember(process), end, damages)) return damages;
    }
    return undefined;
  }
}

/** Where the durable log of a member ends that runs and is whole; undefined of any other. */
export function durableEnd(process: MemberProcess): LogEnd | undefined {
  const raft = process.machine?.view.raft;
  if (raft === undefined || raft.repairing) return undefined;
  return { index: raft.syncedIndex, term: raft.termAt(raft.syncedIndex) ?? 0 };
}

function drawDamage(
  fault: SectorDamageFault,
  segments: SimulatedSegments,
  prng: Prng,
): readonly SectorDamage[] | undefined {
  // Under a process that runs on the sector that is still being filled is in the system's cache.
  const whole = fault.latentUs !== undefined && fault.latentUs > 0;
  const sectors = segments
    .acknowledgedSectors(logPrefix)
    .filter((sector) => !whole || segments.sectorContent(sector).length === sectorBytes);
  const target = one(prng, sectors);
  if (target === undefined) return undefined;
  switch (fault.kind) {
    case 'bitRot':
      return [drawRot(target, prng)];
    case 'latentSector':
      return [{ kind: 'unreadable', ...target }];
    case 'misdirectedWrite': {
      const newest = segments
        .newestSectors(logPrefix)
        .filter((written) => sectors.some((sector) => isSame(sector, written)));
      const meant = one(prng, newest);
      if (meant === undefined || isSame(meant, target)) return undefined;
      const { file, sector, before } = meant;
      const content = segments.sectorContent(meant);
      return [
        { kind: 'overwritten', file, sector, content: before },
        { kind: 'overwritten', ...target, content },
      ];
    }
  }
}

function isSame(left: Sector, right: Sector): boolean {
  return left.file === right.file && left.sector === right.sector;
}

function one<T>(prng: Prng, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[prng.below(items.length)];
}
