import { type TimeAxis } from './time-axis.ts';

/** The part of a time axis that is on the screen, in positions of the axis. Invariant: from < to. */
export interface Viewport {
  readonly from: number;
  readonly to: number;
}

/** Of the whole axis's length: room on either side, so that what is at an end can be seen. */
const marginShare = 0.02;
/** What is on the screen is never shorter than these. */
const linearSpanMin = 50;
const evenSpanMin = 4;

export function wholeOf(axis: TimeAxis): Viewport {
  const margin = (axis.to - axis.from) * marginShare;
  return { from: axis.from - margin, to: axis.to + margin };
}

/** The same place stays under the pointer. @param factor below 1 zooms in */
export function zoomed(axis: TimeAxis, viewport: Viewport, center: number, factor: number): Viewport {
  const spanMin = axis.mode === 'even' ? evenSpanMin : linearSpanMin;
  const span = viewport.to - viewport.from;
  const wanted = Math.max(spanMin, span * factor);
  const share = (center - viewport.from) / span;
  return kept(axis, { from: center - share * wanted, to: center + (1 - share) * wanted });
}

/** @param share of what is on the screen; negative: towards the beginning */
export function panned(axis: TimeAxis, viewport: Viewport, share: number): Viewport {
  const shift = (viewport.to - viewport.from) * share;
  return kept(axis, { from: viewport.from + shift, to: viewport.to + shift });
}

/** Moves only as far as is needed to have the position well in view. */
export function showing(axis: TimeAxis, viewport: Viewport, position: number): Viewport {
  const span = viewport.to - viewport.from;
  const edge = span * 0.05;
  if (position < viewport.from + edge)
    return kept(axis, { from: position - span * 0.2, to: position + span * 0.8 });
  if (position > viewport.to - edge)
    return kept(axis, { from: position - span * 0.8, to: position + span * 0.2 });
  return viewport;
}

/** Ends at the last position, and shows so much of what is before it. */
export function endingAt(axis: TimeAxis, position: number, span: number): Viewport {
  return kept(axis, { from: position - span * 0.92, to: position + span * 0.08 });
}

/** Within the axis, margins included; where it is too long for that, all of it. */
function kept(axis: TimeAxis, viewport: Viewport): Viewport {
  const whole = wholeOf(axis);
  const span = viewport.to - viewport.from;
  if (span >= whole.to - whole.from) return whole;
  if (viewport.from < whole.from) return { from: whole.from, to: whole.from + span };
  if (viewport.to > whole.to) return { from: whole.to - span, to: whole.to };
  return viewport;
}
