import { assert } from '../../base/assert.ts';

/** A range of versions as the protocol writes it: `3+`, `0-12`, `1`. */
export type Versions = `${number}+` | `${number}-${number}` | `${number}`;

export interface VersionRange {
  readonly min: number;
  /** `Infinity` when it is open. */
  readonly max: number;
}

export const noVersions: VersionRange = { min: Infinity, max: Infinity };

export function versionRange(text: Versions): VersionRange {
  const [first = '', last] = text.split('-');
  const min = Number(first.replace('+', ''));
  const max = last !== undefined ? Number(last) : first.endsWith('+') ? Infinity : min;
  assert(Number.isInteger(min) && min >= 0 && max >= min, `${text} is a range of versions`);
  return { min, max };
}

export function inRange(version: number, range: VersionRange): boolean {
  return version >= range.min && version <= range.max;
}
