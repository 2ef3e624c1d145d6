import { type Fault } from './fault.ts';
import { type Scenario } from './types.ts';

/**
 * A failure as data: what has to be run to see it again, and what is seen then. A file of this (`repro.json`) is what shrinking
 * ends with, what a bug base keeps, and what a page shows.
 *
 * From the same sources (`sources`) a replay gives `hash`; from others it must give the violation.
 */
export interface Repro {
  readonly format: 1;
  /** Of the sources that it was found in; undefined where that is not known. */
  readonly commit: string | undefined;
  /** The sources were not as the commit has them. */
  readonly dirty: boolean;
  /** Fingerprint of every source that decides a run, the planted bug included; undefined where nobody took it. */
  readonly sources?: string | undefined;
  /** The bug that was planted; undefined: none. */
  readonly mutant: string | undefined;
  readonly seed: number;
  /** The plan itself, shrunk or not: a replay needs nothing else. */
  readonly scenario: Scenario;
  readonly violation: ReproViolation;
  /** Rolling hash of the run up to the violation, as 16 hex digits. */
  readonly hash: string;
  /** Steps of members up to the violation. */
  readonly events: number;
  /** What it was before shrinking; undefined for one that was not shrunk. */
  readonly original: ReproOrigin | undefined;
}

export interface ReproViolation {
  readonly invariant: string;
  /** What tells one failure of an invariant from another, the same for every seed that shows the same bug. */
  readonly site: string;
  readonly detail: string;
  readonly atUs: number;
}

export interface ReproOrigin {
  /** Name and seed with which `photon sim replay` shows it as it was found. */
  readonly scenario: string;
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly durationUs: number;
  readonly clients: number;
  readonly events: number;
}
