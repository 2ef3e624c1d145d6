import { type RunResult } from '../sim/types.ts';
import { type BugFiles, FailureBook, type Sighting } from './failure-book.ts';
import { type RunSummary } from './page/page-data.ts';
import { Tally } from './tally.ts';

/** Of the seeds that took longest, so many are named. */
const slowestMax = 10;

/** What is known of a run before it begins, and what its clock says at its end. */
export type RunFacts = Pick<RunSummary, 'commit' | 'dirty' | 'scenarios' | 'shard' | 'wallSeconds'>;

/**
 * Builds the summary of a run over many seeds while it goes on. What it keeps is bounded: sums, the slowest ten, and of each
 * bug the first runs that showed it.
 */
export class SummaryBuilder {
  readonly tally = new Tally();
  readonly failures = new FailureBook();
  readonly #coverage = new Map<string, number>();
  #slowest: RunSummary['slowest'] = [];
  #firstSeed = Infinity;
  #lastSeed = -Infinity;

  /** @returns true when it shows a bug that was not seen before */
  add(result: RunResult, wallMs: number): boolean {
    const { scenario, seed, violation } = result;
    this.tally.add(result);
    for (const what of result.coverage) this.#cover(what, 1);
    this.#firstSeed = Math.min(this.#firstSeed, seed);
    this.#lastSeed = Math.max(this.#lastSeed, seed);
    this.#keepSlowest([{ scenario, seed, wallMs: Math.round(wallMs) }]);
    return violation !== undefined && this.failures.note({ scenario, seed, ...violation });
  }

  /** A run that has no result, since the simulator itself broke in it. */
  addBroken(broken: Sighting): boolean {
    this.tally.runs += 1;
    this.#firstSeed = Math.min(this.#firstSeed, broken.seed);
    this.#lastSeed = Math.max(this.#lastSeed, broken.seed);
    return this.failures.note(broken);
  }

  addSummary(summary: RunSummary): void {
    this.tally.addSummary(summary);
    this.#firstSeed = Math.min(this.#firstSeed, summary.seeds.first);
    this.#lastSeed = Math.max(this.#lastSeed, summary.seeds.last);
    this.#keepSlowest(summary.slowest);
    for (const [what, runs] of Object.entries(summary.coverage)) this.#cover(what, runs);
    for (const entry of summary.failures) this.failures.addEntry(entry);
  }

  setFiles(bug: Pick<Sighting, 'invariant' | 'site'>, files: BugFiles): void {
    this.failures.setFiles(bug, files);
  }

  /** Floors are what the swarm owes; a run of single scenarios has its own. */
  missedFloors(scenarios: readonly string[]): readonly string[] {
    return scenarios.length === 1 && scenarios[0] === 'swarm' ? this.tally.missedFloors() : [];
  }

  build(facts: RunFacts): RunSummary {
    const { tally } = this;
    return {
      format: 1,
      commit: facts.commit,
      dirty: facts.dirty,
      scenarios: facts.scenarios,
      seeds: tally.runs === 0 ? { first: 0, last: 0 } : { first: this.#firstSeed, last: this.#lastSeed },
      shard: facts.shard,
      runs: tally.runs,
      wallSeconds: facts.wallSeconds,
      simulatedUs: tally.simulatedUs,
      events: tally.events,
      elections: tally.elections,
      snapshotsInstalled: tally.snapshotsInstalled,
      operations: { ...tally.operations, ...tally.services },
      faultsFired: Object.fromEntries(tally.faultsFired),
      coverage: Object.fromEntries([...this.#coverage].sort(([left], [right]) => (left < right ? -1 : 1))),
      slowest: this.#slowest,
      missedFloors: this.missedFloors(facts.scenarios),
      failures: this.failures.entries,
    };
  }

  #cover(what: string, runs: number): void {
    this.#coverage.set(what, (this.#coverage.get(what) ?? 0) + runs);
  }

  #keepSlowest(more: RunSummary['slowest']): void {
    const slowest = [...this.#slowest, ...more].sort(
      (left, right) =>
        right.wallMs - left.wallMs ||
        left.seed - right.seed ||
        (left.scenario < right.scenario ? -1 : Number(left.scenario > right.scenario)),
    );
    this.#slowest = slowest.slice(0, slowestMax);
  }
}
