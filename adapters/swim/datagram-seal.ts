import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** The byte of a datagram that holds its flags, and the flag that says that a tag follows (core/swim/datagram-codec.ts). */
const flagsAt = 3;
const sealedFlag = 0x01;
/** HMAC-SHA-256, cut to half: 128 bits to guess. */
const tagBytes = 16;

/**
 * Signs datagrams with a key that all members have, so that whoever has not cannot make them believe anything. Who can listen can
 * still say again what was said, which is old news to those who have heard it.
 */
export class DatagramSeal {
  readonly #key: Buffer;

  /** @param secret of any length, the same for all members */
  constructor(secret: Uint8Array) {
    // Not the secret itself: it may be used elsewhere.
    this.#key = createHash('sha256').update('photon gossip\n').update(secret).digest();
  }

  seal(datagram: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(datagram.length + tagBytes);
    sealed.set(datagram);
    sealed[flagsAt] = (sealed[flagsAt] ?? 0) | sealedFlag;
    sealed.set(this.#tagOf(sealed.subarray(0, datagram.length)), datagram.length);
    return sealed;
  }

  /** Undefined when it does not bear the tag that the key gives. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - tagBytes;
    if (length <= flagsAt) return undefined;
    const signed = sealed.subarray(0, length);
    const flags = signed[flagsAt] ?? 0;
    if ((flags & sealedFlag) === 0) return undefined;
    if (!timingSafeEqual(this.#tagOf(signed), sealed.subarray(length))) return undefined;
    const datagram = signed.slice();
    datagram[flagsAt] = flags & ~sealedFlag;
    return datagram;
  }

  #tagOf(signed: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#key).update(signed).digest().subarray(0, tagBytes);
  }
}
