import { latin1FromBytes } from '../../../../core/base/bytes.ts';
import { decodeRecord, isTombstone } from '../../../../core/chainfire/mvcc/record.ts';
import { type WatchScene } from './scene.ts';

/** A change as everybody who watches must be told of it. */
export interface ModelEvent {
  readonly revision: number;
  readonly key: string;
  /** Undefined: a deletion. */
  readonly value: string | undefined;
  readonly previous: string | undefined;
}

/** Every change there has been, noted down as it is made, whatever becomes of it in the store. */
export class ChangeLog {
  readonly events: ModelEvent[] = [];
  readonly #values = new Map<string, string>();
  #revision = 1;

  /** Takes down what the store has got since the last call; call it before anything is freed. */
  look(scene: WatchScene): void {
    for (const [key, record] of scene.machine.rows('history')) {
      const kv = decodeRecord(record);
      void key;
      if (kv.modRevision <= this.#revision) continue;
      const value = isTombstone(record) ? undefined : latin1FromBytes(kv.value);
      this.events.push({ revision: kv.modRevision, key: kv.key, value, previous: this.#values.get(kv.key) });
      if (value === undefined) this.#values.delete(kv.key);
      else this.#values.set(kv.key, value);
    }
    this.#revision = scene.machine.mvcc.revision;
  }

  /** What a watch of [key, end) must be told of these revisions; no end: the key alone. */
  between(first: number, last: number, wanted: (event: ModelEvent) => boolean): readonly ModelEvent[] {
    return this.events.filter((event) => event.revision >= first && event.revision <= last && wanted(event));
  }
}
