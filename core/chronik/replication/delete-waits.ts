import { type Offset } from '../types.ts';

export interface DeleteWait {
  readonly token: number;
  /** Every replica that is up begins here, or behind it. */
  readonly offset: Offset;
  readonly deadlineUs: number;
}

/** Deletions of records that wait for followers. Few, and bounded by whoever adds them: looked through each time. */
export class DeleteWaits {
  #waits: readonly DeleteWait[] = [];

  get size(): number {
    return this.#waits.length;
  }

  get deadlineUs(): number {
    return this.#waits.reduce((earliest, { deadlineUs }) => Math.min(earliest, deadlineUs), Infinity);
  }

  add(wait: DeleteWait): void {
    this.#waits = [...this.#waits, wait];
  }

  takeUpTo(lowWatermark: Offset): readonly DeleteWait[] {
    return this.#take(({ offset }) => offset <= lowWatermark);
  }

  takeExpired(nowUs: number): readonly DeleteWait[] {
    return this.#take(({ deadlineUs }) => deadlineUs <= nowUs);
  }

  takeAll(): readonly DeleteWait[] {
    return this.#take(() => true);
  }

  #take(isTaken: (wait: DeleteWait) => boolean): readonly DeleteWait[] {
    if (this.#waits.length === 0) return this.#waits;
    const taken = this.#waits.filter(isTaken);
    this.#waits = this.#waits.filter((wait) => !isTaken(wait));
    return taken;
  }
}
