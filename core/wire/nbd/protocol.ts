/**
 * Numbers and messages of the NBD protocol, as far as a server of disks speaks it: the fixed newstyle handshake, simple replies.
 *
 * Source: the protocol's document, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */

/** `NBDMAGIC`, `IHAVEOPT`. */
export const greetingMagic = [0x4e42_444d, 0x4147_4943] as const;
export const optionMagic = [0x4948_4156, 0x454f_5054] as const;
export const optionReplyMagic = [0x0003_e889, 0x0455_65a9] as const;
export const requestMagic = 0x2560_9513;
export const simpleReplyMagic = 0x6744_6698;

/** Flags of the handshake, the same bits in both directions. */
export const handshakeFlags = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const options = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
} as const;

const error = 0x8000_0000;
export const optionReplies = {
  ack: 1,
  server: 2,
  info: 3,
  unsupported: error + 1,
  invalid: error + 3,
  unknown: error + 6,
  tooBig: error + 9,
} as const;

export const infos = { export: 0, blockSize: 3 } as const;

/** What an export can do. A flush on one connection covers what others were answered, so clients may have several. */
export const transmissionFlags = {
  hasFlags: 0x001,
  sendFlush: 0x004,
  sendFua: 0x008,
  sendTrim: 0x020,
  sendWriteZeroes: 0x040,
  canMultiConn: 0x100,
} as const;

export const commands = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;
/** `noHole` is a wish for room that stays allotted, and honoured by whoever writes zeros. */
export const commandFlags = { fua: 1, noHole: 2 } as const;

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

/** Of one read or write. Trims and zeroings carry no bytes and may be as long as their 32 bits say. */
export const payloadBytesMax = 32 * 1_048_576;
export const preferredBlockBytes = 4_096;

export const requestHeaderBytes = 28;
export const simpleReplyBytes = 16;

export interface NbdExport {
  readonly name: string;
  readonly sizeBytes: number;
}

/** What a client asks of the export that it has chosen. Handles are opaque, as they came: 8 bytes. */
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
      /** Room for it is to stay allotted. */
      readonly noHole: boolean;
    };

/** The head of an answer to a request; bytes that were read follow it. */
export function simpleReply(handle: Uint8Array, failure: NbdError | undefined): Uint8Array {
  const reply = new Uint8Array(simpleReplyBytes);
  const view = new DataView(reply.buffer);
  view.setUint32(0, simpleReplyMagic);
  view.setUint32(4, failure === undefined ? 0 : nbdErrors[failure]);
  reply.set(handle, 8);
  return reply;
}
