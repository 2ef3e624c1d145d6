import { type Prng } from '../core/base/prng.ts';

/** A share of cases, in thousandths, and the range of percents of the median that they take, its end excluded. */
type Band = readonly [permille: number, percentFrom: number, percentTo: number];

/** Durations around a median, with a tail; integers throughout. The bands' shares add up to 1,000. */
export type LatencyShape = readonly Band[];

/** A network at peace: most packets close to the median, two in a thousand up to fifty times as late. */
export const networkShape: LatencyShape = [
  [900, 60, 160],
  [80, 160, 400],
  [18, 400, 1_500],
  [2, 1_500, 5_000],
];

/** A disk that syncs: garbage collection and other tenants make one in two hundred up to a hundred times as slow. */
export const diskShape: LatencyShape = [
  [945, 70, 150],
  [50, 150, 800],
  [5, 800, 10_000],
];

/** Whatever slows things down, nothing takes longer than this: what is later is as good as lost, and is tested as such. */
export const latencyUsMax = 5_000_000;

/** A duration of 1 µs to `latencyUsMax`: around the median, and then this many times as long. */
export function drawLatencyUs(prng: Prng, medianUs: number, shape: LatencyShape, factor = 1): number {
  return Math.min(Math.max(1, drawAround(prng, medianUs, shape)) * factor, latencyUsMax);
}

function drawAround(prng: Prng, medianUs: number, shape: LatencyShape): number {
  let rank = prng.below(1_000);
  for (const [permille, percentFrom, percentTo] of shape) {
    if (rank < permille) {
      const fromUs = Math.floor((medianUs * percentFrom) / 100);
      const toUs = Math.floor((medianUs * percentTo) / 100);
      return fromUs + prng.below(Math.max(1, toUs - fromUs));
    }
    rank -= permille;
  }
  return medianUs;
}
