import { type Packet, type StepNumber } from '../../evidence/types.ts';
import { type Rows } from './rows.ts';
import { fairShares, inView, type SceneIndex, type StepsOfNode, strideFor } from './scene-index.ts';
import { firstWhere, type TimeAxis } from './time-axis.ts';
import { type Viewport } from './viewport.ts';

/** What of a run is on the screen: places in px, made anew for each frame from what is in view. */
export interface Scene {
  readonly dots: readonly Dot[];
  readonly arrows: readonly Arrow[];
  /** Things in view that are not drawn, since others lie on the same pixel. */
  readonly hidden: number;
}

export interface Dot {
  readonly step: StepNumber;
  readonly x: number;
  readonly y: number;
}

export interface Arrow {
  readonly packet: Packet;
  readonly kind: string;
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  readonly lost: boolean;
}

/** A lost packet's line ends after so much of the screen. */
const lostPx = 26;
/** No more than these are drawn, and no more are looked at; of one link those that leave and arrive within the same pixels are one. */
export const arrowsMax = 4_000;

/** Places of times on the screen. */
export interface Projection {
  readonly widthPx: number;
  x(timeUs: number): number;
  timeAt(x: number): number;
}

export function projection(axis: TimeAxis, viewport: Viewport, widthPx: number): Projection {
  const scale = widthPx / (viewport.to - viewport.from);
  return {
    widthPx,
    x: (timeUs) => (axis.position(timeUs) - viewport.from) * scale,
    timeAt: (x) => axis.timeAt(viewport.from + x / scale),
  };
}

/** Whatever of the index is in view, thinned to what can be told apart: a frame costs as much of a long run as of a short one. */
export function makeScene(options: {
  readonly index: SceneIndex;
  readonly rows: Rows;
  readonly projection: Projection;
}): Scene {
  const { index, rows, projection } = options;
  const span = { fromUs: projection.timeAt(-20), toUs: projection.timeAt(projection.widthPx + 20) };
  const dots = index.steps.map((steps) => dotsOf(steps, span, rows, projection));
  const kinds = index.packets.map((packets) => ({ packets, shown: inView(packets, span, arrowsMax) }));
  const counts = kinds.map(({ shown }) => shown.under.length + shown.to - shown.from);
  const shares = fairShares(counts, arrowsMax);
  const drawn = new Set<number>();
  const arrows: Arrow[] = [];
  // The rare first: where a frequent one has the same place, it is the rare one that is drawn.
  const rareFirst = [...kinds.entries()].toSorted(([a], [b]) => (counts[a] ?? 0) - (counts[b] ?? 0));
  for (const [position, { packets, shown }] of rareFirst) {
    const stride = strideFor(counts[position] ?? 0, shares[position] ?? 0);
    const show = (at: number): void => {
      const packet = packets.packets[at];
      const arrow = packet === undefined ? undefined : arrowOf(packet, packets.kind, rows, projection);
      if (arrow === undefined || arrow.toX < -lostPx) return;
      const place = placeOf(arrow);
      if (!drawn.has(place)) arrows.push(arrow);
      drawn.add(place);
    };
    for (const at of shown.under) if (at % stride === 0) show(at);
    for (let at = Math.ceil(shown.from / stride) * stride; at < shown.to; at += stride) show(at);
  }
  const hiddenDots = dots.reduce((sum, { hidden }) => sum + hidden, 0);
  const hiddenArrows = counts.reduce((sum, count) => sum + count, 0) - arrows.length;
  // And painted last, above the others.
  arrows.reverse();
  return { dots: dots.flatMap(({ shown }) => shown), arrows, hidden: hiddenDots + hiddenArrows };
}

/** Of each node, one in every column of the screen. */
function dotsOf(
  { node, steps, timesUs }: StepsOfNode,
  { fromUs, toUs }: { readonly fromUs: number; readonly toUs: number },
  rows: Rows,
  projection: Projection,
): { readonly shown: readonly Dot[]; readonly hidden: number } {
  const y = rows.yOf({ kind: 'node', node });
  if (y === undefined) return { shown: [], hidden: 0 };
  const from = firstWhere(timesUs.length, (at) => (timesUs[at] ?? 0) >= fromUs);
  const to = firstWhere(timesUs.length, (at) => (timesUs[at] ?? 0) > toUs);
  const shown: Dot[] = [];
  for (let at = from; at < to;) {
    const x = projection.x(timesUs[at] ?? 0);
    shown.push({ step: steps[at] ?? 0, x, y });
    const nextUs = projection.timeAt(Math.round(x) + 0.5);
    at = Math.max(
      at + 1,
      firstWhere(to, (other) => (timesUs[other] ?? 0) >= nextUs),
    );
  }
  return { shown, hidden: to - from - shown.length };
}

/** Equal for arrows that nobody can tell apart on the screen. */
function placeOf(arrow: Arrow): number {
  const ends = Math.round(arrow.fromY) * 4_096 + Math.round(arrow.toY);
  const from = Math.round(arrow.fromX) + 2_048;
  const to = Math.round(Math.min(arrow.toX, 8_000)) + 64;
  return (Math.max(0, from) * 8_192 + to) * 16_777_216 + ends;
}

function arrowOf(packet: Packet, kind: string, rows: Rows, projection: Projection): Arrow | undefined {
  const fromY = rows.yOf(packet.from);
  const toY = rows.yOf(packet.to);
  if (fromY === undefined || toY === undefined) return undefined;
  const fromX = projection.x(packet.sentUs);
  if (packet.arrivedUs === undefined) {
    return { packet, kind, fromX, fromY, toX: fromX + lostPx, toY: fromY + (toY - fromY) * 0.45, lost: true };
  }
  return { packet, kind, fromX, fromY, toX: projection.x(packet.arrivedUs), toY, lost: false };
}

export type Picked =
  { readonly kind: 'step'; readonly step: StepNumber } | { readonly kind: 'packet'; readonly packet: Packet };

const dotReachPx = 9;
const arrowReachPx = 5;

/** What lies under the pointer: a step before a packet, the nearest of its kind. */
export function pick(scene: Scene, x: number, y: number): Picked | undefined {
  let nearest: { readonly dot: Dot; readonly distance: number } | undefined;
  for (const dot of scene.dots) {
    const distance = Math.hypot(dot.x - x, dot.y - y);
    if (distance <= dotReachPx && (nearest === undefined || distance < nearest.distance))
      nearest = { dot, distance };
  }
  if (nearest !== undefined) return { kind: 'step', step: nearest.dot.step };
  let closest: { readonly arrow: Arrow; readonly distance: number } | undefined;
  for (const arrow of scene.arrows) {
    const distance = distanceTo(arrow, x, y);
    if (distance <= arrowReachPx && (closest === undefined || distance < closest.distance))
      closest = { arrow, distance };
  }
  return closest === undefined ? undefined : { kind: 'packet', packet: closest.arrow.packet };
}

function distanceTo(arrow: Arrow, x: number, y: number): number {
  const alongX = arrow.toX - arrow.fromX;
  const alongY = arrow.toY - arrow.fromY;
  const length = alongX * alongX + alongY * alongY;
  const share = length === 0 ? 0 : ((x - arrow.fromX) * alongX + (y - arrow.fromY) * alongY) / length;
  const at = Math.min(1, Math.max(0, share));
  return Math.hypot(arrow.fromX + at * alongX - x, arrow.fromY + at * alongY - y);
}
