import { describe, expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { PutRequest, PutResponse, ResponseHeader } from '../../../core/chainfire/api/kv.ts';
import { type StepRecord } from '../../../reports/evidence/types.ts';
import { violationSteps } from '../../../reports/evidence/violation-steps.ts';
import { violationOperations } from '../../../reports/evidence/violation-words.ts';
import { describeOperation } from '../../../sim/checkers/describe-operation.ts';
import { type Operation } from '../../../sim/types.ts';
import { evidenceOf, noResult } from './hand-made.ts';

const steps = [1, 2, 3, 2, 1].map(step);

describe('the steps that show a violation', () => {
  test('are the last one, and the newest of every other member that it names', () => {
    expect(shown('election-safety: members 2 and 1 both lead term 4')).toEqual([3, 4]);
    expect(
      shown('state-machine-safety: at index 4 member 3 had applied term 1; member 1 has term 2'),
    ).toEqual([2, 4]);
    expect(shown('liveness: no leader, 20 µs after healing; the core: n2 down; n9 down')).toEqual([3, 4]);
    expect(shown('invariant: member 1: time is monotonic\n    at member 3 of (core/n2.ts:1)')).toEqual([4]);
  });

  test('are those that served the operations which contradict each other, as checkers name them', () => {
    const operations = [operation(0, 1), operation(1, 1), operation(1, 2)];
    const detail = operations.slice(1).map(describeOperation).join(', but before it began ');
    const evidence = {
      ...evidenceOf({ steps, operations, operationSteps: [[0], [3, 4], [1]] }),
      result: { ...noResult, violation: { invariant: 'linearizability', site: '', detail, atUs: 50 } },
    };
    expect(violationOperations(evidence)).toEqual([1, 2]);
    expect(violationSteps(evidence)).toEqual([1, 3, 4]);
    // What is not kept any more cannot be shown.
    expect(violationSteps({ ...evidence, firstStep: 2, steps: steps.slice(2) })).toEqual([3, 4]);
  });

  test('are those by which clients were told something at the times that are named, or the newest up to then', () => {
    const detail = 'client 0 held lock/1 from 25 to 90 µs, and client 5 held lock/1 from 33 to 80 µs';
    const to = { kind: 'client', client: 0 } as const;
    const from = { kind: 'node', node: nodeId(2) } as const;
    const packet = { from, to, sentUs: 12, sentBy: 1, takenBy: undefined, what: 'notify' };
    const evidence = {
      ...evidenceOf({
        steps,
        packets: [
          { ...packet, arrivedUs: 25 },
          { ...packet, arrivedUs: 26, sentBy: 2 },
        ],
      }),
      result: { ...noResult, violation: { invariant: 'lock-exclusion', site: '', detail, atUs: 50 } },
    };
    expect(violationSteps(evidence)).toEqual([1, 3]);
    expect(shown('lease-not-early: lease 5 went at 22 µs, 90 µs before the 5 s had passed')).toEqual([2]);
  });

  test('are those that served the operation for which the history has no place, where nothing else is named', () => {
    const header = ResponseHeader.create({ revision: 2 });
    const put = { kind: 'put', request: PutRequest.create({ key: 'a' }) } as const;
    const answer = { kind: 'put', response: PutResponse.create({ header }) } as const;
    const twice = [1, 2].map((callId): Operation => ({
      client: 0,
      callId,
      request: put,
      startUs: 10 * callId,
      endUs: 10 * callId + 5,
      outcome: { kind: 'answered', response: answer },
    }));
    const violation = {
      invariant: 'linearizability',
      site: '',
      detail: 'no operation explains it',
      atUs: 50,
    };
    const evidence = evidenceOf({
      steps,
      operations: twice,
      operationSteps: [
        [0, 1],
        [2, 3],
      ],
    });
    expect(violationSteps({ ...evidence, result: { ...noResult, violation } })).toEqual([2, 3]);
  });

  test('are none where there is no violation, or nothing was proved', () => {
    expect(violationSteps(evidenceOf({ steps }))).toEqual([]);
    expect(shown('idle: elections: 0, where 1 is the least', 'idle')).toEqual([]);
  });
});

function shown(detail: string, invariant = 'some'): readonly number[] {
  const result = { ...noResult, violation: { invariant, site: '', detail, atUs: 50 } };
  return violationSteps(evidenceOf({ steps, result }));
}

function step(id: number, position: number): StepRecord {
  const atUs = 10 * position;
  return { atUs, node: nodeId(id), boot: 1, kind: 'tick', event: 'tick', effects: [], causes: [] };
}

function operation(client: number, callId: number): Operation {
  return {
    client,
    callId,
    request: { kind: 'compact', request: { revision: 1, physical: false } },
    startUs: 1,
    endUs: undefined,
    outcome: { kind: 'unknown', reason: 'deadline exceeded' },
  };
}
