import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

import { StatusError } from '../grpc/status.ts';

/** Beyond it a call is refused: each that waits holds a password in memory. */
const waitingMax = 256;
/** Of UTF-8: more would only make the server work. */
export const passwordBytesMax = 1_024;

const saltBytes = 16;
const hashBytes = 32;
const blockSize = 8;
const parallelization = 1;
/** What is read back from replicated state is bounded as well. */
const costMax = 20;

interface ParsedHash {
  readonly cost: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/**
 * Passwords, by scrypt. What stands in the log is `scrypt$cost$salt$hash`, cost as a power of two: it says itself how it was
 * made, so that the cost can be raised later.
 *
 * One at a time: Node has four threads for this and for the disk, and nobody's wrong passwords may hold the log back.
 */
export class Passwords {
  readonly #cost: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** @param cost a step more takes twice the time and memory */
  constructor(cost: number) {
    this.#cost = cost;
  }

  /** @throws StatusError for a password that is too long, and when too many wait */
  async hash(password: string): Promise<string> {
    checkLength(password);
    const salt = randomBytes(saltBytes);
    const hash = await this.#inTurn(password, salt, this.#cost);
    return ['scrypt', this.#cost, salt.toString('base64'), hash.toString('base64')].join('$');
  }

  /** Takes as long for a user that there is not, whose hash is empty: nobody learns names by the clock. */
  async matches(password: string, hash: string): Promise<boolean> {
    checkLength(password);
    const parsed = parse(hash);
    const salt = parsed?.salt ?? Buffer.alloc(saltBytes);
    const found = await this.#inTurn(password, salt, parsed?.cost ?? this.#cost);
    return parsed !== undefined && timingSafeEqual(found, parsed.hash);
  }

  async #inTurn(password: string, salt: Buffer, cost: number): Promise<Buffer> {
    if (this.#waiting >= waitingMax) {
      throw new StatusError('RESOURCE_EXHAUSTED', 'etcdserver: too many requests');
    }
    this.#waiting += 1;
    const turn = this.#last.then(() => derive(password, salt, cost));
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }
}

function derive(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  const blocks = 2 ** cost;
  const options = { N: blocks, r: blockSize, p: parallelization, maxmem: 256 * blocks * blockSize };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function parse(text: string): ParsedHash | undefined {
  const [name, cost, salt, hash] = text.split('$');
  if (name !== 'scrypt' || salt === undefined || hash === undefined) return undefined;
  const parsed = { cost: Number(cost), salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
  const isSound = Number.isInteger(parsed.cost) && parsed.cost >= 1 && parsed.cost <= costMax;
  return isSound && parsed.hash.length === hashBytes ? parsed : undefined;
}

function checkLength(password: string): void {
  const bytes = Buffer.byteLength(password);
  if (bytes <= passwordBytesMax) return;
  throw new StatusError(
    'INVALID_ARGUMENT',
    `the password takes ${bytes} bytes; at most ${passwordBytesMax} are allowed`,
  );
}
