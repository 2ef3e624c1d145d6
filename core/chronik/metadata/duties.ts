import { type MetadataCommand } from './commands.ts';
import { type MetadataOutcome } from './outcomes.ts';

/**
 * Commands that this broker proposes of itself, each under a name: while one is on its way, or was just refused, the same is
 * not proposed again. As many as there are brokers times what can be found out about one, at most.
 */
export class Duties {
  readonly #propose: (command: MetadataCommand, token: number) => void;
  readonly #retryUs: number;
  readonly #underWay = new Set<string>();
  readonly #namesByToken = new Map<number, string>();
  /** Those that were refused, until when they wait, in the order of these times. */
  readonly #paused = new Map<string, number>();
  /** Counts down: the tokens of others are not negative. */
  #token = 0;

  /** @param retryUs how long what was refused waits until it is tried again */
  constructor(propose: (command: MetadataCommand, token: number) => void, retryUs: number) {
    this.#propose = propose;
    this.#retryUs = retryUs;
  }

  /** When something that was refused may be tried again. */
  get dueUs(): number {
    for (const untilUs of this.#paused.values()) return untilUs;
    return Infinity;
  }

  isBlocked(name: string): boolean {
    return this.#underWay.has(name) || this.#paused.has(name);
  }

  begin(name: string, command: MetadataCommand): void {
    if (this.isBlocked(name)) return;
    this.#token -= 1;
    this.#underWay.add(name);
    this.#namesByToken.set(this.#token, name);
    this.#propose(command, this.#token);
  }

  ended(token: number, outcome: MetadataOutcome, nowUs: number): void {
    const name = this.#namesByToken.get(token);
    if (name === undefined) return;
    this.#namesByToken.delete(token);
    this.#underWay.delete(name);
    if (outcome.kind === 'refused') this.#paused.set(name, nowUs + this.#retryUs);
  }

  expire(nowUs: number): void {
    for (const [name, untilUs] of this.#paused) {
      if (untilUs > nowUs) return;
      this.#paused.delete(name);
    }
  }
}
