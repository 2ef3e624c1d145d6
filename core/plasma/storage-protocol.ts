import { type FenceToken, type VmId } from './types.ts';

/**
 * Between agents and the storage node that serves shared disks (`photon.plasma.v1.StorageService`). A disk has one newest
 * fencing token, which the storage node keeps durably; a write that comes under any other is refused, whenever it was sent
 * and however long its sender was asleep.
 */
export type StorageRequest =
  /**
   * Makes a disk that is not there. Again with the same size is harmless. Names are one or two parts (`project/name`) of
   * `[A-Za-z0-9][A-Za-z0-9._-]*`, of at most 63 and 160 characters; sizes are multiples of 512. The name of a disk that was
   * deleted is refused as NOT_FOUND.
   */
  | { readonly kind: 'createDisk'; readonly disk: string; readonly sizeBytes: number }
  /**
   * Serves the disk to whoever runs `vm` under `fenceToken`. A token below the newest is refused, and so is one that is not
   * above all of another virtual machine's: tokens of a disk rise from owner to owner. `activate`: this token is
   * the newest from now on, and the answer comes when nothing of an older one is under way any more: the fence. Without it,
   * reads and connections only (an incoming migration), the newest one goes on writing.
   */
  | {
      readonly kind: 'openExport';
      readonly disk: string;
      readonly vm: VmId;
      readonly fenceToken: FenceToken;
      readonly activate: boolean;
    }
  /** Nothing is written to the disk any more below `fenceToken`. Answered when nothing older is under way. */
  | { readonly kind: 'fence'; readonly disk: string; readonly vm: VmId; readonly fenceToken: FenceToken }
  /** Ends its connections; the disk stays with `vm`. Again is harmless. */
  | {
      readonly kind: 'closeExport';
      readonly disk: string;
      readonly vm: VmId;
      readonly fenceToken: FenceToken;
    }
  /**
   * The caller shows that nobody owns it any more: `vm` and its last token, or, without a virtual machine, a token above all
   * that it was opened under. One that is not there is deleted: nobody makes it any more.
   */
  | {
      readonly kind: 'deleteDisk';
      readonly disk: string;
      readonly vm: VmId | undefined;
      readonly fenceToken: FenceToken;
    };

export type StorageResponse =
  | { readonly kind: 'created' }
  | { readonly kind: 'opened'; readonly uri: string; readonly sizeBytes: number }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'deleted' }
  | {
      readonly kind: 'refused';
      readonly code: StorageRefusalCode;
      readonly message: string;
      /** The newest token, where it was stale. */
      readonly newest: FenceToken | undefined;
    };

export const storageRefusalCodes = [
  'STALE_TOKEN',
  'NOT_FOUND',
  /** It belongs to another virtual machine: only that one's receives and deletes. */
  'IN_USE',
  'INVALID',
  'NO_SPACE',
  'PERMISSION_DENIED',
  /** The disk could not be worked on, or too much is waiting; the message says which. To be asked again. */
  'UNAVAILABLE',
] as const;
export type StorageRefusalCode = (typeof storageRefusalCodes)[number];
