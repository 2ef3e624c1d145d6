/**
 * Numbers of the NBD protocol.
 *
 * Source: the protocol's document, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
export const nbdErrors = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;
export type NbdError = keyof typeof nbdErrors;

export interface NbdExport {
  readonly name: string;
  readonly sizeBytes: number;
}

/** What a client asks of the export that it has chosen. Handles are opaque, as they came. */
export type NbdRequest =
  | {
      readonly kind: 'read';
      readonly handle: Uint8Array;
      readonly positionBytes: number;
      readonly lengthBytes: number;
    }
  | {
      readonly kind: 'write';
      readonly handle: Uint8Array;
      readonly positionBytes: number;
      readonly bytes: Uint8Array;
      /** Answered when it is on the disk. */
      readonly durable: boolean;
    }
  | { readonly kind: 'flush'; readonly handle: Uint8Array }
  | {
      readonly kind: 'trim' | 'writeZeroes';
      readonly handle: Uint8Array;
      readonly positionBytes: number;
      readonly lengthBytes: number;
      readonly durable: boolean;
    };
