import { type Packet, type RunEvidence, type StepNumber } from '../../evidence/types.ts';
import { type Rows } from './rows.ts';
import { packetKind, type Scoped, stepOf } from './scope.ts';
import { firstWhere, type TimeAxis } from './time-axis.ts';
import { type Viewport } from './viewport.ts';

/** What of a run is on the screen: places in px, made anew for each frame from nothing but what is in view. */
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
/** Of one link, arrows that leave within the same pixel are one; of all of them no more than these are drawn. */
const arrowsMax = 6_000;
const dotsMax = 8_000;

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

export function makeScene(options: {
  readonly evidence: RunEvidence;
  readonly scoped: Scoped;
  readonly rows: Rows;
  readonly projection: Projection;
  /** No packet that arrived was under way for longer. */
  readonly flightUsMax: number;
}): Scene {
  const { evidence, scoped, rows, projection, flightUsMax } = options;
  const fromUs = projection.timeAt(-20);
  const toUs = projection.timeAt(projection.widthPx + 20);
  const timeOf = (index: number): number => stepOf(evidence, scoped.steps[index] ?? 0)?.atUs ?? 0;
  let hidden = 0;
  const dots: Dot[] = [];
  const seen = new Set<number>();
  for (
    let index = firstWhere(scoped.steps.length, (at) => timeOf(at) >= fromUs);
    index < scoped.steps.length;
    index += 1
  ) {
    const step = scoped.steps[index] ?? 0;
    const record = stepOf(evidence, step);
    if (record === undefined || record.atUs > toUs) break;
    const y = rows.yOf({ kind: 'node', node: record.node });
    if (y === undefined) continue;
    const x = projection.x(record.atUs);
    const key = Math.round(x) * 64 + record.node;
    if (seen.has(key) || dots.length >= dotsMax) hidden += 1;
    else dots.push({ step, x, y });
    seen.add(key);
  }
  const { packets } = scoped;
  const arrows: Arrow[] = [];
  const drawn = new Set<number>();
  const begin = firstWhere(packets.length, (at) => (packets[at]?.sentUs ?? 0) >= fromUs - flightUsMax);
  for (let index = begin; index < packets.length; index += 1) {
    const packet = packets[index];
    if (packet === undefined || packet.sentUs > toUs) break;
    if (packet.arrivedUs !== undefined && packet.arrivedUs < fromUs) continue;
    const arrow = arrowOf(packet, rows, projection);
    if (arrow === undefined || arrow.toX < -lostPx) continue;
    const key = placeOf(arrow);
    if (drawn.has(key) || arrows.length >= arrowsMax) hidden += 1;
    else arrows.push(arrow);
    drawn.add(key);
  }
  return { dots, arrows, hidden };
}

/** Equal for arrows that nobody can tell apart on the screen. */
function placeOf(arrow: Arrow): number {
  const ends = Math.round(arrow.fromY) * 4_096 + Math.round(arrow.toY);
  const from = Math.round(arrow.fromX) + 2_048;
  const to = Math.round(Math.min(arrow.toX, 8_000)) + 64;
  return (Math.max(0, from) * 8_192 + to) * 16_777_216 + ends;
}

function arrowOf(packet: Packet, rows: Rows, projection: Projection): Arrow | undefined {
  const fromY = rows.yOf(packet.from);
  const toY = rows.yOf(packet.to);
  if (fromY === undefined || toY === undefined) return undefined;
  const fromX = projection.x(packet.sentUs);
  const kind = packetKind(packet);
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
