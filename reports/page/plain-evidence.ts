import { type RunEvidence } from '../evidence/types.ts';

/**
 * Evidence as nothing but data: its records may make their texts when they are read, which neither a message to a worker nor
 * JSON carries.
 */
export function plainEvidence(evidence: RunEvidence): RunEvidence {
  return {
    ...evidence,
    steps: evidence.steps.map(({ atUs, node, boot, kind, event, effects, causes }) => ({
      ...{ atUs, node, boot, kind, event },
      effects: [...effects],
      causes: [...causes],
    })),
    packets: evidence.packets.map(({ from, to, sentUs, arrivedUs, sentBy, takenBy, what }) => ({
      ...{ from, to, sentUs, arrivedUs, sentBy, takenBy, what },
    })),
    faults: evidence.faults.map(({ position, fault, fromUs, toUs, fired }) => ({
      ...{ position, fault, fromUs, toUs, fired },
    })),
    notes: evidence.notes.map(({ atUs, node, text }) => ({ atUs, node, text })),
  };
}
