import { type ComponentChildren, type JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import { type NodeId } from '../../../../core/base/ids.ts';
import { type NodeLanes, type RunEvidence } from '../../../evidence/types.ts';
import { type Band, faultBands, roleBands } from '../../model/bands.ts';
import { type Projection } from '../../model/scene.ts';
import { pendingBytes, type Series } from '../../model/series.ts';
import { ticks } from '../../model/ticks.ts';
import { bytes, duration, grouped } from '../../model/words.ts';
import { BandLane } from '../lanes/band-lane.tsx';
import { SeriesLane } from '../lanes/series-lane.tsx';
import { type Theme } from '../theme.ts';

/** Below the diagram, on its time axis: what else changed meanwhile. */
export function Lanes(props: {
  readonly evidence: RunEvidence;
  readonly nodes: readonly NodeId[];
  readonly projection: Projection;
  readonly theme: Theme;
  readonly cursorUs: number;
}): JSX.Element {
  const { evidence, nodes, theme, projection } = props;
  const endUs = evidence.result.simulatedUs;
  const roles = useMemo(() => roleBands(evidence, nodes, endUs), [evidence, nodes, endUs]);
  const faults = useMemo(() => faultBands(evidence), [evidence]);
  const common = { projection, theme, cursorUs: props.cursorUs };
  const series = useMemo(
    () => ({
      commit: seriesOf(evidence, nodes, (lanes) => lanes.commitIndex),
      pending: seriesOf(evidence, nodes, pendingBytes),
      durable: seriesOf(evidence, nodes, (lanes) => lanes.durableBytes),
      clock: seriesOf(evidence, nodes, (lanes) => lanes.clockOffsetUs),
    }),
    [evidence, nodes],
  );
  return (
    <>
      <BandLane
        title="Role and term"
        rowNames={nodes.map((node) => `n${node} role`)}
        bands={roles}
        rowPx={18}
        projection={projection}
        colourOf={roleColours(theme)}
        textColour={theme.text}
      />
      {faults.bands.length > 0 && (
        <BandLane
          title="Faults"
          rowNames={Array.from({ length: faults.rows }, (_, row) => (row === 0 ? 'faults' : ' '.repeat(row)))}
          bands={faults.bands}
          rowPx={18}
          projection={projection}
          colourOf={() => theme.fault}
          textColour={theme.text}
        />
      )}
      <SeriesLane title="Commit index" series={series.commit} format={grouped} {...common} />
      <SeriesLane title="Log, not durable" series={series.pending} format={bytes} {...common} />
      <SeriesLane title="Log, durable" series={series.durable} format={bytes} {...common} />
      <SeriesLane title="Clock ahead by" series={series.clock} format={duration} {...common} />
    </>
  );
}

export function Axis(props: { readonly projection: Projection; readonly isLinear: boolean }): JSX.Element {
  return (
    <div class="axis" aria-hidden="true">
      <div class="gutter">{props.isLinear ? 'time' : 'time, not to scale'}</div>
      <div class="plot">
        {ticks(props.projection, props.isLinear).map(({ x, text }) => (
          <span key={x} style={{ left: `${x}px` }}>
            {text}
          </span>
        ))}
      </div>
    </div>
  );
}

/** A hair line through all tracks. */
export function Marker(props: {
  readonly x: number;
  readonly widthPx: number;
  readonly name: string;
  readonly children?: ComponentChildren;
}): JSX.Element | null {
  if (props.x < 0 || props.x > props.widthPx) return null;
  return (
    <div
      class={`marker ${props.name}`}
      style={{ transform: `translateX(${props.x}px)` }}
      aria-hidden="true"
    />
  );
}

function seriesOf(
  evidence: RunEvidence,
  nodes: readonly NodeId[],
  changes: (lanes: NodeLanes) => Series['changes'],
): readonly Series[] {
  return nodes.map((node) => {
    const lanes = evidence.lanes.get(node);
    return { name: `n${node}`, changes: lanes === undefined ? [] : changes(lanes) };
  });
}

function roleColours(theme: Theme): (band: Band) => string {
  const colours: Readonly<Record<string, string>> = {
    leader: theme.leader,
    candidate: theme.candidate,
    preCandidate: theme.candidate,
    down: theme.line,
    paused: theme.faint,
  };
  return (band) => colours[band.kind] ?? theme.follower;
}
