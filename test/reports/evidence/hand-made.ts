import { type RunEvidence } from '../../../reports/evidence/types.ts';
import { type RunResult } from '../../../sim/types.ts';

/** A run that did nothing, as tests that need only a part of one want it. */
export const noResult: RunResult = {
  scenario: 'hand-made',
  seed: 1,
  violation: undefined,
  hash: '0000000000000000',
  simulatedUs: 0,
  events: 0,
  operations: {
    answered: 0,
    refused: 0,
    failed: 0,
    unknown: 0,
    watchEvents: 0,
    leasesGranted: 0,
    leasesExpired: 0,
    locksHeld: 0,
  },
  elections: 0,
  snapshotsInstalled: 0,
  faultsFired: {},
  coverage: [],
};

/** Evidence with the given parts. */
export function evidenceOf(parts: Partial<RunEvidence>): RunEvidence {
  const steps = parts.steps ?? [];
  return {
    result: noResult,
    nodes: [...new Set(steps.map(({ node }) => node))].sort((left, right) => left - right),
    clients: 0,
    steps,
    packets: [],
    faults: [],
    notes: [],
    lanes: new Map(),
    operations: [],
    operationSteps: [],
    firstStep: 0,
    ...parts,
  };
}
