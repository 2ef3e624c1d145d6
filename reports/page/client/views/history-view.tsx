import { type JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import { type ClientHistory } from '../../../evidence/client-history.ts';
import { type RunEvidence } from '../../../evidence/types.ts';
import { type HistoryChart, historyChart, type OperationBar } from '../../model/history-chart.ts';
import { duration, exactTime, grouped } from '../../model/words.ts';

/** What the clients asked and were told around the violation, and how far that can be put in one order. */
export function HistoryView(props: {
  readonly evidence: RunEvidence;
  readonly history: ClientHistory;
}): JSX.Element | null {
  const { evidence, history } = props;
  const chart = useMemo(() => historyChart(evidence.operations, history), [evidence, history]);
  if (chart.bars.length === 0) return null;
  const { stuck, order, orderedBefore } = history;
  return (
    <section class="history" aria-label="What the clients saw">
      <h2>What the clients saw</h2>
      <p class="muted">
        {grouped(chart.bars.length)} of {grouped(evidence.operations.length)} calls, {exactTime(chart.fromUs)}{' '}
        to {exactTime(Math.round(chart.toUs))} ({duration(Math.round(chart.toUs - chart.fromUs))})
        {history.keys.length > 0 && `, about ${history.keys.join(', ')}`}.
        {order.length > 0 &&
          ` Numbers are places in the longest order that fits: ${grouped(orderedBefore + order.length)} calls.`}
      </p>
      {stuck !== undefined && (
        <p class="stuck">
          <b class="bad">No place for</b> <code>{chart.bars.find(({ isStuck }) => isStuck)?.text}</code>:{' '}
          {stuck.reason}
        </p>
      )}
      <Chart chart={chart} />
      <details>
        <summary>as a list</summary>
        <table class="operations">
          <thead>
            <tr>
              <th scope="col">Place</th>
              <th scope="col">Call</th>
            </tr>
          </thead>
          <tbody>
            {chart.bars.map((bar) => (
              <tr key={bar.position} class={classOf(bar)}>
                <td>{bar.isStuck ? 'none fits' : (bar.place ?? '')}</td>
                <td>
                  <code>{bar.text}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}

const rowPx = 24;
const barPx = 16;

function Chart(props: { readonly chart: HistoryChart }): JSX.Element {
  const { clients, bars } = props.chart;
  const heightPx = clients.length * rowPx + 4;
  return (
    <div class="history-chart">
      <div class="gutter" style={{ height: `${heightPx}px` }} aria-hidden="true">
        {clients.map((client, row) => (
          <span class="row-name client" key={client} style={{ top: `${2 + (row + 0.5) * rowPx}px` }}>
            client {client}
          </span>
        ))}
      </div>
      <div class="history-plot" style={{ height: `${heightPx}px` }} role="list" aria-label="Calls over time">
        {bars.map((bar) => (
          <div
            role="listitem"
            key={bar.position}
            class={`operation ${classOf(bar)}`}
            title={bar.text}
            aria-label={bar.text}
            style={{
              left: `${100 * bar.from}%`,
              width: `max(3px, ${100 * (bar.to - bar.from)}%)`,
              top: `${2 + bar.row * rowPx + (rowPx - barPx) / 2}px`,
              height: `${barPx}px`,
            }}
          >
            {bar.isStuck ? '✕' : bar.place}
          </div>
        ))}
      </div>
    </div>
  );
}

function classOf(bar: OperationBar): string {
  const classes = [bar.open ? 'open' : 'ended'];
  if (bar.isStuck) classes.push('is-stuck');
  else if (bar.isNamed) classes.push('is-named');
  else if (bar.place !== undefined) classes.push('is-placed');
  return classes.join(' ');
}
