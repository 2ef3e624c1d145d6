import { type JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import { type Fault } from '../../../../sim/fault.ts';
import { type Repro } from '../../../../sim/repro.ts';
import { scheduleRows } from '../../model/schedule.ts';
import { duration, exactTime, faultWords, grouped } from '../../model/words.ts';

/** What had to go wrong for the violation, beside all that went wrong when it was found. */
export function ScheduleView(props: { readonly repro: Repro }): JSX.Element {
  const { scenario, original, events } = props.repro;
  const rows = useMemo(
    () => scheduleRows(scenario.faults, original?.faults ?? scenario.faults),
    [scenario, original],
  );
  const count = scenario.faults.length;
  return (
    <section class="schedule" aria-label="Fault schedule">
      <h2>{heading(count, original?.faults.length)}</h2>
      {original !== undefined && (
        <p class="muted">
          Shrunk from {duration(original.durationUs)}, {clients(original.clients)} and{' '}
          {grouped(original.events)} steps to {duration(scenario.durationUs)},{' '}
          {clients(scenario.workload.clients)} and {grouped(events)} steps.
        </p>
      )}
      {rows.length === 0 ? (
        <p>No fault is needed: it happens by itself.</p>
      ) : (
        <div class="schedule-scroll" tabIndex={0} role="region" aria-label="Faults, shrunk and original">
          <table>
            <thead>
              <tr>
                <th scope="col">{original === undefined ? 'As found' : 'Shrunk'}</th>
                {original !== undefined && <th scope="col">Original (seed {original.seed})</th>}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <tr key={index} class={row.kept === undefined ? 'left-out' : undefined}>
                  <td>
                    {row.kept === undefined ? (
                      <span class="muted">not needed</span>
                    ) : (
                      <FaultText fault={row.kept} />
                    )}
                    {row.changed.length > 0 && (
                      <span class="changed-fields"> changed: {row.changed.join(', ')}</span>
                    )}
                  </td>
                  {original !== undefined && (
                    <td>{row.original !== undefined && <FaultText fault={row.original} />}</td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

export function FaultText(props: { readonly fault: Fault }): JSX.Element {
  return (
    <>
      <span class="at">{exactTime(props.fault.atUs)}</span> <b>{props.fault.kind}</b>{' '}
      {faultWords(props.fault)}
    </>
  );
}

function heading(count: number, originally: number | undefined): string {
  if (originally === undefined) return `${count} ${count === 1 ? 'fault' : 'faults'}`;
  if (count === 0 && originally > 0) return `None of ${originally} faults is needed`;
  return `${count} of ${originally} faults ${count === 1 ? 'is' : 'are'} enough`;
}

function clients(count: number): string {
  return count === 0 ? 'no clients' : `${count} ${count === 1 ? 'client' : 'clients'}`;
}
