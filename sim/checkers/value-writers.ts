import { equalBytes, latin1FromBytes } from '../../core/base/bytes.ts';
import { type Operation } from '../types.ts';
import { executedLeaves, possibleLeaves } from './outcomes.ts';

/** Values are grouped by this much of their beginning, so that none is made a text as a whole. */
const headBytes = 24;

/** Who wrote each value of each key, or may have. */
export class ValueWriters {
  readonly #groups = new Map<string, { readonly value: Uint8Array; writer: Operation | 'several' }[]>();

  constructor(history: readonly Operation[]) {
    for (const operation of history) {
      const leaves =
        operation.outcome.kind === 'answered' ? executedLeaves(operation) : possibleLeaves(operation.request);
      for (const leaf of leaves) {
        if (leaf.kind === 'put' && !leaf.request.ignoreValue)
          this.#add(leaf.request.key, leaf.request.value, operation);
      }
    }
  }

  /** `several`: two operations wrote the same, so that it names nobody. */
  writerOf(key: string, value: Uint8Array): Operation | 'several' | 'nobody' {
    const group = this.#groups.get(groupName(key, value)) ?? [];
    return group.find((entry) => equalBytes(entry.value, value))?.writer ?? 'nobody';
  }

  #add(key: string, value: Uint8Array, operation: Operation): void {
    const name = groupName(key, value);
    const group = this.#groups.get(name);
    if (group === undefined) {
      this.#groups.set(name, [{ value, writer: operation }]);
      return;
    }
    const same = group.find((entry) => equalBytes(entry.value, value));
    if (same === undefined) group.push({ value, writer: operation });
    else if (same.writer !== operation) same.writer = 'several';
  }
}

function groupName(key: string, value: Uint8Array): string {
  return `${key}\0${value.length}\0${latin1FromBytes(value.subarray(0, headBytes))}`;
}
