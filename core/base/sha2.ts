/**
 * SHA-256 and SHA-512 (FIPS 180-4), for a few short inputs: what a machine must be able to compute where there is no
 * library. Words are bigints, a hundred times slower than what adapters use for whatever is long or often.
 */
export type Sha2 = 'sha256' | 'sha512';

interface Shape {
  readonly wordBits: bigint;
  readonly blockBytes: number;
  readonly rounds: number;
  /** Rotations of Σ0, Σ1; rotations and the shift of σ0, σ1. */
  readonly sums: readonly [Rotations, Rotations];
  readonly schedules: readonly [Rotations, Rotations];
}

type Rotations = readonly [bigint, bigint, bigint];

export const sha2Shapes: Readonly<Record<Sha2, Shape>> = {
  sha256: {
    wordBits: 32n,
    blockBytes: 64,
    rounds: 64,
    sums: [
      [2n, 13n, 22n],
      [6n, 11n, 25n],
    ],
    schedules: [
      [7n, 18n, 3n],
      [17n, 19n, 10n],
    ],
  },
  sha512: {
    wordBits: 64n,
    blockBytes: 128,
    rounds: 80,
    sums: [
      [28n, 34n, 39n],
      [14n, 18n, 41n],
    ],
    schedules: [
      [1n, 8n, 7n],
      [19n, 61n, 6n],
    ],
  },
};

export function sha2(kind: Sha2, input: Uint8Array): Uint8Array {
  const shape = sha2Shapes[kind];
  const { wordBits, blockBytes } = shape;
  const mask = (1n << wordBits) - 1n;
  // The constants of the shorter hash are the upper halves of those of the longer one.
  const unused = 64n - wordBits;
  const constants = cubeRoots.slice(0, shape.rounds).map((value) => value >> unused);
  let state = squareRoots.map((value) => value >> unused);
  const padded = pad(input, blockBytes);
  for (let at = 0; at < padded.length; at += blockBytes) {
    const words = scheduleOf(shape, padded.subarray(at, at + blockBytes), mask);
    state = compress(shape, { state, words, constants }, mask);
  }
  const wordBytes = Number(wordBits / 8n);
  const digest = new Uint8Array(8 * wordBytes);
  state.forEach((word, index) => {
    for (let byte = 0; byte < wordBytes; byte += 1) {
      digest[index * wordBytes + byte] = Number((word >> BigInt(8 * (wordBytes - 1 - byte))) & 0xffn);
    }
  });
  return digest;
}

/** A bit, zeros, and the length in bits at the end of the last block. */
function pad(input: Uint8Array, blockBytes: number): Uint8Array {
  const lengthBytes = blockBytes / 8;
  const whole = Math.ceil((input.length + 1 + lengthBytes) / blockBytes) * blockBytes;
  const padded = new Uint8Array(whole);
  padded.set(input);
  padded[input.length] = 0x80;
  let bits = BigInt(input.length) * 8n;
  for (let at = whole - 1; bits > 0n; at -= 1) {
    padded[at] = Number(bits & 0xffn);
    bits >>= 8n;
  }
  return padded;
}

function scheduleOf(
  { wordBits, rounds, schedules }: Shape,
  block: Uint8Array,
  mask: bigint,
): readonly bigint[] {
  const wordBytes = Number(wordBits / 8n);
  const words: bigint[] = [];
  for (let at = 0; at < block.length; at += wordBytes) {
    let word = 0n;
    for (const byte of block.subarray(at, at + wordBytes)) word = (word << 8n) | BigInt(byte);
    words.push(word);
  }
  const word = (at: number): bigint => words[at] ?? 0n;
  const mix = (value: bigint, [first, second, shift]: Rotations): bigint =>
    rotate(value, first, wordBits) ^ rotate(value, second, wordBits) ^ (value >> shift);
  for (let at = 16; at < rounds; at += 1) {
    const older = mix(word(at - 15), schedules[0]) + mix(word(at - 2), schedules[1]);
    words.push((word(at - 16) + word(at - 7) + older) & mask);
  }
  return words;
}

function compress(
  { wordBits, rounds, sums }: Shape,
  given: {
    readonly state: readonly bigint[];
    readonly words: readonly bigint[];
    readonly constants: readonly bigint[];
  },
  mask: bigint,
): bigint[] {
  const sum = (value: bigint, [first, second, third]: Rotations): bigint =>
    rotate(value, first, wordBits) ^ rotate(value, second, wordBits) ^ rotate(value, third, wordBits);
  let [a, b, c, d, e, f, g, h] = given.state as Eight;
  for (let round = 0; round < rounds; round += 1) {
    const choice = (e & f) ^ (~e & mask & g);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const first = h + sum(e, sums[1]) + choice + (given.constants[round] ?? 0n) + (given.words[round] ?? 0n);
    const second = sum(a, sums[0]) + majority;
    [a, b, c, d, e, f, g, h] = [(first + second) & mask, a, b, c, (d + first) & mask, e, f, g];
  }
  const added = [a, b, c, d, e, f, g, h];
  return given.state.map((value, index) => (value + (added[index] ?? 0n)) & mask);
}

type Eight = readonly [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];

function rotate(value: bigint, bits: bigint, wordBits: bigint): bigint {
  return (value >> bits) | ((value << (wordBits - bits)) & ((1n << wordBits) - 1n));
}

const primes = firstPrimes(80);
/** The first 64 bits behind the point of roots of primes, where the standard takes its constants from. */
const cubeRoots = primes.map((prime) => fractionOfRoot(prime, 3));
const squareRoots = primes.slice(0, 8).map((prime) => fractionOfRoot(prime, 2));

function firstPrimes(count: number): readonly bigint[] {
  const found: bigint[] = [];
  for (let candidate = 2n; found.length < count; candidate += 1n) {
    if (found.every((prime) => candidate % prime !== 0n)) found.push(candidate);
  }
  return found;
}

function fractionOfRoot(value: bigint, degree: 2 | 3): bigint {
  const scaled = value << BigInt(64 * degree);
  let low = 0n;
  let high = 1n << 80n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(degree) <= scaled) low = middle;
    else high = middle;
  }
  return low & ((1n << 64n) - 1n);
}
