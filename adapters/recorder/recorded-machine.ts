import { type Capturable } from '../../core/base/capture.ts';
import { type Machine } from '../../core/base/machine.ts';
import { type StorageBackend } from '../../core/storage/backend.ts';
import { type BaseRow, type RecordedState } from './format.ts';
import { type Recorder } from './recorder.ts';

/** A machine as it is, what it is given taken down. Its ports must be the recorded ones. */
export class RecordedMachine<Event extends { readonly kind: string }, Effect> implements Machine<
  Event,
  Effect
> {
  readonly #machine: Machine<Event, Effect> & Capturable;
  readonly #recorder: Recorder<Event>;
  readonly #capture: () => RecordedState;

  /** @param base the store, and those of its tables that a machine is put up over beside what is captured */
  constructor(
    machine: Machine<Event, Effect> & Capturable,
    recorder: Recorder<Event>,
    base: { readonly store: StorageBackend; readonly tables: readonly string[] },
  ) {
    this.#machine = machine;
    this.#recorder = recorder;
    this.#capture = () => ({ state: machine.capture(), base: baseRows(base.store, base.tables) });
  }

  get deadlineUs(): number {
    return this.#machine.deadlineUs;
  }

  step(event: Event, nowUs: number): readonly Effect[] {
    this.#recorder.stepBegins(event, nowUs, this.#capture);
    let effects: readonly Effect[];
    try {
      effects = this.#machine.step(event, nowUs);
    } catch (cause) {
      this.#recorder.threw(cause);
      throw cause;
    }
    this.#recorder.stepEnded(event, nowUs, effects);
    return effects;
  }
}

function baseRows(store: StorageBackend, tables: readonly string[]): readonly BaseRow[] {
  const rows: BaseRow[] = [];
  for (const table of tables) {
    for (const [key, value] of store.range(table, { from: '' })) rows.push([table, key, value]);
  }
  return rows;
}
