import { type Packet, type RunEvidence, type StepNumber } from '../../evidence/types.ts';
import { type Scoped, stepOf } from './scope.ts';
import { evenAxis, linearAxis, type TimeAxis } from './time-axis.ts';
import { endingAt, type Viewport, wholeOf } from './viewport.ts';

/** So much room a moment of an even axis has at first. */
const momentPx = 14;
/** A linear axis begins with this much of its end. */
const linearUs = 2_000_000;

/** The axis of what is in view; a violation is always on it. */
export function axisOf(evidence: RunEvidence, scoped: Scoped, mode: TimeAxis['mode']): TimeAxis {
  const times = scoped.steps.map((step) => stepOf(evidence, step)?.atUs ?? 0);
  const endUs = evidence.result.violation?.atUs;
  if (mode === 'linear') return linearAxis(times[0] ?? 0, Math.max(times.at(-1) ?? 1, endUs ?? 0));
  for (const { sentUs, arrivedUs } of scoped.packets) {
    times.push(sentUs);
    if (arrivedUs !== undefined) times.push(arrivedUs);
  }
  if (endUs !== undefined) times.push(endUs);
  return evenAxis(times.toSorted((left, right) => left - right));
}

/** What is shown first of an axis: what led up to this time, in a size that can be read. */
export function initialViewport(axis: TimeAxis, atUs: number, widthPx: number): Viewport {
  const span = axis.mode === 'even' ? widthPx / momentPx : linearUs;
  const whole = wholeOf(axis);
  return span >= whole.to - whole.from ? whole : endingAt(axis, axis.position(atUs), span);
}

/** Clients that sent or were sent anything, by number. */
export function clientsOf(packets: readonly Packet[]): readonly number[] {
  const clients = new Set<number>();
  for (const { from, to } of packets) {
    if (from.kind === 'client') clients.add(from.client);
    if (to.kind === 'client') clients.add(to.client);
  }
  return [...clients].toSorted((left, right) => left - right);
}

/** The step itself where it is in the list, else the last before it, else the first; undefined: the list is empty. */
export function nearestStep(steps: readonly StepNumber[], wanted: StepNumber): StepNumber | undefined {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((steps[middle] ?? Infinity) <= wanted) low = middle + 1;
    else high = middle;
  }
  return steps[Math.max(0, low - 1)];
}
