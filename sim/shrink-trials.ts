import { type Arbitrary } from 'fast-check';

import { assert } from '../core/base/assert.ts';
import { RollingHash } from '../core/base/rolling-hash.ts';
import { type RunResult, type Scenario } from './types.ts';

/** A run that can be asked for. */
export interface Trial {
  readonly scenario: Scenario;
  readonly seed: number;
}

/** A run that ended in a violation. */
export type Failed = RunResult & { readonly violation: NonNullable<RunResult['violation']> };

/**
 * A search that asks for runs and is given their results, undefined for one in which the simulator itself broke: whoever has
 * threads makes them, some at a time.
 */
export type Search<Found> = Generator<readonly Trial[], Found, readonly (RunResult | undefined)[]>;

export interface TrialsOptions {
  readonly invariant: string;
  /** Preferred: where the same invariant is seen elsewhere only, that counts too, unless its name says nothing. */
  readonly site: string;
  /** Trials made at once. Never changes the result. */
  readonly atOnce: number;
  readonly runsMax: number;
  /** The time is up. */
  readonly expired: () => boolean;
  readonly progress?: (state: ShrinkProgress) => void;
}

export interface ShrinkProgress {
  readonly pass: string;
  readonly runs: number;
  readonly scenario: Scenario;
}

/** What these say is in their site alone: another site is another bug. */
const named: ReadonlySet<string> = new Set([
  'invariant',
  'thrown',
  'liveness',
  'member-stopped',
  'data-lost',
]);

type Verdict = 'same' | 'elsewhere' | 'no';

/** The smallest failing run that is known so far, and the search for smaller ones, bounded. */
export class Trials {
  readonly #options: TrialsOptions;
  /** What was tried and did not show it, by `keyOf`. At most `runsMax`. */
  readonly #futile = new Set<string>();
  #best: Trial | undefined;
  #result: Failed | undefined;
  #site: string;
  /** Names what is being made simpler, for progress. */
  pass = '';
  runs = 0;
  accepted = 0;

  constructor(options: TrialsOptions) {
    this.#options = options;
    this.#site = options.site;
  }

  get best(): Trial {
    assert(this.#best !== undefined, 'trials begin with one that fails');
    return this.#best;
  }

  get result(): Failed {
    assert(this.#result !== undefined, 'trials begin with one that fails');
    return this.#result;
  }

  get over(): boolean {
    return this.runs >= this.#options.runsMax || this.#options.expired();
  }

  /** @throws RangeError when it does not fail as it should */
  *begin(trial: Trial): Search<void> {
    const [result] = yield [trial];
    this.runs += 1;
    if (this.#verdict(result) === 'no') {
      const shown =
        result === undefined ? 'the simulator breaks' : (result.violation?.invariant ?? 'nothing');
      throw new RangeError(`seed ${trial.seed} does not show ${this.#options.invariant}, but ${shown}`);
    }
    this.#accept(trial, result);
  }

  /**
   * Replaces the best by simpler and simpler ones for as long as they fail too: `simpler` values of `value`, as the arbitrary
   * has them, each made into the trials that may stand for it, in the order of preference.
   */
  *descend<T>(arbitrary: Arbitrary<T>, value: T, trialsOf: (simpler: T) => readonly Trial[]): Search<void> {
    let current: { readonly value: T; readonly context: unknown } = { value, context: undefined };
    while (!this.over) {
      const shrinks = arbitrary.shrink(current.value, current.context);
      const candidates = function* (): Generator<readonly [Trial, typeof current]> {
        for (const simpler of shrinks) {
          for (const trial of trialsOf(simpler.value)) yield [trial, simpler];
        }
      };
      const found = yield* this.#first(candidates());
      if (found === undefined) return;
      current = found;
    }
  }

  /** Replaces the best by the first of these that fails too. @returns whether there was one */
  *firstOf(trials: Iterable<Trial>): Search<boolean> {
    const candidates = function* (): Generator<readonly [Trial, true]> {
      for (const trial of trials) yield [trial, true];
    };
    return (yield* this.#first(candidates())) === true;
  }

  /** Runs some ahead at once, but judges in order: what is found does not hang on how many threads there are. */
  *#first<T>(candidates: Iterator<readonly [Trial, T]>): Search<T | undefined> {
    let elsewhere:
      { readonly trial: Trial; readonly result: RunResult | undefined; readonly of: T } | undefined;
    // The same may be proposed twice, and be asked for once, whether or not both are in one batch.
    const asked = new Set([keyOf(this.best)]);
    const isNew = (trial: Trial): boolean => {
      const key = keyOf(trial);
      if (asked.has(key) || this.#futile.has(key)) return false;
      asked.add(key);
      return true;
    };
    for (let exhausted = false; !exhausted && !this.over;) {
      const batch: (readonly [Trial, T])[] = [];
      const size = Math.min(this.#options.atOnce, this.#options.runsMax - this.runs);
      while (batch.length < size && !exhausted) {
        const next = candidates.next();
        if (next.done === true) exhausted = true;
        else if (isNew(next.value[0])) batch.push(next.value);
      }
      if (batch.length === 0) break;
      const results = yield batch.map(([trial]) => trial);
      for (const [position, [trial, of]] of batch.entries()) {
        this.runs += 1;
        const result = results[position];
        const verdict = this.#verdict(result);
        if (verdict === 'same') {
          this.#accept(trial, result);
          return of;
        }
        if (verdict === 'elsewhere') elsewhere ??= { trial, result, of };
        else this.#futile.add(keyOf(trial));
      }
      this.#show();
    }
    if (elsewhere === undefined) return undefined;
    this.#accept(elsewhere.trial, elsewhere.result);
    return elsewhere.of;
  }

  #verdict(result: RunResult | undefined): Verdict {
    const violation = result?.violation;
    if (violation?.invariant !== this.#options.invariant) return 'no';
    if (violation.site === this.#site) return 'same';
    return named.has(violation.invariant) ? 'no' : 'elsewhere';
  }

  #accept(trial: Trial, result: RunResult | undefined): void {
    assert(result !== undefined && isFailed(result), 'what is accepted has failed');
    this.#best = trial;
    this.#result = result;
    this.#site = result.violation.site;
    this.accepted += 1;
    this.#show();
  }

  #show(): void {
    this.#options.progress?.({ pass: this.pass, runs: this.runs, scenario: this.best.scenario });
  }
}

export function isFailed(result: RunResult): result is Failed {
  return result.violation !== undefined;
}

/** Short, since thousands are kept: 64 bits of a hash. */
function keyOf(trial: Trial): string {
  const hash = new RollingHash();
  hash.text(JSON.stringify([trial.seed, trial.scenario]));
  return hash.digest();
}
