import { type JSX } from 'preact';

import { type RunResult } from '../../../../sim/types.ts';
import { outcomeRows, outcomeSentence } from '../../model/outcome.ts';

/** What became of the run with the edited faults, beside what was found. */
export function OutcomeView(props: { readonly before: RunResult; readonly after: RunResult }): JSX.Element {
  const { before, after } = props;
  return (
    <section class="outcome" aria-label="Outcome of the edited run">
      <p
        class={after.violation === undefined ? 'outcome-sentence good' : 'outcome-sentence bad'}
        role="status"
        data-testid="outcome"
      >
        {outcomeSentence(before, after)}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span class="sr-only">of the run</span>
            </th>
            <th scope="col">As found</th>
            <th scope="col">Edited</th>
          </tr>
        </thead>
        <tbody>
          {outcomeRows(before, after).map((row) => (
            <tr key={row.name} class={row.differs ? 'differs' : 'same'}>
              <th scope="row">{row.name}</th>
              <td>{row.before}</td>
              <td>{row.after}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
