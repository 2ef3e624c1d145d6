import { type JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import { type NodeId } from '../../../../core/base/ids.ts';
import { type NodeState, type StepNumber } from '../../../evidence/types.ts';
import { type StateTable, stateTable } from '../../model/state-table.ts';

export interface Inspection {
  /** The step that the states are of, which may still be an earlier one than was asked for. */
  readonly step: StepNumber;
  readonly states: readonly NodeState[];
  readonly before: readonly NodeState[] | undefined;
}

/** Every node as it is after the chosen step; what the step changed is marked. */
export function StatePanel(props: {
  readonly inspection: Inspection | undefined;
  readonly wanted: StepNumber;
  readonly stepping: NodeId | undefined;
  readonly failure: string | undefined;
  readonly about: string;
}): JSX.Element {
  const { inspection, wanted, stepping, failure } = props;
  const table = useMemo(
    () => (inspection === undefined ? undefined : stateTable(inspection.states, inspection.before)),
    [inspection],
  );
  const isCurrent = inspection?.step === wanted;
  return (
    <section
      class="state-panel"
      aria-label="State of the nodes"
      aria-busy={!isCurrent}
      data-step={inspection?.step}
    >
      <h3>
        State after step {inspection?.step ?? '…'} <span class="muted">{props.about}</span>
      </h3>
      {failure !== undefined && (
        <p class="bad" role="alert">
          {failure}
        </p>
      )}
      {table === undefined ? (
        failure === undefined && <p class="muted">The run is brought to this step …</p>
      ) : (
        <div class="state-scroll" tabIndex={0} role="region" aria-label="States side by side">
          <States table={table} stepping={stepping} isCurrent={isCurrent} />
        </div>
      )}
    </section>
  );
}

function States(props: {
  readonly table: StateTable;
  readonly stepping: NodeId | undefined;
  readonly isCurrent: boolean;
}): JSX.Element {
  const { nodes, sections } = props.table;
  return (
    <table class={props.isCurrent ? 'state' : 'state stale'}>
      <thead>
        <tr>
          <th scope="col">
            <span class="sr-only">field</span>
          </th>
          {nodes.map((node) => (
            <th scope="col" key={node} class={node === props.stepping ? 'stepping' : undefined}>
              n{node}
            </th>
          ))}
        </tr>
      </thead>
      {sections.map((section) => (
        <tbody key={section.name}>
          <tr class="section">
            <th scope="rowgroup" colSpan={nodes.length + 1}>
              {section.name}
            </th>
          </tr>
          {section.rows.map((row) => (
            <tr key={row.field}>
              <th scope="row">{row.field}</th>
              {row.cells.map((cell, index) => (
                <td
                  key={index}
                  class={cell.changed ? 'changed' : undefined}
                  data-field={`${section.name}.${row.field}`}
                  data-node={nodes[index]}
                >
                  {cell.text ?? <span class="muted">–</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      ))}
    </table>
  );
}
