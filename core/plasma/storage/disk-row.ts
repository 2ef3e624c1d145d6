import { compareKeys } from '../../base/bytes.ts';
import { type FenceToken, type VmId } from '../types.ts';
import { type DiskHolder } from './exports-protocol.ts';

/** What the storage node keeps of a disk. */
export interface DiskRow {
  readonly disk: string;
  readonly sizeBytes: number;
  /** `creating`, `deleting`: its file may be there or not. */
  readonly state: 'creating' | 'there' | 'deleting';
  /** Whom it belongs to: who came with the newest token. */
  readonly vm: VmId | undefined;
  /** Never falls, whoever it belongs to. 0: none was active yet. */
  readonly newest: FenceToken;
  /** Of `vm`. None is below `newest`; only that of `newest` is active. At most `exportsMax`. */
  readonly exports: readonly OpenExport[];
}

export interface OpenExport {
  readonly fenceToken: FenceToken;
  /** Writes. */
  readonly active: boolean;
}

export const exportsMax = 16;
/** Names of deleted disks that are remembered, the newest. */
export const deletedMax = 10_000;

export function newRow(disk: string, sizeBytes: number): DiskRow {
  return { disk, sizeBytes, state: 'creating', vm: undefined, newest: 0, exports: [] };
}

/** Who writes to the disk, undefined: nobody. */
export function writerOf(row: DiskRow): DiskHolder | undefined {
  const active = row.exports.find((open) => open.active);
  return active === undefined || row.vm === undefined
    ? undefined
    : { vm: row.vm, fenceToken: active.fenceToken };
}

/** Together short enough for the name of a file. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,159})?$/;
const vmPattern = /^vm-[0-9a-f]{32}$/;

export function isDiskName(name: string): boolean {
  return namePattern.test(name);
}

export function isVmId(vm: string): boolean {
  return vmPattern.test(vm);
}

export function isFenceToken(token: number): boolean {
  return Number.isSafeInteger(token) && token >= 1;
}

export function byDiskName(left: DiskRow, right: DiskRow): number {
  return compareKeys(left.disk, right.disk);
}

/** What a journal holds as a row, or undefined when it is none. */
export function readRow(value: unknown): DiskRow | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const row = value as { readonly [Key in keyof DiskRow]?: unknown };
  const { disk, sizeBytes, state, vm, newest, exports } = row;
  if (typeof disk !== 'string' || !isDiskName(disk)) return undefined;
  if (!isCount(sizeBytes) || !isCount(newest)) return undefined;
  if (state !== 'creating' && state !== 'there' && state !== 'deleting') return undefined;
  if (vm !== undefined && (typeof vm !== 'string' || !isVmId(vm))) return undefined;
  if (!Array.isArray(exports) || !exports.every(isOpenExport)) return undefined;
  if (exports.some((open) => open.fenceToken < newest || (open.active && open.fenceToken !== newest)))
    return undefined;
  return { disk, sizeBytes, state, vm, newest, exports };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isOpenExport(value: unknown): value is OpenExport {
  if (typeof value !== 'object' || value === null) return false;
  const { fenceToken, active } = value as { readonly fenceToken?: unknown; readonly active?: unknown };
  return isCount(fenceToken) && typeof active === 'boolean';
}
