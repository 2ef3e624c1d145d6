import { type JSX } from 'preact';
import { useCallback, useMemo, useRef, useState } from 'preact/hooks';

import { type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { type Rows } from '../../model/rows.ts';
import { makeScene, pick, type Picked, type Projection, type Scene } from '../../model/scene.ts';
import { indexScene } from '../../model/scene-index.ts';
import { type Scoped, stepOf } from '../../model/scope.ts';
import { endpointName, grouped } from '../../model/words.ts';
import { Canvas } from '../canvas.tsx';
import { type Theme } from '../theme.ts';
import { PacketDetails, StepDetails } from './details.tsx';
import { paintDiagram } from './paint.ts';

/** A line a node and client, messages as arrows: what is in view of a run, as it went. */
export function Diagram(props: {
  readonly evidence: RunEvidence;
  readonly scoped: Scoped;
  readonly rows: Rows;
  readonly projection: Projection;
  readonly theme: Theme;
  readonly cursor: StepNumber;
  readonly onPick: (picked: Picked) => void;
}): JSX.Element {
  const { evidence, scoped, rows, projection, theme, cursor } = props;
  const index = useMemo(() => indexScene(evidence, scoped), [evidence, scoped]);
  const scene = useMemo(() => makeScene({ index, rows, projection }), [index, rows, projection]);
  const causes = useMemo(() => new Set(stepOf(evidence, cursor)?.causes ?? []), [evidence, cursor]);
  const paint = useCallback(
    (context: CanvasRenderingContext2D) => {
      paintDiagram(context, { evidence, scene, rows, projection, theme, cursor, causes });
    },
    [evidence, scene, rows, projection, theme, cursor, causes],
  );
  const [hover, setHover] = useState<Hover | undefined>();
  const pressed = useRef<{ readonly x: number; readonly y: number } | undefined>(undefined);
  const at = (event: PointerEvent): { x: number; y: number } => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  return (
    <div class="diagram-track">
      <RowNames rows={rows} />
      <div
        class={hover === undefined ? 'plot' : 'plot pointing'}
        onPointerMove={(event) => {
          const { x, y } = at(event);
          const picked = event.buttons === 0 ? pick(scene, x, y) : undefined;
          setHover(picked === undefined ? undefined : { picked, x, y });
        }}
        onPointerLeave={() => {
          setHover(undefined);
        }}
        onPointerDown={(event) => {
          pressed.current = { x: event.clientX, y: event.clientY };
        }}
        onPointerUp={(event) => {
          const from = pressed.current;
          pressed.current = undefined;
          if (from === undefined || Math.hypot(event.clientX - from.x, event.clientY - from.y) > 4) return;
          const { x, y } = at(event);
          const picked = pick(scene, x, y);
          if (picked !== undefined) props.onPick(picked);
        }}
      >
        <Canvas
          widthPx={projection.widthPx}
          heightPx={rows.heightPx}
          label={`Space-time diagram: ${scoped.steps.length} steps and ${scoped.packets.length} messages; the list of events beside it says the same in words`}
          paint={paint}
        />
        {hover !== undefined && <Tip evidence={evidence} hover={hover} widthPx={projection.widthPx} />}
        {isCrowded(scene) && <span class="thinned">{grouped(scene.hidden)} more behind these: zoom in</span>}
      </div>
    </div>
  );
}

/** So much lies behind what is drawn that the picture misleads. */
function isCrowded(scene: Scene): boolean {
  return 3 * scene.hidden > scene.dots.length + scene.arrows.length;
}

function RowNames(props: { readonly rows: Rows }): JSX.Element {
  const { lines, heightPx } = props.rows;
  return (
    <div class="gutter" style={{ height: `${heightPx}px` }}>
      {lines.map(({ endpoint, y }) => (
        <span class={`row-name ${endpoint.kind}`} style={{ top: `${y}px` }} key={endpointName(endpoint)}>
          {endpointName(endpoint)}
        </span>
      ))}
    </div>
  );
}

interface Hover {
  readonly picked: Picked;
  readonly x: number;
  readonly y: number;
}

function Tip(props: {
  readonly evidence: RunEvidence;
  readonly hover: Hover;
  readonly widthPx: number;
}): JSX.Element {
  const { evidence, hover, widthPx } = props;
  const side =
    hover.x > widthPx / 2 ? { right: `${widthPx - hover.x + 14}px` } : { left: `${hover.x + 14}px` };
  const { picked } = hover;
  const record = picked.kind === 'step' ? stepOf(evidence, picked.step) : undefined;
  return (
    <div class="tip" style={{ ...side, top: `${hover.y + 14}px` }} role="tooltip">
      {picked.kind === 'packet' && <PacketDetails packet={picked.packet} />}
      {picked.kind === 'step' && record !== undefined && (
        <StepDetails step={picked.step} record={record} brief />
      )}
    </div>
  );
}
