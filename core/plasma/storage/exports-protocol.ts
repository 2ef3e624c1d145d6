import {
  type ActEffect,
  type PersistEffect,
  type RemoveSegmentsEffect,
  type ReplyEffect,
} from '../../base/effects.ts';
import { type TickEvent, type WallClockEvent } from '../../base/machine.ts';
import { type StorageRequest, type StorageResponse } from '../storage-protocol.ts';
import { type FenceToken, type VmId } from '../types.ts';

/** Who runs on a disk: a virtual machine at one of its places. */
export interface DiskHolder {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
}

/**
 * The port behind which disks lie: what the machine decides, it carries out. Each act is answered by one report with its
 * number. Acts on one disk come one after the other; those on different ones side by side.
 *
 * What the port owes: a write, trim or zeroing reaches the disk only if its sender is, at the moment it is carried out, the
 * disk's writer; after a start no disk has one.
 */
export type StorageAct =
  /** Makes the disk's file, all zeros. One that is there is taken only if it has this size and nothing was ever written to it. */
  | { readonly kind: 'create'; readonly actId: number; readonly disk: string; readonly sizeBytes: number }
  /**
   * From now on only `writer` writes to the disk, undefined: nobody. Done when nothing of anybody else is under way: until
   * then it may still reach the disk, never afterwards. Can not fail.
   */
  | {
      readonly kind: 'activate';
      readonly actId: number;
      readonly disk: string;
      readonly writer: DiskHolder | undefined;
    }
  /** Whoever comes as `holder` may connect; again is harmless. Reported with the uri where he finds the disk. */
  | {
      readonly kind: 'open';
      readonly actId: number;
      readonly disk: string;
      readonly sizeBytes: number;
      readonly holder: DiskHolder;
    }
  /** No new connections come as `holder`. Those that are there are ended, or go on being refused what they ask. */
  | {
      readonly kind: 'close';
      readonly actId: number;
      readonly disk: string;
      readonly holder: DiskHolder;
      readonly connections: 'end' | 'refuse';
    }
  /** Removes the disk's file, for good, and everything that is open on it. One that is not there is done. */
  | { readonly kind: 'delete'; readonly actId: number; readonly disk: string };

export type StorageReport =
  | { readonly kind: 'done'; readonly actId: number }
  | { readonly kind: 'opened'; readonly actId: number; readonly uri: string }
  | {
      readonly kind: 'failed';
      readonly actId: number;
      readonly code: 'NO_SPACE' | 'NOT_FOUND' | 'IN_USE' | 'UNAVAILABLE';
      readonly message: string;
    };

export type DiskExportsEvent =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'synced'; readonly syncSeq: number }
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: StorageRequest }
  | { readonly kind: 'cancelled'; readonly requestId: number }
  | { readonly kind: 'acted'; readonly report: StorageReport };

export type DiskExportsEffect =
  PersistEffect | RemoveSegmentsEffect | ReplyEffect<StorageResponse> | ActEffect<StorageAct>;

export interface DiskExportsSettings {
  /** Begins the names of the journal's files. */
  readonly journalPrefix: string;
  readonly journalSegmentBytesMax: number;
  /** Disks beyond it are refused. */
  readonly disksMax: number;
  /** A disk larger than it is refused. */
  readonly diskBytesMax: number;
}

export const defaultDiskExportsSettings: DiskExportsSettings = {
  journalPrefix: 'disks-',
  journalSegmentBytesMax: 16 * 1_048_576,
  disksMax: 10_000,
  diskBytesMax: 64 * 1_024 * 1_024 * 1_048_576,
};

/** The name under which a holder connects: `disk@vm.token`. */
export function exportName(disk: string, holder: DiskHolder): string {
  return `${disk}@${holder.vm}.${holder.fenceToken}`;
}

const exportNamePattern = /^([^@]+)@(vm-[0-9a-f]{32})\.([1-9][0-9]{0,15})$/;

/** Undefined: it names no disk and holder. */
export function parseExportName(
  name: string,
): { readonly disk: string; readonly holder: DiskHolder } | undefined {
  const [, disk, vm, digits] = exportNamePattern.exec(name) ?? [];
  const fenceToken = Number(digits);
  if (disk === undefined || vm === undefined || !Number.isSafeInteger(fenceToken)) return undefined;
  return { disk, holder: { vm, fenceToken } };
}

export function sameHolder(left: DiskHolder | undefined, right: DiskHolder | undefined): boolean {
  return left?.vm === right?.vm && left?.fenceToken === right?.fenceToken;
}
