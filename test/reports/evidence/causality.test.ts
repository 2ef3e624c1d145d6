import { describe, expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { causalPast } from '../../../reports/evidence/causality.ts';
import {
  type Endpoint,
  type Packet,
  type RunEvidence,
  type StepRecord,
} from '../../../reports/evidence/types.ts';
import { evidenceOf } from './hand-made.ts';

const [one, two, three] = [nodeId(1), nodeId(2), nodeId(3)];

describe('what happened before a step (Lamport, 1978)', () => {
  // n1: 0 ──── 3        n1 tells n2 of step 0, n3 tells n1 of step 2
  // n2:   1 ─ ─ ─ 4     step 4 is given what step 0 sent
  // n3:     2           step 3 is given what step 2 sent
  const steps = [at(10, one), at(20, two), at(30, three), at(40, one, 1, [0, 2]), at(50, two, 1, [1, 0])];

  test('is what its node did before, and what those did before who sent what it was given', () => {
    const run = evidenceOf({ steps });
    expect(pastOf(run, 4)).toEqual([0, 1, 4]);
    expect(pastOf(run, 3)).toEqual([0, 2, 3]);
    expect(pastOf(run, 2)).toEqual([2]);
  });

  test('of several steps is what happened before any of them', () => {
    const run = evidenceOf({ steps });
    const past = causalPast(run, [1, 2]);
    expect([past.size, past.has(0), past.has(1), past.has(2), past.has(3)]).toEqual([
      2,
      false,
      true,
      true,
      false,
    ]);
  });

  test('goes through clients: a request carries what its client had been told, and nothing that came later', () => {
    const packets = [
      packet({ from: node(one), to: client(7), sentUs: 11, arrivedUs: 15, sentBy: 0 }),
      packet({ from: node(three), to: client(7), sentUs: 31, arrivedUs: 45, sentBy: 2 }),
      packet({ from: client(7), to: node(two), sentUs: 40, arrivedUs: 48, takenBy: 4 }),
    ];
    const run = evidenceOf({
      steps: [at(10, one), at(20, two), at(30, three), at(40, one), at(50, two)],
      packets,
    });
    expect(pastOf(run, 4)).toEqual([0, 1, 4]);
  });

  test('goes through a restart: what a life did, its disk may carry to the next', () => {
    const run = evidenceOf({ steps: [at(10, one), at(20, one, 2), at(30, two)] });
    expect(pastOf(run, 1)).toEqual([0, 1]);
  });

  test('is of the steps that are kept', () => {
    const run = { ...evidenceOf({ steps: [at(40, one, 1, [0, 2]), at(50, two, 1, [1, 0])] }), firstStep: 3 };
    expect(pastOf(run, 4)).toEqual([4]);
    expect(pastOf(run, 3)).toEqual([3]);
    expect(() => causalPast(run, [5])).toThrow('steps that were made');
  });
});

function pastOf(run: RunEvidence, step: number): readonly number[] {
  const past = causalPast(run, [step]);
  const found = run.steps.map((_, position) => run.firstStep + position).filter((number) => past.has(number));
  expect(past.size).toBe(found.length);
  return found;
}

function at(atUs: number, from: StepRecord['node'], boot = 1, causes: readonly number[] = []): StepRecord {
  return { atUs, node: from, boot, kind: 'tick', event: 'tick', effects: [], causes };
}

function node(id: StepRecord['node']): Endpoint {
  return { kind: 'node', node: id };
}

function client(number: number): Endpoint {
  return { kind: 'client', client: number };
}

function packet(given: Partial<Packet> & Pick<Packet, 'from' | 'to' | 'sentUs'>): Packet {
  return { arrivedUs: undefined, sentBy: undefined, takenBy: undefined, what: 'put', ...given };
}
