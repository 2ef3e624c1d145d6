import { type JSX } from 'preact';
import { useRef } from 'preact/hooks';

import { type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { type Picked } from '../../model/scene.ts';
import { stepOf } from '../../model/scope.ts';
import { Diagram } from '../diagram/diagram.tsx';
import { type Theme, useTheme } from '../theme.ts';
import { type Bench, gutterPx, useBench, useStepKeys } from './bench-state.ts';
import { EventPanel } from './event-panel.tsx';
import { FilterBar } from './filter-bar.tsx';
import { keyedViewport, useGestures } from './gestures.ts';
import { type Inspect, useInspection } from './inspection.ts';
import { Scrubber } from './scrubber.tsx';
import { StatePanel } from './state-panel.tsx';
import { Axis, Lanes, Marker } from './tracks.tsx';
import { ViewBar } from './view-bar.tsx';

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
  const tracks = useRef<HTMLDivElement>(null);
  const bench = useBench(evidence, past, tracks);
  const { scoped, cursor, position, moveTo } = bench;
  useGestures(tracks, { gutterPx, ...bench });
  useStepKeys((direction) => {
    const step = direction === 'end' ? scoped.steps.at(-1) : scoped.steps[position + direction];
    if (step !== undefined) moveTo(step);
  });
  const inspection = useInspection(props.inspect, cursor, evidence);
  return (
    <div class="workbench">
      <FilterBar
        evidence={evidence}
        filters={bench.filters}
        causalCount={past?.size}
        shownCount={scoped.steps.length}
        theme={theme}
        onChange={bench.setFilters}
      />
      <div class="bench">
        <div class="bench-main">
          <ViewBar bench={bench} />
          <Tracks evidence={evidence} bench={bench} theme={theme} element={tracks} />
          <Scrubber evidence={evidence} steps={scoped.steps} cursor={cursor} onMove={moveTo} />
        </div>
        <div class="bench-side">
          <EventPanel
            {...{ evidence, cursor, position }}
            packet={bench.packet}
            steps={scoped.steps}
            onMove={moveTo}
          />
          <StatePanel
            inspection={inspection.shown}
            wanted={cursor}
            stepping={stepOf(evidence, cursor)?.node}
            failure={inspection.failure}
            about={props.about}
          />
        </div>
      </div>
    </div>
  );
}

function Tracks(props: {
  readonly evidence: RunEvidence;
  readonly bench: Bench;
  readonly theme: Theme;
  readonly element: { current: HTMLDivElement | null };
}): JSX.Element {
  const { evidence, bench, theme } = props;
  const { scoped, rows, projection, cursor, cursorUs, axis, viewport, nodes } = bench;
  const onPick = (picked: Picked): void => {
    if (picked.kind === 'step') bench.moveTo(picked.step);
    else bench.setPacket(picked.packet);
  };
  return (
    <div
      class="tracks"
      ref={props.element}
      tabIndex={0}
      role="application"
      aria-label="Space-time diagram and lanes: plus and minus zoom, arrows pan, 0 shows the whole run"
      onKeyDown={(event) => {
        const wanted = keyedViewport(event.key, axis, viewport, axis.position(cursorUs));
        if (wanted === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        bench.setViewport(wanted);
      }}
    >
      <Axis projection={projection} isLinear={bench.mode === 'linear'} />
      <Diagram {...{ evidence, scoped, rows, projection, theme, cursor, onPick }} />
      <Lanes {...{ evidence, nodes, projection, theme, cursorUs }} />
      <div class="markers" style={{ left: `${gutterPx}px` }}>
        <Marker name="cursor" x={projection.x(cursorUs)} widthPx={projection.widthPx} />
      </div>
    </div>
  );
}
