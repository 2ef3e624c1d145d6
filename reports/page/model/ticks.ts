import { type Projection } from './scene.ts';
import { duration } from './words.ts';

export interface Tick {
  readonly x: number;
  readonly text: string;
}

const tickPx = 120;

/**
 * Marks of the time axis. On a linear one they stand at round times; where time is warped they stand at even distances and
 * say what time it is there.
 */
export function ticks(projection: Projection, isLinear: boolean): readonly Tick[] {
  const count = Math.max(2, Math.floor(projection.widthPx / tickPx));
  const fromUs = projection.timeAt(0);
  const toUs = projection.timeAt(projection.widthPx);
  const stepUs = roundStep((toUs - fromUs) / count);
  if (!isLinear) return evenTicks(projection, count);
  const marks: Tick[] = [];
  for (let timeUs = Math.ceil(fromUs / stepUs) * stepUs; timeUs <= toUs; timeUs += stepUs)
    marks.push({ x: projection.x(timeUs), text: clock(timeUs, stepUs) });
  return marks;
}

function evenTicks(projection: Projection, count: number): readonly Tick[] {
  const places = Array.from({ length: count }, (_, index) => (index + 0.5) * (projection.widthPx / count));
  return places.map((x) => {
    const timeUs = projection.timeAt(x);
    // As exact as it takes to tell it from its neighbours.
    const nearUs = Math.min(timeUs - projection.timeAt(x - tickPx), projection.timeAt(x + tickPx) - timeUs);
    return { x, text: clock(timeUs, Math.max(1, nearUs / 10)) };
  });
}

/** What a px-wide piece of the axis means, for the scale's legend. */
export function spanWords(projection: Projection): string {
  return duration(Math.round(projection.timeAt(projection.widthPx) - projection.timeAt(0)));
}

function roundStep(us: number): number {
  let unit = 1;
  while (unit * 10 <= us) unit *= 10;
  for (const factor of [1, 2, 5, 10]) if (unit * factor >= us) return unit * factor;
  return unit * 10;
}

/** Seconds with as many digits as the distance of the marks needs. */
function clock(timeUs: number, stepUs: number): string {
  const digits = stepUs >= 1_000_000 ? 0 : Math.min(6, 6 - Math.floor(Math.log10(stepUs)));
  return `${(timeUs / 1_000_000).toFixed(digits)} s`;
}
