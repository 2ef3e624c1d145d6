import { type JSX } from 'preact';

import { spanWords } from '../../model/ticks.ts';
import { wholeOf, zoomed } from '../../model/viewport.ts';
import { type Bench } from './bench-state.ts';

/** How the time axis is drawn, and how much of it. */
export function ViewBar(props: { readonly bench: Bench }): JSX.Element {
  const { mode, setMode, axis, viewport, setViewport, cursorUs, projection } = props.bench;
  const zoom = (factor: number): void => {
    setViewport(zoomed(axis, viewport, axis.position(cursorUs), factor));
  };
  return (
    <div class="view-bar" role="toolbar" aria-label="Time axis">
      <button type="button" aria-pressed={mode === 'even'} onClick={() => setMode('even')}>
        every moment
      </button>
      <button type="button" aria-pressed={mode === 'linear'} onClick={() => setMode('linear')}>
        to scale
      </button>
      <button type="button" aria-label="Zoom in" onClick={() => zoom(0.5)}>
        +
      </button>
      <button type="button" aria-label="Zoom out" onClick={() => zoom(2)}>
        −
      </button>
      <button type="button" onClick={() => setViewport(wholeOf(axis))}>
        whole run
      </button>
      <span class="muted">
        {spanWords(projection)} in view · drag to pan, Ctrl + wheel to zoom; with the focus here + − ← → 0
      </span>
    </div>
  );
}
