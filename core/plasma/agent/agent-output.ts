import { type ActEffect } from '../../base/effects.ts';
import { type AgentAct } from './protocol.ts';

/** What a step has done by others, until its end. */
export class AgentOutput {
  #acts: { readonly act: AgentAct; readonly gated: boolean }[] = [];
  #lastId = 0;

  /** Numbers acts and calls, of all kinds. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  act(act: AgentAct): void {
    this.#acts.push({ act, gated: false });
  }

  /** It happens after everything that has been written by the end of this step is durable. */
  actWhenDurable(act: AgentAct): void {
    this.#acts.push({ act, gated: true });
  }

  take(gate: number): readonly ActEffect<AgentAct>[] {
    const acts = this.#acts;
    this.#acts = [];
    return acts.map(({ act, gated }) => ({ kind: 'act', act, afterSyncSeq: gated ? gate : 0 }));
  }
}
