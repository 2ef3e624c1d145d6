import { type Repro } from '../../sim/repro.ts';
import { type NodeState, type RunEvidence } from '../evidence/types.ts';

/** What a page is made of. A page is one file that needs nothing else, and no network. */
export type PageData = FailurePage | RunPage | RecordingPage;

/** One failure. The page runs it again to show it, so nothing but the plan is stored. */
export interface FailurePage {
  readonly kind: 'failure';
  readonly repro: Repro;
  /** Where the run differs from the defaults, by dotted name. */
  readonly configuration: readonly (readonly [name: string, value: string])[];
  readonly replayCommand: string;
}

/** Many seeds, whether any failed or not. */
export interface RunPage {
  readonly kind: 'run';
  readonly summary: RunSummary;
}

/** What a real process did, as its recording gives it. */
export interface RecordingPage {
  readonly kind: 'recording';
  readonly evidence: RunEvidence;
  /** Of the recorded node, after the step of the same position in `evidence.steps`; fewer than steps: the newest. */
  readonly states: readonly NodeState[];
  readonly replayCommand: string;
}

/** A run over many seeds: what a page shows, CI reads, and several machines' runs are merged from. */
export interface RunSummary {
  readonly format: 1;
  readonly commit: string | undefined;
  readonly dirty: boolean;
  readonly scenarios: readonly string[];
  readonly seeds: { readonly first: number; readonly last: number };
  /** Which of how many machines this is, from 1; undefined: all of it. Merged: undefined. */
  readonly shard: { readonly index: number; readonly count: number } | undefined;
  readonly runs: number;
  readonly wallSeconds: number;
  readonly simulatedUs: number;
  readonly events: number;
  readonly elections: number;
  readonly snapshotsInstalled: number;
  readonly operations: Readonly<Record<string, number>>;
  readonly faultsFired: Readonly<Record<string, number>>;
  /** How many runs reached each state (`leader`, `repairing`, `joint`) and handled each kind of message or request. */
  readonly coverage: Readonly<Record<string, number>>;
  readonly slowest: readonly { readonly scenario: string; readonly seed: number; readonly wallMs: number }[];
  readonly missedFloors: readonly string[];
  readonly failures: readonly FailureEntry[];
}

/** Failures of the same invariant at the same site are one. */
export interface FailureEntry {
  readonly invariant: string;
  readonly site: string;
  /** Of the first that was found. */
  readonly detail: string;
  /** How many runs showed it. */
  readonly count: number;
  /** The first of them. */
  readonly runs: readonly { readonly scenario: string; readonly seed: number }[];
  /** File of the shrunk repro, relative to the summary; undefined: none was made. */
  readonly repro: string | undefined;
  /** File of its page. */
  readonly page: string | undefined;
}
