/**
 * The first frames of a client's HTTP/2 connection (RFC 9113), up to its first request.
 *
 * Clients of Go's etcd library up to 3.4 put the whole URL of an endpoint into `:authority` where they ask one member for its
 * status, its hashes or its snapshot (`etcdctl endpoint status --cluster`). The HTTP/2 library refuses that as no authority,
 * with PROTOCOL_ERROR and before anybody is asked; etcd never looks at it. So it is made a name of as many bytes, in place.
 */
export class OpeningFrames {
  #bytes: Buffer;
  /** Where the next frame begins. */
  #at: number = prefaceBytes;
  #expectsAck = false;
  #request = false;
  #unusual = false;
  #settings = false;

  /** @param beginning what has come of the connection */
  constructor(beginning: Buffer) {
    this.#bytes = beginning;
    this.#read();
  }

  push(piece: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, piece]);
    this.#read();
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The client's settings have come, and no request: most clients wait for the server's settings first. */
  get waits(): boolean {
    return this.#settings && !this.asks;
  }

  /** A request has come, or something else that must not wait. */
  get asks(): boolean {
    return this.#request || this.#unusual;
  }

  /** Settings were sent whose acknowledgement the library behind must not see: it did not send them. */
  settingsSent(): void {
    this.#expectsAck = true;
  }

  get isAcknowledged(): boolean {
    return !this.#expectsAck;
  }

  /** Everything that has come, but for that acknowledgement. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  #read(): void {
    for (;;) {
      const start = this.#at;
      if (this.#bytes.length < start + frameHeadBytes) return;
      const length = this.#bytes.readUIntBE(start, 3);
      const type = this.#bytes[start + 3];
      const flags = this.#bytes[start + 4] ?? 0;
      const end = start + frameHeadBytes + length;
      if (length > frameBytesMax) this.#unusual = true;
      if (this.#bytes.length < end) return;
      if (type === frameTypes.settings && (flags & ackFlag) !== 0 && this.#expectsAck) {
        this.#bytes = Buffer.concat([this.#bytes.subarray(0, start), this.#bytes.subarray(end)]);
        this.#expectsAck = false;
        continue;
      }
      if (type === frameTypes.settings) this.#settings = true;
      else if (type === frameTypes.headers) this.#onHeaders(start + frameHeadBytes, end, flags);
      else if (type !== frameTypes.windowUpdate && type !== frameTypes.priority) this.#unusual = true;
      this.#at = end;
    }
  }

  #onHeaders(start: number, end: number, flags: number): void {
    if (this.#request) return;
    this.#request = true;
    // A block in several frames is longer than any that these clients send.
    if ((flags & endHeadersFlag) === 0) return;
    const padded = (flags & paddedFlag) !== 0;
    const padding = padded ? (this.#bytes[start] ?? 0) : 0;
    const from = start + (padded ? 1 : 0) + ((flags & priorityFlag) === 0 ? 0 : priorityBytes);
    replaceUrlAuthority(this.#bytes, from, end - padding);
  }
}

const prefaceBytes = 24;
const frameHeadBytes = 9;
/** What a peer that was told nothing else may send at most. */
const frameBytesMax = 16_384;
const frameTypes = { headers: 1, priority: 2, settings: 4, windowUpdate: 8 } as const;
const ackFlag = 0x1;
const endHeadersFlag = 0x4;
const paddedFlag = 0x8;
const priorityFlag = 0x20;
const priorityBytes = 5;
/** An empty SETTINGS frame: every setting as it is by default. */
export const emptySettings: Uint8Array = Uint8Array.of(0, 0, 0, frameTypes.settings, 0, 0, 0, 0, 0);

/** `:authority` in HPACK's static table. */
const authorityIndex = 1;
const schemes = ['http://', 'https://'];
/** The same in HPACK's Huffman code: h, t, t, p, then perhaps s, then :, /, /. */
const codedSchemes = [
  '100111' + '01001' + '01001' + '101011' + '1011100' + '011000' + '011000',
  '100111' + '01001' + '01001' + '101011' + '01000' + '1011100' + '011000' + '011000',
];

/**
 * Makes an `:authority` that is a URL a name of the same number of bytes, within a whole block of headers (RFC 7541).
 *
 * The client's table of headers then holds an entry that is not shorter than the server's: the server forgets entries no
 * sooner than the client, so that whatever the client refers to is there.
 */
function replaceUrlAuthority(block: Buffer, from: number, to: number): void {
  let at = from;
  while (at < to) {
    const first = block[at] ?? 0;
    if ((first & 0x80) !== 0) {
      at = readInteger(block, at, 7).next;
      continue;
    }
    // A new size of the table.
    if ((first & 0xe0) === 0x20) {
      at = readInteger(block, at, 5).next;
      continue;
    }
    const name = readInteger(block, at, (first & 0x40) === 0 ? 4 : 6);
    at = name.next;
    if (name.value === 0) at = skipString(block, at);
    if (name.value === authorityIndex) {
      replaceUrl(block, at, to);
      return;
    }
    at = skipString(block, at);
  }
}

function replaceUrl(block: Buffer, at: number, to: number): void {
  const isCoded = ((block[at] ?? 0) & 0x80) !== 0;
  const { value: length, next } = readInteger(block, at, 7);
  const value = block.subarray(next, Math.min(next + length, to));
  if (value.length < length || !beginsWithScheme(value, isCoded)) return;
  block[at] = (block[at] ?? 0) & 0x7f;
  value.fill('a');
}

function beginsWithScheme(value: Buffer, isCoded: boolean): boolean {
  if (!isCoded) return schemes.some((scheme) => value.toString('latin1').startsWith(scheme));
  const bits = [...value.subarray(0, 8)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return codedSchemes.some((scheme) => bits.startsWith(scheme));
}

function skipString(block: Buffer, at: number): number {
  const { value, next } = readInteger(block, at, 7);
  return next + value;
}

/** An integer of HPACK, whose first bits share a byte with something else. What ends too soon is as long as nothing. */
function readInteger(
  block: Buffer,
  at: number,
  bits: number,
): { readonly value: number; readonly next: number } {
  const most = 2 ** bits - 1;
  let value = (block[at] ?? 0) & most;
  let next = at + 1;
  if (value < most) return { value, next };
  for (let factor = 1; next < block.length && factor < 2 ** 35; factor *= 128, next += 1) {
    const byte = block[next] ?? 0;
    value += (byte & 0x7f) * factor;
    if ((byte & 0x80) === 0) return { value, next: next + 1 };
  }
  return { value: block.length, next: block.length };
}
