import { UnreadableError } from './read-errors.ts';
import { type SegmentReader } from './segment-files.ts';

/** A part of a file that the disk does not give out, its end excluded. */
export interface UnreadablePart {
  readonly fromBytes: number;
  readonly toBytes: number;
}

export interface Salvaged {
  /** As long as was asked; zeros where nothing could be read. */
  readonly bytes: Uint8Array;
  /** Ascending, apart from one another; empty for a disk that is well. */
  readonly unreadable: readonly UnreadablePart[];
}

/** A disk that stumbles once is asked again; one that still fails then has lost what was there. */
export const readAttemptsMax = 3;
/** A system gives out pages, a disk sectors: a bad one is found in the smallest unit that either has. */
const blocksBytes = [4_096, 512] as const;

/** Reads a file from its beginning, in one piece if possible, and otherwise all of it that can still be read. */
export function salvage(segments: SegmentReader, file: string, lengthBytes: number): Salvaged {
  const whole = attempt(segments, file, 0, lengthBytes);
  if (whole !== undefined) return { bytes: whole, unreadable: [] };
  const bytes = new Uint8Array(lengthBytes);
  const unreadable: UnreadablePart[] = [];
  const [pageBytes, sectorBytes] = blocksBytes;
  for (let page = 0; page < lengthBytes; page += pageBytes) {
    const pageEnd = Math.min(page + pageBytes, lengthBytes);
    const read = attempt(segments, file, page, pageEnd - page);
    if (read !== undefined) {
      bytes.set(read, page);
      continue;
    }
    for (let sector = page; sector < pageEnd; sector += sectorBytes) {
      const sectorEnd = Math.min(sector + sectorBytes, pageEnd);
      const part = attempt(segments, file, sector, sectorEnd - sector);
      if (part === undefined) note(unreadable, sector, sectorEnd);
      else bytes.set(part, sector);
    }
  }
  return { bytes, unreadable };
}

function attempt(
  segments: SegmentReader,
  file: string,
  positionBytes: number,
  lengthBytes: number,
): Uint8Array | undefined {
  for (let count = 0; count < readAttemptsMax; count += 1) {
    try {
      return segments.read(file, positionBytes, lengthBytes);
    } catch (failure) {
      if (!(failure instanceof UnreadableError)) throw failure;
    }
  }
  return undefined;
}

/** Parts that touch are one. */
function note(parts: UnreadablePart[], fromBytes: number, toBytes: number): void {
  const last = parts.at(-1);
  if (last?.toBytes === fromBytes) parts[parts.length - 1] = { fromBytes: last.fromBytes, toBytes };
  else parts.push({ fromBytes, toBytes });
}
