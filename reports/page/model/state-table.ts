import { type NodeId } from '../../../core/base/ids.ts';
import { type NodeState } from '../../evidence/types.ts';

/** The states of all nodes side by side: a row a field, a column a node. */
export interface StateTable {
  readonly nodes: readonly NodeId[];
  readonly sections: readonly StateSection[];
}

export interface StateSection {
  readonly name: string;
  readonly rows: readonly StateRow[];
}

export interface StateRow {
  readonly field: string;
  readonly cells: readonly StateCell[];
}

export interface StateCell {
  /** Undefined: the node has no such field, as when it is down. */
  readonly text: string | undefined;
  /** The step has changed it. */
  readonly changed: boolean;
}

/** What changes with time alone: that it did says nothing about the step. */
const passing: ReadonlySet<string> = new Set(['own clock']);

/** @param before the states before the step; undefined: not known, nothing counts as changed */
export function stateTable(
  states: readonly NodeState[],
  before: readonly NodeState[] | undefined,
): StateTable {
  const names: string[] = [];
  const fields = new Map<string, string[]>();
  for (const { sections } of states) {
    for (const section of sections) {
      let known = fields.get(section.name);
      if (known === undefined) {
        names.push(section.name);
        fields.set(section.name, (known = []));
      }
      for (const [field] of section.fields) if (!known.includes(field)) known.push(field);
    }
  }
  const sections = names.map((name) => ({
    name,
    rows: (fields.get(name) ?? []).map((field) => ({
      field,
      cells: states.map((state) => {
        const text = valueOf(state, name, field);
        const earlier = before?.find(({ node }) => node === state.node);
        const changed =
          earlier !== undefined && !passing.has(field) && valueOf(earlier, name, field) !== text;
        return { text, changed };
      }),
    })),
  }));
  return { nodes: states.map(({ node }) => node), sections };
}

function valueOf(state: NodeState, section: string, field: string): string | undefined {
  const found = state.sections.find(({ name }) => name === section);
  return found?.fields.find(([name]) => name === field)?.[1];
}
