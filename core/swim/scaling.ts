/**
 * How the protocol grows with the cluster, in integers.
 *
 * Sources: Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol" (2002), §4;
 * Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection" (2017), §IV.
 */

/** The least b with 2^b > n; of 0 it is 0. */
export function bitLength(n: number): number {
  return 32 - Math.clz32(n);
}

/** Times that a rumor is sent by each that has heard it: λ·log n. */
export function retransmitLimit(retransmitMult: number, members: number): number {
  return retransmitMult * bitLength(members);
}

/** Up to ten members each has the least; beyond it grows by log10, which is 0.3 · log2. */
export function suspicionMinUs(suspicionMult: number, members: number, probeIntervalUs: number): number {
  const tenths = Math.max(10, 3 * bitLength(members));
  return Math.floor((suspicionMult * tenths * probeIntervalUs) / 10);
}

/**
 * How long a suspect has, all in all: from the most, when one alone suspects it, down to the least when `wanted` others have
 * confirmed it on their own; by the logarithm of their number, since the first say the most.
 */
export function suspicionTimeoutUs(timeout: {
  readonly minUs: number;
  readonly maxUs: number;
  readonly confirmed: number;
  readonly wanted: number;
}): number {
  const { minUs, maxUs, confirmed, wanted } = timeout;
  if (wanted < 1 || confirmed >= wanted) return minUs;
  const shrunkUs = Math.floor(((maxUs - minUs) * log2Fixed(confirmed + 1)) / log2Fixed(wanted + 1));
  return Math.max(minUs, maxUs - shrunkUs);
}

const fractionBits = 10;
const one = 65_536;

/** log2 of an integer of 1 to 2^31, in 1,024ths: no float is as equal on every machine. */
export function log2Fixed(n: number): number {
  const whole = bitLength(n) - 1;
  // n / 2^whole, in [1, 2), as 16 bits behind the point; squared bit by bit.
  let rest = Math.floor((n * one) / 2 ** whole);
  let fraction = 0;
  for (let bit = 0; bit < fractionBits; bit += 1) {
    rest = Math.floor((rest * rest) / one);
    fraction *= 2;
    if (rest < 2 * one) continue;
    fraction += 1;
    rest = Math.floor(rest / 2);
  }
  return whole * 2 ** fractionBits + fraction;
}
