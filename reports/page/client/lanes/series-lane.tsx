import { type JSX } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import UPlot from 'uplot';

import { valueAt } from '../../model/bands.ts';
import { type Projection } from '../../model/scene.ts';
import { type Series } from '../../model/series.ts';
import { seriesInView } from '../../model/series-in-view.ts';
import { type Theme } from '../theme.ts';

const heightPx = 76;

/** Numbers over time, a line a node, on the axis of the diagram above. */
export function SeriesLane(props: {
  readonly title: string;
  readonly series: readonly Series[];
  readonly projection: Projection;
  readonly theme: Theme;
  readonly format: (value: number) => string;
  readonly cursorUs: number;
}): JSX.Element {
  const { title, series, projection, theme, format, cursorUs } = props;
  const { widthPx } = projection;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const data = useMemo(() => seriesInView(series, projection), [series, projection]);
  const names = series.map(({ name }) => name).join(' ');
  useEffect(() => {
    if (host.current === null) return undefined;
    const made = new UPlot(plotOptions(series, theme, widthPx), alignedData(data), host.current);
    plot.current = made;
    made.setScale('x', { min: 0, max: widthPx });
    return () => {
      plot.current = undefined;
      made.destroy();
    };
    // Width and data follow below without a new plot.
  }, [theme, names]);
  useEffect(() => {
    plot.current?.setSize({ width: widthPx, height: heightPx });
  }, [widthPx]);
  useEffect(() => {
    const made = plot.current;
    if (made === undefined) return;
    made.batch(() => {
      made.setData(alignedData(data), false);
      made.setScale('x', { min: 0, max: widthPx });
    });
  }, [data, widthPx]);
  return (
    <div class="lane" role="group" aria-label={title}>
      <div class="gutter series-gutter" style={{ height: `${heightPx}px` }}>
        <b>{title}</b>
        <ul>
          {series.map(({ name, changes }, index) => (
            <li key={name} style={{ '--mark': theme.series[index] ?? theme.muted }}>
              {name} <span>{valueText(changes, cursorUs, format)}</span>
            </li>
          ))}
        </ul>
      </div>
      <div
        class="plot"
        ref={host}
        role="img"
        aria-label={`${title} over time; values at the chosen step are in the list`}
      />
    </div>
  );
}

function alignedData(columns: readonly (readonly (number | null)[])[]): UPlot.AlignedData {
  return columns.map((column) => [...column]) as unknown as UPlot.AlignedData;
}

function valueText(changes: Series['changes'], atUs: number, format: (value: number) => string): string {
  const value = valueAt(changes, atUs);
  return value === undefined ? '–' : format(value);
}

const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3], [12, 3]];

function plotOptions(series: readonly Series[], theme: Theme, widthPx: number): UPlot.Options {
  const stepped = UPlot.paths.stepped?.({ align: 1 });
  return {
    width: widthPx,
    height: heightPx,
    padding: [4, 0, 4, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, auto: false } },
    axes: [{ show: false }, { show: false }],
    series: [
      {},
      ...series.map(({ name }, index) => ({
        label: name,
        stroke: theme.series[index] ?? theme.muted,
        width: 1.5,
        dash: dashes[index % dashes.length] ?? [],
        points: { show: false },
        ...(stepped === undefined ? {} : { paths: stepped }),
      })),
    ],
  };
}
