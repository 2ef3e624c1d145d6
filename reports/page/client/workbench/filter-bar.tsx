import { type JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import { type NodeId } from '../../../../core/base/ids.ts';
import { type RunEvidence } from '../../../evidence/types.ts';
import { type Filters, packetKinds } from '../../model/scope.ts';
import { grouped } from '../../model/words.ts';
import { kindColour, type Theme } from '../theme.ts';

/** What of the run is looked at. */
export function FilterBar(props: {
  readonly evidence: RunEvidence;
  readonly filters: Filters;
  readonly causalCount: number | undefined;
  readonly shownCount: number;
  readonly theme: Theme;
  readonly onChange: (filters: Filters) => void;
}): JSX.Element {
  const { evidence, filters, theme, onChange } = props;
  const kinds = useMemo(() => packetKinds(evidence.packets), [evidence]);
  return (
    <form
      class="filters"
      aria-label="What is shown"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      {props.causalCount !== undefined && (
        <ScopeChoice
          filters={filters}
          causalCount={props.causalCount}
          allCount={evidence.steps.length}
          onChange={onChange}
        />
      )}
      <LineChecks nodes={evidence.nodes} filters={filters} onChange={onChange} />
      <fieldset class="kinds">
        <legend>Messages</legend>
        {kinds.map(([kind, count]) => (
          <Check
            key={kind}
            label={kind}
            title={`${grouped(count)} in the whole run`}
            colour={kindColour(theme, kind)}
            checked={!filters.hiddenKinds.has(kind)}
            onToggle={() => {
              onChange({ ...filters, hiddenKinds: toggled(filters.hiddenKinds, kind) });
            }}
          />
        ))}
      </fieldset>
      <label class="search">
        <span>Search</span>
        <input
          type="search"
          placeholder="append, term=3, a key …"
          value={filters.search}
          onInput={(event) => {
            onChange({ ...filters, search: event.currentTarget.value });
          }}
        />
      </label>
      <output class="shown-count">{grouped(props.shownCount)} steps shown</output>
    </form>
  );
}

function ScopeChoice(props: {
  readonly filters: Filters;
  readonly causalCount: number;
  readonly allCount: number;
  readonly onChange: (filters: Filters) => void;
}): JSX.Element {
  const choice = (scope: Filters['scope'], label: string): JSX.Element => (
    <label class="check">
      <input
        type="radio"
        name="scope"
        checked={props.filters.scope === scope}
        onChange={() => {
          props.onChange({ ...props.filters, scope });
        }}
      />
      {label}
    </label>
  );
  return (
    <fieldset>
      <legend>Steps</legend>
      {choice('causal', `before the violation, causally (${grouped(props.causalCount)})`)}
      {choice('all', `all (${grouped(props.allCount)})`)}
    </fieldset>
  );
}

function LineChecks(props: {
  readonly nodes: readonly NodeId[];
  readonly filters: Filters;
  readonly onChange: (filters: Filters) => void;
}): JSX.Element {
  const { filters, onChange } = props;
  return (
    <fieldset>
      <legend>Lines</legend>
      {props.nodes.map((node) => (
        <Check
          key={node}
          label={`n${node}`}
          checked={!filters.hiddenNodes.has(node)}
          onToggle={() => {
            onChange({ ...filters, hiddenNodes: toggled(filters.hiddenNodes, node) });
          }}
        />
      ))}
      <Check
        label="clients"
        checked={filters.clientsShown}
        onToggle={() => {
          onChange({ ...filters, clientsShown: !filters.clientsShown });
        }}
      />
    </fieldset>
  );
}

function Check(props: {
  readonly label: string;
  readonly title?: string;
  readonly colour?: string;
  readonly checked: boolean;
  readonly onToggle: () => void;
}): JSX.Element {
  return (
    <label class="check" title={props.title}>
      <input type="checkbox" checked={props.checked} onChange={props.onToggle} />
      {props.colour !== undefined && <i class="swatch" style={{ background: props.colour }} />}
      {props.label}
    </label>
  );
}

function toggled<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  const copy = new Set(set);
  if (!copy.delete(item)) copy.add(item);
  return copy;
}
