import { type OperationId, type ProjectName } from '../types.ts';
import { type Memory } from './memory.ts';
import { OldestFirst } from './oldest-first.ts';
import { ownKey } from './rows.ts';

/** Operations that are kept, oldest first in each project; what is above the bound goes with the commit that adds another. */
export class KeptRecords {
  readonly #memory: Memory;
  readonly #operations = new Map<ProjectName, OldestFirst<OperationId>>();

  constructor(memory: Memory) {
    this.#memory = memory;
    for (const { project, id } of memory.working.operations.values()) this.#of(project).push(id);
  }

  /** One was added. */
  onOperation(project: ProjectName, id: OperationId): void {
    const operations = this.#of(project);
    operations.push(id);
    // Two at a time, so that a lower bound than before is reached one day, and a commit holds it.
    for (let turn = 0; turn < 2 && operations.size > this.#memory.settings.keptPerProject; turn += 1) {
      const oldest = operations.shift();
      if (oldest !== undefined) this.#memory.remove('operations', ownKey(project, oldest));
    }
  }

  #of(project: ProjectName): OldestFirst<OperationId> {
    let operations = this.#operations.get(project);
    if (operations === undefined) this.#operations.set(project, (operations = new OldestFirst()));
    return operations;
  }
}
