import { type JSX } from 'preact';
import { useState } from 'preact/hooks';

import { type NodeId } from '../../../../core/base/ids.ts';
import { type Fault, type FaultKind } from '../../../../sim/fault.ts';
import {
  editable,
  type EditedFault,
  enabledFaults,
  faultKinds,
  type NumberField,
  numberFields,
  parseFault,
  templateOf,
  withNumber,
} from '../../model/fault-edit.ts';
import { duration, faultWords, fieldLabel } from '../../model/words.ts';

/** The schedule as a list that can be changed, and run again. */
export function FaultEditor(props: {
  readonly faults: readonly Fault[];
  readonly nodes: readonly NodeId[];
  readonly atUs: number;
  readonly running: boolean;
  readonly onRun: (faults: readonly Fault[]) => void;
}): JSX.Element {
  const [list, setList] = useState<readonly EditedFault[]>(() => editable(props.faults));
  const replace = (id: number, change: Partial<EditedFault>): void => {
    setList(list.map((item) => (item.id === id ? { ...item, ...change } : item)));
  };
  const isAsFound = JSON.stringify(enabledFaults(list)) === JSON.stringify(props.faults);
  return (
    <section class="editor" aria-label="Edit the faults and run again">
      <h2>What if?</h2>
      <p class="muted">
        Leave a fault out, move it, add another, and run again: the same seed, the same code, in this page.
        Faults are independent: the others do what they did.
      </p>
      <ul class="fault-list">
        {list.map((item) => (
          <FaultItem
            key={item.id}
            item={item}
            onChange={(change) => {
              replace(item.id, change);
            }}
            onRemove={() => {
              setList(list.filter(({ id }) => id !== item.id));
            }}
          />
        ))}
        {list.length === 0 && <li class="muted">no faults</li>}
      </ul>
      <AddFault
        nodes={props.nodes}
        atUs={props.atUs}
        onAdd={(fault) => {
          setList([...list, { id: Math.max(-1, ...list.map(({ id }) => id)) + 1, fault, enabled: true }]);
        }}
      />
      <div class="actions">
        <button
          type="button"
          class="primary"
          disabled={props.running}
          onClick={() => {
            props.onRun(enabledFaults(list));
          }}
        >
          {props.running ? 'Running …' : 'Run again'}
        </button>
        <button
          type="button"
          disabled={isAsFound && list.length === props.faults.length}
          onClick={() => {
            setList(editable(props.faults));
          }}
        >
          As found
        </button>
      </div>
    </section>
  );
}

function FaultItem(props: {
  readonly item: EditedFault;
  readonly onChange: (change: Partial<EditedFault>) => void;
  readonly onRemove: () => void;
}): JSX.Element {
  const { fault, enabled } = props.item;
  const [failure, setFailure] = useState<string | undefined>();
  const name = `${fault.kind} ${faultWords(fault)}`;
  const change = (field: string, value: number): void => {
    try {
      props.onChange({ fault: withNumber(fault, field, value) });
      setFailure(undefined);
    } catch (wrong) {
      setFailure(wrong instanceof Error ? wrong.message : String(wrong));
    }
  };
  return (
    <li class={enabled ? 'fault' : 'fault disabled'} data-kind={fault.kind}>
      <label class="fault-name">
        <input
          type="checkbox"
          checked={enabled}
          aria-label={`In force: ${name}`}
          onChange={() => {
            props.onChange({ enabled: !enabled });
          }}
        />
        <b>{fault.kind}</b>
      </label>
      <span class="fault-words">{faultWords(fault)}</span>
      <span class="fault-numbers">
        {numberFields(fault).map((field) => (
          <NumberInput key={field.name} field={field} disabled={!enabled} onChange={change} />
        ))}
      </span>
      <button type="button" aria-label={`Remove ${name}`} title="Remove" onClick={props.onRemove}>
        ✕
      </button>
      {failure !== undefined && (
        <p class="bad" role="alert">
          {failure}
        </p>
      )}
    </li>
  );
}

function NumberInput(props: {
  readonly field: NumberField;
  readonly disabled: boolean;
  readonly onChange: (name: string, value: number) => void;
}): JSX.Element {
  const { name, value, shape } = props.field;
  const isTime = shape.kind === 'time' || shape.kind === 'length';
  return (
    <label class="number" title={isTime ? duration(value) : undefined}>
      <span>
        {fieldLabel(name)}
        {isTime ? ' µs' : shape.kind === 'ppm' ? ' ppm' : ''}
      </span>
      <input
        type="number"
        value={value}
        step={isTime ? 1_000 : 1}
        disabled={props.disabled}
        onChange={(event) => {
          props.onChange(name, event.currentTarget.valueAsNumber);
        }}
      />
    </label>
  );
}

function AddFault(props: {
  readonly nodes: readonly NodeId[];
  readonly atUs: number;
  readonly onAdd: (fault: Fault) => void;
}): JSX.Element {
  const template = (kind: FaultKind): string => JSON.stringify(templateOf(kind, props.atUs, props.nodes));
  const [text, setText] = useState(() => template('crash'));
  const [failure, setFailure] = useState<string | undefined>();
  return (
    <details class="add-fault">
      <summary>Add a fault</summary>
      <label>
        Kind{' '}
        <select
          onChange={(event) => {
            setText(template(event.currentTarget.value as FaultKind));
            setFailure(undefined);
          }}
        >
          {faultKinds.map((kind) => (
            <option key={kind} selected={kind === 'crash'}>
              {kind}
            </option>
          ))}
        </select>
      </label>
      <label>
        As JSON
        <textarea
          rows={3}
          spellcheck={false}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
          }}
        />
      </label>
      <button
        type="button"
        onClick={() => {
          try {
            props.onAdd(parseFault(text));
            setFailure(undefined);
          } catch (wrong) {
            setFailure(wrong instanceof Error ? wrong.message : String(wrong));
          }
        }}
      >
        Add
      </button>
      {failure !== undefined && (
        <p class="bad" role="alert">
          {failure}
        </p>
      )}
    </details>
  );
}
