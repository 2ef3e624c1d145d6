import { type VmRow } from '../../../core/plasma/control-plane/rows.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type PlasmaState } from '../state.ts';
import { type TrueCommit } from '../truth.ts';

/**
 * One virtual machine a request, whatever is retried or failed over (invariant 4). Users give every request a name of its own and
 * never use one twice, so two virtual machines of one name, at once or one after the other, are two of one request.
 *
 * Not verified: that there is one at all (what was committed is told by `answered-alike`).
 */
export class OneVmARequest implements PlasmaChecker {
  readonly name = 'one-vm-a-request';
  readonly #idOfName = new Map<string, string>();

  onCommit({ rows }: TrueCommit, { history }: PlasmaState): void {
    for (const { table, before, after } of rows) {
      if (table !== 'vms' || before !== undefined || after === undefined) continue;
      const { id, spec } = after as VmRow;
      const name = `${spec.project}/${spec.name}`;
      const other = this.#idOfName.get(name);
      if (other !== undefined && other !== id)
        throw new Violation('one-vm-a-request', `${name} is ${id}, and was ${other}`, 'two of one request');
      this.#idOfName.set(name, id);
      const asked = history.operations.some(
        ({ request }) =>
          request.kind === 'vmCreate' && request.spec.name === spec.name && request.project === spec.project,
      );
      if (!asked) throw new Violation('one-vm-a-request', `nobody has asked for ${name}`, 'nobody has asked');
    }
  }
}
