import { type FaultRecord, type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { faultTargets } from '../../model/fault-targets.ts';
import { type Line, type Rows } from '../../model/rows.ts';
import { type Arrow, type Projection, type Scene } from '../../model/scene.ts';
import { stepOf } from '../../model/scope.ts';
import { firstWhere } from '../../model/time-axis.ts';
import { kindColour, type Theme } from '../theme.ts';

export interface Picture {
  readonly evidence: RunEvidence;
  readonly scene: Scene;
  readonly rows: Rows;
  readonly projection: Projection;
  readonly theme: Theme;
  readonly cursor: StepNumber;
  readonly causes: ReadonlySet<StepNumber>;
}

const bandPx = 30;

/** From the back to the front: faults, lifelines, messages, steps, what is chosen, the violation. */
export function paintDiagram(context: CanvasRenderingContext2D, picture: Picture): void {
  for (const fault of picture.evidence.faults) paintFault(context, picture, fault);
  for (const line of picture.rows.lines) paintLifeline(context, picture, line);
  paintArrows(context, picture);
  paintDots(context, picture);
  paintNotes(context, picture);
  paintViolation(context, picture);
}

/** A band over every row that the fault is about. */
function paintFault(context: CanvasRenderingContext2D, picture: Picture, record: FaultRecord): void {
  const { rows, projection, theme, evidence } = picture;
  if (record.fault.atUs > evidence.result.simulatedUs) return;
  const from = projection.x(record.fromUs);
  const to = Math.max(from + 2, projection.x(record.toUs));
  if (to < 0 || from > projection.widthPx) return;
  const left = Math.max(from, -2);
  const width = Math.min(to, projection.widthPx + 2) - left;
  context.save();
  context.globalAlpha = record.fired ? 0.13 : 0.05;
  context.fillStyle = theme.fault;
  for (const node of faultTargets(record.fault, evidence.nodes)) {
    const y = rows.yOf({ kind: 'node', node });
    if (y !== undefined) context.fillRect(left, y - bandPx / 2, width, bandPx);
  }
  context.restore();
}

function paintLifeline(context: CanvasRenderingContext2D, picture: Picture, line: Line): void {
  const { projection, theme } = picture;
  const { widthPx } = projection;
  const stroke = (
    fromX: number,
    toX: number,
    colour: string,
    width: number,
    dash: readonly number[],
  ): void => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash([...dash]);
    context.beginPath();
    context.moveTo(Math.max(0, fromX), line.y);
    context.lineTo(Math.min(widthPx, toX), line.y);
    context.stroke();
    context.setLineDash([]);
  };
  if (line.endpoint.kind === 'client') {
    stroke(0, widthPx, theme.line, 1, []);
    return;
  }
  const roles = picture.evidence.lanes.get(line.endpoint.node)?.role ?? [];
  const fromUs = projection.timeAt(0);
  const toUs = projection.timeAt(widthPx);
  const begin = Math.max(0, firstWhere(roles.length, (index) => (roles[index]?.atUs ?? 0) > fromUs) - 1);
  const first = roles[begin];
  if (first === undefined || first.atUs > fromUs)
    stroke(0, projection.x(first?.atUs ?? toUs), theme.line, 1, [1, 4]);
  for (let index = begin; index < roles.length; index += 1) {
    const change = roles[index];
    if (change === undefined || change.atUs > toUs) break;
    const end = roles[index + 1]?.atUs ?? toUs;
    const [colour, width, dash] = lifelineStyle(theme, change.value);
    stroke(projection.x(change.atUs), projection.x(end), colour, width, dash);
  }
}

function lifelineStyle(theme: Theme, role: string): readonly [string, number, readonly number[]] {
  switch (role) {
    case 'leader':
      return [theme.leader, 4, []];
    case 'candidate':
    case 'preCandidate':
      return [theme.candidate, 3, []];
    case 'down':
      return [theme.faint, 1, [1, 4]];
    case 'paused':
      return [theme.faint, 2, [6, 5]];
    default:
      return [theme.follower, 1.5, []];
  }
}

const headPx = 6;

/** Lines and heads of one look are one path: thousands of strokes by themselves would cost a frame each. */
function paintArrows(context: CanvasRenderingContext2D, picture: Picture): void {
  const looks = new Map<string, { readonly look: Look; readonly arrows: Arrow[] }>();
  for (const arrow of picture.scene.arrows) {
    const look = lookOf(picture, arrow);
    const key = `${look.colour} ${look.alpha} ${look.width}`;
    const same = looks.get(key);
    if (same === undefined) looks.set(key, { look, arrows: [arrow] });
    else same.arrows.push(arrow);
  }
  for (const { look, arrows } of looks.values()) paintAlike(context, look, arrows);
}

interface Look {
  readonly colour: string;
  readonly alpha: number;
  readonly width: number;
  readonly lost: boolean;
}

function lookOf({ theme, cursor }: Picture, { packet, kind, lost }: Arrow): Look {
  const isChosen = packet.takenBy === cursor || packet.sentBy === cursor;
  const colour = lost ? theme.bad : kindColour(theme, kind);
  return { colour, alpha: isChosen ? 1 : lost ? 0.75 : 0.55, width: isChosen ? 2.5 : 1, lost };
}

function paintAlike(context: CanvasRenderingContext2D, look: Look, arrows: readonly Arrow[]): void {
  context.strokeStyle = look.colour;
  context.fillStyle = look.colour;
  context.globalAlpha = look.alpha;
  context.lineWidth = look.width;
  context.setLineDash(look.lost ? [4, 3] : []);
  context.beginPath();
  for (const { fromX, fromY, toX, toY } of arrows) {
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
  }
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  if (look.lost) {
    context.lineWidth = 2;
    for (const { toX, toY } of arrows) addCross(context, toX, toY, 4);
    context.stroke();
  } else {
    for (const arrow of arrows) addHead(context, arrow);
    context.fill();
  }
  context.globalAlpha = 1;
}

function addHead(context: CanvasRenderingContext2D, arrow: Arrow): void {
  const angle = Math.atan2(arrow.toY - arrow.fromY, arrow.toX - arrow.fromX);
  const tipX = arrow.toX - 3 * Math.cos(angle);
  const tipY = arrow.toY - 3 * Math.sin(angle);
  context.moveTo(tipX, tipY);
  context.lineTo(tipX - headPx * Math.cos(angle - 0.4), tipY - headPx * Math.sin(angle - 0.4));
  context.lineTo(tipX - headPx * Math.cos(angle + 0.4), tipY - headPx * Math.sin(angle + 0.4));
}

function paintCross(context: CanvasRenderingContext2D, x: number, y: number, reach: number): void {
  context.lineWidth = 2;
  context.beginPath();
  addCross(context, x, y, reach);
  context.stroke();
}

function addCross(context: CanvasRenderingContext2D, x: number, y: number, reach: number): void {
  context.moveTo(x - reach, y - reach);
  context.lineTo(x + reach, y + reach);
  context.moveTo(x - reach, y + reach);
  context.lineTo(x + reach, y - reach);
}

function paintDots(context: CanvasRenderingContext2D, picture: Picture): void {
  const { scene, theme, cursor, causes } = picture;
  context.fillStyle = theme.text;
  context.beginPath();
  for (const { step, x, y } of scene.dots) {
    const radius = causes.has(step) ? 4 : 2.5;
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
  context.fill();
  const record = stepOf(picture.evidence, cursor);
  const y = record === undefined ? undefined : picture.rows.yOf({ kind: 'node', node: record.node });
  if (record === undefined || y === undefined) return;
  context.fillStyle = theme.accent;
  context.strokeStyle = theme.paper;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(picture.projection.x(record.atUs), y, 6.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

/** Ends and starts of processes: a cross where one ended, a triangle where it began. */
function paintNotes(context: CanvasRenderingContext2D, picture: Picture): void {
  const { evidence, projection, rows, theme } = picture;
  for (const node of evidence.nodes) {
    const y = rows.yOf({ kind: 'node', node });
    const roles = evidence.lanes.get(node)?.role ?? [];
    if (y === undefined) continue;
    for (const [index, change] of roles.entries()) {
      const x = projection.x(change.atUs);
      if (x < -10 || x > projection.widthPx + 10) continue;
      const wasDown = index === 0 || roles[index - 1]?.value === 'down';
      if (change.value === 'down' && index > 0) {
        context.strokeStyle = theme.bad;
        paintCross(context, x, y, 5);
      } else if (wasDown && change.value !== 'down') paintStart(context, theme, x, y);
    }
  }
}

function paintStart(context: CanvasRenderingContext2D, theme: Theme, x: number, y: number): void {
  context.fillStyle = theme.snapshot;
  context.beginPath();
  context.moveTo(x - 3, y - 6);
  context.lineTo(x + 6, y);
  context.lineTo(x - 3, y + 6);
  context.fill();
}

function paintViolation(context: CanvasRenderingContext2D, picture: Picture): void {
  const { violation } = picture.evidence.result;
  if (violation === undefined) return;
  const { projection, rows, theme } = picture;
  const x = projection.x(violation.atUs);
  context.strokeStyle = theme.bad;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, rows.heightPx);
  context.stroke();
  context.fillStyle = theme.bad;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x + 7, 8);
  context.lineTo(x, 16);
  context.lineTo(x - 7, 8);
  context.fill();
}
