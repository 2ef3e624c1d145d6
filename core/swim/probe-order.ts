import { passArray, passText, type StateForm } from '../base/capture.ts';
import { type Prng } from '../base/prng.ts';

/**
 * Whom to probe next: everybody once a round, in an order drawn anew each round, so that nobody waits for longer than two rounds
 * (SWIM §4.3). One that is new comes somewhere in what is left of the round.
 */
export class ProbeOrder {
  readonly #round: string[] = [];
  #next = 0;

  add(prng: Prng, name: string): void {
    // One that comes and goes is in the round once.
    if (this.#round.includes(name, this.#next)) return;
    const at = this.#next + prng.below(this.#round.length - this.#next + 1);
    this.#round.splice(at, 0, name);
  }

  /** @param names those that there are; others in the round are passed over */
  next(prng: Prng, names: ReadonlySet<string>): string | undefined {
    for (let rounds = 0; rounds < 2; rounds += 1) {
      while (this.#next < this.#round.length) {
        const name = this.#round[this.#next] as string;
        this.#next += 1;
        if (names.has(name)) return name;
      }
      this.#begin(prng, names);
    }
    return undefined;
  }

  passState(form: StateForm): void {
    passArray(form, 'round', this.#round, '', passText);
    this.#next = form.number('next', this.#next);
  }

  #begin(prng: Prng, names: ReadonlySet<string>): void {
    this.#round.length = 0;
    for (const name of names) this.#round.push(name);
    for (let left = this.#round.length; left > 1; left -= 1) {
      const drawn = prng.below(left);
      const last = this.#round[left - 1] as string;
      this.#round[left - 1] = this.#round[drawn] as string;
      this.#round[drawn] = last;
    }
    this.#next = 0;
  }
}
