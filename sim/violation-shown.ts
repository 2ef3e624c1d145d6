import { type RunResult, type Violation } from './types.ts';

/** A violation as results show it. */
export function violationShown(violation: Violation | undefined, atUs: number): RunResult['violation'] {
  if (violation === undefined) return undefined;
  const { invariant, site, message } = violation;
  return { invariant, site, detail: message, atUs };
}
