import { describe, expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { clientHistory } from '../../../reports/evidence/client-history.ts';
import { collectEvidence } from '../../../reports/evidence/collect.ts';
import { type RunEvidence } from '../../../reports/evidence/types.ts';
import { scenarioNamed } from '../../../scenarios/registry.ts';
import { describeOperation } from '../../../sim/checkers/describe-operation.ts';
import { type Operation } from '../../../sim/types.ts';

const evidence = collectEvidence(
  { ...scenarioNamed('swarm').plan(5), durationUs: 20_000_000, floors: {} },
  5,
);

/** A read of one key that saw it, late enough for others to lie before it. */
const read = evidence.operations.findLastIndex(isSightOfOneKey);

describe('beside a violation of linearizability', () => {
  const stale = forgetful(present(evidence.operations[read], 'somebody read something'));
  const operations = evidence.operations.with(read, stale);
  const broken = violated({ ...evidence, operations }, 'linearizability', describeOperation(stale));
  const history = clientHistory(broken);

  test('stands the longest partial linearization, and the answer for which it has no place', () => {
    expect(history.named).toEqual([read]);
    expect(history.stuck?.reason).not.toBe('');
    expect(history.order.length).toBeGreaterThan(0);
    expect(history.order).not.toContain(history.stuck?.operation);
    expect(history.keys.length).toBeGreaterThan(0);
  });

  test('stand only operations that have a say in it, those that are in order among them', () => {
    expect(history.shown).toEqual([...history.shown].sort((left, right) => left - right));
    for (const position of [...history.order, ...history.named, history.stuck?.operation ?? -1]) {
      expect(history.shown).toContain(position);
    }
    expect(history.shown.length).toBeLessThanOrEqual(122);
  });
});

test('beside any other violation stand the operations that it names, and those around their time', () => {
  const position = Math.floor(evidence.operations.length / 2);
  const operation = present(evidence.operations[position], 'there are some');
  const history = clientHistory(violated(evidence, 'lock-exclusion', describeOperation(operation)));
  expect(history).toMatchObject({ named: [position], order: [], stuck: undefined, keys: [] });
  expect(history.shown).toEqual(expect.arrayContaining([position - 1, position, position + 1]));
});

test('beside one that names none stand those of its time', () => {
  const history = clientHistory(violated(evidence, 'election-safety', 'members 1 and 2 both lead term 3'));
  expect(history.named).toEqual([]);
  expect(history.shown.at(-1)).toBe(evidence.operations.length - 1);
  expect(history.shown.length).toBeLessThanOrEqual(120);
});

function violated(of: RunEvidence, invariant: string, detail: string): RunEvidence {
  const violation = {
    invariant,
    site: invariant,
    detail: `${invariant}: ${detail}`,
    atUs: of.result.simulatedUs,
  };
  return { ...of, result: { ...of.result, violation } };
}

function isSightOfOneKey({ request, outcome }: Operation): boolean {
  if (request.kind !== 'range' || outcome.kind !== 'answered' || outcome.response.kind !== 'range')
    return false;
  const { serializable, revision, rangeEnd } = request.request;
  return !serializable && revision === 0 && rangeEnd === '' && outcome.response.response.kvs.length === 1;
}

/** The same read, had it found nothing. */
function forgetful(operation: Operation): Operation {
  const { outcome } = operation;
  if (outcome.kind !== 'answered' || outcome.response.kind !== 'range')
    throw new RangeError('a read that was answered');
  const response = { ...outcome.response.response, kvs: [], count: 0 };
  return { ...operation, outcome: { kind: 'answered', response: { kind: 'range', response } } };
}
