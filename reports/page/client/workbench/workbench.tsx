import { type JSX } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { type Packet, type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { layOut } from '../../model/rows.ts';
import { type Picked, projection as project } from '../../model/scene.ts';
import { everything, type Filters, scoped as scope, stepOf } from '../../model/scope.ts';
import { spanWords } from '../../model/ticks.ts';
import {
  axisOf,
  clientsOf,
  initialViewport,
  longestFlightUs,
  nearestStep,
} from '../../model/workbench-model.ts';
import { showing, type Viewport, wholeOf, zoomed } from '../../model/viewport.ts';
import { Diagram } from '../diagram/diagram.tsx';
import { useWidth } from '../measure.ts';
import { useTheme } from '../theme.ts';
import { EventPanel } from './event-panel.tsx';
import { FilterBar } from './filter-bar.tsx';
import { keyedViewport, useGestures } from './gestures.ts';
import { Scrubber } from './scrubber.tsx';
import { type Inspect, useInspection } from './inspection.ts';
import { StatePanel } from './state-panel.tsx';
import { Axis, Lanes, Marker } from './tracks.tsx';

const gutterPx = 128;

/** A run on one time axis: diagram and lanes, the scrubber, what happened at a step, and every node's state after it. */
export function Workbench(props: {
  readonly evidence: RunEvidence;
  /** What the violation follows from; undefined: there is none. */
  readonly past: ReadonlySet<StepNumber> | undefined;
  readonly inspect: Inspect;
  /** Where states come from, in words. */
  readonly about: string;
}): JSX.Element {
  const { evidence, past } = props;
  const theme = useTheme();
  const [filters, setFilters] = useState<Filters>(() => ({
    ...everything,
    scope: past === undefined ? 'all' : 'causal',
  }));
  const [mode, setMode] = useState<'linear' | 'even'>('even');
  const scoped = useMemo(() => scope(evidence, filters, past), [evidence, filters, past]);
  const axis = useMemo(() => axisOf(evidence, scoped, mode), [evidence, scoped, mode]);
  const lastStep = scoped.steps.at(-1) ?? evidence.firstStep;
  const [cursor, setCursor] = useState<StepNumber>(lastStep);
  const [packet, setPacket] = useState<Packet | undefined>();
  const [chosen, setChosen] = useState<
    { readonly axis: typeof axis; readonly viewport: Viewport } | undefined
  >();
  const tracks = useRef<HTMLDivElement>(null);
  const widthPx = useWidth(tracks, 1_000) - gutterPx;
  // A viewport belongs to one axis: when filters make another, the page shows the chosen step on it.
  const viewport =
    chosen?.axis === axis
      ? chosen.viewport
      : initialViewport(axis, stepOf(evidence, cursor)?.atUs ?? 0, widthPx);
  const setViewport = useCallback(
    (next: Viewport) => {
      setChosen({ axis, viewport: next });
    },
    [axis],
  );
  const projection = useMemo(
    () => project(axis, viewport, widthPx),
    [axis, viewport.from, viewport.to, widthPx],
  );
  const nodes = useMemo(
    () => evidence.nodes.filter((node) => !filters.hiddenNodes.has(node)),
    [evidence, filters.hiddenNodes],
  );
  const rows = useMemo(
    () => layOut({ nodes, clients: filters.clientsShown ? clientsOf(evidence) : [] }),
    [evidence, nodes, filters.clientsShown],
  );
  const flightUsMax = useMemo(() => longestFlightUs(evidence), [evidence]);
  useGestures(tracks, { gutterPx, axis, viewport, setViewport });
  const moveTo = useCallback(
    (step: StepNumber) => {
      setCursor(step);
      setPacket(undefined);
      setViewport(showing(axis, viewport, axis.position(stepOf(evidence, step)?.atUs ?? 0)));
    },
    [evidence, axis, viewport, setViewport],
  );
  // Filters may have taken the chosen step away: the last one before it takes its place.
  useEffect(() => {
    if (!scoped.stepSet.has(cursor)) setCursor(nearestStep(scoped.steps, cursor) ?? cursor);
  }, [scoped, cursor]);
  const inspection = useInspection(props.inspect, cursor, evidence);
  const record = stepOf(evidence, cursor);
  const position = scoped.steps.indexOf(nearestStep(scoped.steps, cursor) ?? -1);
  const cursorUs = record?.atUs ?? 0;
  const onKey = (event: KeyboardEvent): void => {
    const wanted = keyedViewport(event.key, axis, viewport, axis.position(cursorUs));
    if (wanted === undefined) return;
    event.preventDefault();
    setViewport(wanted);
  };
  useStepKeys((direction) => {
    const step = direction === 'end' ? scoped.steps.at(-1) : scoped.steps[position + direction];
    if (step !== undefined) moveTo(step);
  });
  const onPick = (picked: Picked): void => {
    if (picked.kind === 'step') moveTo(picked.step);
    else setPacket(picked.packet);
  };
  return (
    <div class="workbench">
      <FilterBar
        evidence={evidence}
        filters={filters}
        causalCount={past?.size}
        shownCount={scoped.steps.length}
        theme={theme}
        onChange={setFilters}
      />
      <div class="bench">
        <div class="bench-main">
          <div class="view-bar" role="toolbar" aria-label="Zoom">
            <button
              type="button"
              aria-pressed={mode === 'even'}
              onClick={() => {
                setMode('even');
              }}
            >
              every moment
            </button>
            <button
              type="button"
              aria-pressed={mode === 'linear'}
              onClick={() => {
                setMode('linear');
              }}
            >
              to scale
            </button>
            <button
              type="button"
              aria-label="Zoom in"
              onClick={() => {
                setViewport(zoomed(axis, viewport, axis.position(cursorUs), 0.5));
              }}
            >
              +
            </button>
            <button
              type="button"
              aria-label="Zoom out"
              onClick={() => {
                setViewport(zoomed(axis, viewport, axis.position(cursorUs), 2));
              }}
            >
              −
            </button>
            <button
              type="button"
              onClick={() => {
                setViewport(wholeOf(axis));
              }}
            >
              whole run
            </button>
            <span class="muted">
              {spanWords(projection)} in view · drag to pan, Ctrl + wheel to zoom, or + − ← → 0 here
            </span>
          </div>
          <div
            class="tracks"
            ref={tracks}
            tabIndex={0}
            role="application"
            aria-label="Space-time diagram and lanes: plus and minus zoom, arrows pan, 0 shows the whole run"
            onKeyDown={onKey}
          >
            <Axis projection={projection} isLinear={mode === 'linear'} />
            <Diagram {...{ evidence, scoped, rows, projection, theme, cursor, flightUsMax, onPick }} />
            <Lanes {...{ evidence, nodes, axis, viewport, projection, theme, cursorUs }} />
            <div class="markers" style={{ left: `${gutterPx}px` }}>
              <Marker name="cursor" x={projection.x(cursorUs)} widthPx={widthPx} />
            </div>
          </div>
          <Scrubber evidence={evidence} steps={scoped.steps} cursor={cursor} onMove={moveTo} />
        </div>
        <div class="bench-side">
          <EventPanel {...{ evidence, cursor, packet, position }} steps={scoped.steps} onMove={moveTo} />
          <StatePanel
            inspection={inspection.shown}
            wanted={cursor}
            stepping={record?.node}
            failure={inspection.failure}
            about={props.about}
          />
        </div>
      </div>
    </div>
  );
}

/** Keys that step through the run wherever the focus is, but in a field: comma, full stop, v. */
function useStepKeys(step: (direction: 1 | -1 | 'end') => void): void {
  const current = useRef(step);
  current.current = step;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      const typing = target.matches(
        'textarea, select, input:not([type=range], [type=checkbox], [type=radio])',
      );
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === ',') current.current(-1);
      else if (event.key === '.') current.current(1);
      else if (event.key === 'v') current.current('end');
    };
    document.addEventListener('keydown', onKey);
    return () => {
      document.removeEventListener('keydown', onKey);
    };
  }, []);
}
