// `import type` vanishes when types are stripped; an inline `type` would load the system before a mutant can be planted.
import type { RunResult, Scenario } from '../../sim/types.ts';

/** What a worker is told at its start. */
export interface WorkerSetting {
  /** Names of the mutants that its copy of the sources carries. */
  readonly mutants: readonly string[];
}

export interface Job {
  /** Name of the scenario; of one that is given as `plan`, for messages only. */
  readonly scenario: string;
  readonly seed: number;
  /** Run it twice and compare the hashes. */
  readonly twice: boolean;
  /** In place of what the scenario's name and the seed would give. */
  readonly plan?: Scenario | undefined;
  /** Tell of every event while it runs. */
  readonly traced?: boolean;
}

export type JobDone =
  | {
      readonly kind: 'ran';
      readonly job: Job;
      readonly result: RunResult;
      readonly wallMs: number;
      /** What was run, when it failed and can be made small: a planted bug may be in what draws plans. */
      readonly failed: Scenario | undefined;
    }
  /** The simulator itself broke: not a verdict on the system. */
  | { readonly kind: 'broke'; readonly job: Job; readonly reason: string };

/** What a worker says: lines of a trace, any number of times, and then how it ended. */
export type WorkerWord = JobDone | { readonly kind: 'traced'; readonly lines: readonly string[] };

/** The one command that shows a failure again. */
export function replayCommand(result: { readonly scenario: string; readonly seed: number }): string {
  return `npx photon sim replay ${result.scenario} --seed ${result.seed}`;
}
