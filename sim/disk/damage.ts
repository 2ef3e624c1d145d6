import { type Prng } from '../../core/base/prng.ts';

/** A disk writes a sector whole or not at all. */
export const sectorBytes = 512;

/** Where a sector lies. */
export interface Sector {
  readonly file: string;
  readonly sector: number;
}

/** What becomes of one acknowledged sector: data, so that it can be tried out on a copy first. */
export type SectorDamage = Sector &
  (
    | { readonly kind: 'rotten'; readonly atBytes: number; readonly flippedBits: number }
    /** It can never be read again. */
    | { readonly kind: 'unreadable' }
    /** It holds something else, which was meant for another place or lay there before. */
    | { readonly kind: 'overwritten'; readonly content: Uint8Array }
  );

/** Some bits of one byte of the sector are flipped. */
export function drawRot(sector: Sector, prng: Prng): SectorDamage {
  const { file } = sector;
  return {
    kind: 'rotten',
    file,
    sector: sector.sector,
    atBytes: prng.below(sectorBytes),
    flippedBits: 1 + prng.below(255),
  };
}

/** Changes the content of a file as this damage does. @returns false when it stays as it was */
export function overwriteSector(content: Uint8Array, damage: SectorDamage): boolean {
  const from = damage.sector * sectorBytes;
  const bytes = Math.min(sectorBytes, content.length - from);
  if (bytes <= 0) return false;
  switch (damage.kind) {
    case 'unreadable':
      return true;
    case 'rotten': {
      const at = from + (damage.atBytes % bytes);
      content[at] = (content[at] ?? 0) ^ damage.flippedBits;
      return true;
    }
    case 'overwritten': {
      const part = damage.content.subarray(0, bytes);
      let changed = false;
      for (let at = 0; at < part.length; at += 1) changed ||= content[from + at] !== part[at];
      content.set(part, from);
      return changed;
    }
  }
}
