import { type RefObject } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { type NodeId } from '../../../../core/base/ids.ts';
import { violationOperations } from '../../../evidence/violation-words.ts';
import { type Packet, type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { layOut, type Rows } from '../../model/rows.ts';
import { projection as project, type Projection } from '../../model/scene.ts';
import { everything, type Filters, scoped as scope, type Scoped, stepOf } from '../../model/scope.ts';
import { type TimeAxis } from '../../model/time-axis.ts';
import { axisOf, clientsOf, initialViewport, nearestStep } from '../../model/workbench-model.ts';
import { showing, type Viewport } from '../../model/viewport.ts';
import { useWidth } from '../measure.ts';

export const gutterPx = 128;

/** Where somebody looks in a run, and the ways to look elsewhere. */
export interface Bench {
  readonly filters: Filters;
  readonly setFilters: (filters: Filters) => void;
  readonly mode: TimeAxis['mode'];
  readonly setMode: (mode: TimeAxis['mode']) => void;
  readonly scoped: Scoped;
  readonly nodes: readonly NodeId[];
  readonly rows: Rows;
  readonly axis: TimeAxis;
  readonly viewport: Viewport;
  readonly setViewport: (viewport: Viewport) => void;
  readonly projection: Projection;
  readonly cursor: StepNumber;
  readonly cursorUs: number;
  /** Of the cursor in `scoped.steps`. */
  readonly position: number;
  readonly moveTo: (step: StepNumber) => void;
  readonly packet: Packet | undefined;
  readonly setPacket: (packet: Packet) => void;
}

/** @param past what the violation follows from; undefined: there is none */
export function useBench(
  evidence: RunEvidence,
  past: ReadonlySet<StepNumber> | undefined,
  tracks: RefObject<HTMLElement | null>,
): Bench {
  const [filters, setFilters] = useState<Filters>(() => initialFilters(evidence, past));
  const [mode, setMode] = useState<TimeAxis['mode']>('even');
  const scoped = useMemo(() => scope(evidence, filters, past), [evidence, filters, past]);
  const axis = useMemo(() => axisOf(evidence, scoped, mode), [evidence, scoped, mode]);
  const [wanted, setCursor] = useState<StepNumber>(Infinity);
  const [packet, setPacket] = useState<Packet | undefined>();
  // Filters may have taken the chosen step away: the last one before it takes its place.
  const cursor = nearestStep(scoped.steps, wanted) ?? evidence.firstStep;
  const cursorUs = stepOf(evidence, cursor)?.atUs ?? 0;
  const widthPx = useWidth(tracks, 1_000) - gutterPx;
  const [viewport, setViewport] = useViewport(axis, cursorUs, widthPx);
  const projection = useMemo(
    () => project(axis, viewport, widthPx),
    [axis, viewport.from, viewport.to, widthPx],
  );
  const { nodes, rows } = useRows(evidence, scoped, filters);
  const moveTo = useCallback(
    (step: StepNumber) => {
      setCursor(step);
      setPacket(undefined);
      setViewport(showing(axis, viewport, axis.position(stepOf(evidence, step)?.atUs ?? 0)));
    },
    [evidence, axis, viewport, setViewport],
  );
  const position = useMemo(() => scoped.steps.indexOf(cursor), [scoped, cursor]);
  return {
    ...{ filters, setFilters, mode, setMode, scoped, nodes, rows, axis, viewport, setViewport, projection },
    ...{ cursor, cursorUs, position, moveTo, packet, setPacket },
  };
}

/** Clients are shown where the violation is one of what they were told. */
function initialFilters(evidence: RunEvidence, past: ReadonlySet<StepNumber> | undefined): Filters {
  return {
    ...everything,
    scope: past === undefined ? 'all' : 'causal',
    clientsShown: past === undefined || violationOperations(evidence).length > 0,
  };
}

/** A viewport belongs to one axis: when filters make another, the chosen step is shown on it. */
function useViewport(
  axis: TimeAxis,
  cursorUs: number,
  widthPx: number,
): readonly [Viewport, (viewport: Viewport) => void] {
  const [chosen, setChosen] = useState<
    { readonly axis: TimeAxis; readonly viewport: Viewport } | undefined
  >();
  const initial = useMemo(() => initialViewport(axis, cursorUs, widthPx), [axis, widthPx]);
  const setViewport = useCallback(
    (viewport: Viewport) => {
      setChosen({ axis, viewport });
    },
    [axis],
  );
  return [chosen?.axis === axis ? chosen.viewport : initial, setViewport];
}

function useRows(
  evidence: RunEvidence,
  scoped: Scoped,
  filters: Filters,
): { readonly nodes: readonly NodeId[]; readonly rows: Rows } {
  const nodes = useMemo(
    () => evidence.nodes.filter((node) => !filters.hiddenNodes.has(node)),
    [evidence, filters.hiddenNodes],
  );
  const rows = useMemo(
    () => layOut({ nodes, clients: filters.clientsShown ? clientsOf(scoped.packets) : [] }),
    [nodes, filters.clientsShown, scoped],
  );
  return { nodes, rows };
}

/** Keys that step through the run wherever the focus is, but in a field: comma, full stop, v. */
export function useStepKeys(step: (direction: 1 | -1 | 'end') => void): void {
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
