import { type StateForm } from '../base/capture.ts';

/**
 * What a member's state machine has done since the process started, for metrics: not replicated, and not the same on members
 * that started at different times.
 */
export interface AppliedCounts {
  /** Keys put and keys deleted, by whatever command. */
  readonly puts: number;
  readonly deletes: number;
  readonly txns: number;
  readonly leasesGranted: number;
  readonly leasesRenewed: number;
  readonly leasesRevoked: number;
  readonly leasesExpired: number;
}

/** The same, for those who count. */
export type AppliedCounters = { -readonly [Name in keyof AppliedCounts]: number };

export function newAppliedCounters(): AppliedCounters {
  return {
    puts: 0,
    deletes: 0,
    txns: 0,
    leasesGranted: 0,
    leasesRenewed: 0,
    leasesRevoked: 0,
    leasesExpired: 0,
  };
}

export function passCounters(form: StateForm, counters: AppliedCounters): AppliedCounters {
  for (const name of Object.keys(newAppliedCounters()) as (keyof AppliedCounters)[])
    counters[name] = form.number(name, counters[name]);
  return counters;
}
