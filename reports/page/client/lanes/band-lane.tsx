import { type JSX } from 'preact';
import { useCallback } from 'preact/hooks';

import { type Band } from '../../model/bands.ts';
import { type Projection } from '../../model/scene.ts';
import { Canvas } from '../canvas.tsx';

/** Bars along the time axis, a row or more of them, each with its text where it fits. */
export function BandLane(props: {
  readonly title: string;
  readonly rowNames: readonly string[];
  readonly bands: readonly Band[];
  readonly rowPx: number;
  readonly projection: Projection;
  readonly colourOf: (band: Band) => string;
  readonly textColour: string;
}): JSX.Element {
  const { bands, rowPx, projection, colourOf, textColour } = props;
  const heightPx = Math.max(1, props.rowNames.length) * rowPx + 4;
  const paint = useCallback(
    (context: CanvasRenderingContext2D) => {
      context.font = '11px system-ui, sans-serif';
      context.textBaseline = 'middle';
      for (const band of bands) {
        const from = Math.max(-1, projection.x(band.fromUs));
        const to = Math.min(projection.widthPx + 1, Math.max(projection.x(band.toUs), from + 2));
        if (to < 0 || from > projection.widthPx) continue;
        const top = 2 + band.row * rowPx;
        context.globalAlpha = band.faint ? 0.35 : 1;
        context.fillStyle = colourOf(band);
        context.fillRect(from, top, Math.max(1.5, to - from - 1), rowPx - 3);
        context.globalAlpha = 1;
        paintText(context, band.text, {
          from: from + 4,
          to: to - 3,
          y: top + (rowPx - 3) / 2,
          colour: textColour,
        });
      }
    },
    [bands, rowPx, projection, colourOf, textColour],
  );
  return (
    <div class="lane" role="group" aria-label={props.title}>
      <div class="gutter" style={{ height: `${heightPx}px` }}>
        {props.rowNames.map((name, row) => (
          <span class="row-name lane-row" style={{ top: `${2 + row * rowPx + rowPx / 2 - 1}px` }} key={name}>
            {name}
          </span>
        ))}
      </div>
      <div class="plot">
        <Canvas
          widthPx={projection.widthPx}
          heightPx={heightPx}
          label={`${props.title} over time`}
          paint={paint}
        />
      </div>
    </div>
  );
}

function paintText(
  context: CanvasRenderingContext2D,
  text: string,
  place: { readonly from: number; readonly to: number; readonly y: number; readonly colour: string },
): void {
  const room = place.to - Math.max(0, place.from);
  if (text === '' || room < 14) return;
  const width = context.measureText(text).width;
  const shown = width <= room ? text : text.slice(0, Math.floor((text.length * room) / width) - 1);
  if (shown.length < 2 && shown !== text) return;
  context.fillStyle = place.colour;
  context.fillText(shown === text ? text : `${shown}…`, Math.max(3, place.from), place.y);
}
