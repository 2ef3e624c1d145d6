// `import type` vanishes when types are stripped; an inline `type` would load the system before a mutant can be planted.
import type { RunResult } from '../../sim/types.ts';

/** What a worker is told at its start. */
export interface WorkerSetting {
  /** Names of the mutants that its copy of the sources carries. */
  readonly mutants: readonly string[];
}

export interface Job {
  readonly scenario: string;
  readonly seed: number;
  /** Run it twice and compare the hashes. */
  readonly twice: boolean;
}

export type JobDone =
  | { readonly kind: 'ran'; readonly job: Job; readonly result: RunResult; readonly wallMs: number }
  /** The simulator itself broke: not a verdict on the system. */
  | { readonly kind: 'broke'; readonly job: Job; readonly reason: string };

/** The one command that shows a failure again. */
export function replayCommand(result: { readonly scenario: string; readonly seed: number }): string {
  return `npx photon sim replay ${result.scenario} --seed ${result.seed}`;
}
