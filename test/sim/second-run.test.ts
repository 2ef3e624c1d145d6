import { expect, test } from 'vitest';

import { nodeId } from '../../core/base/ids.ts';
import { recapturedRunDiffers, secondRunDiffers } from '../../sim/second-run.ts';
import { StepRecord } from '../../sim/step-record.ts';
import { firstViolation, resultOf } from '../../sim/system-run.ts';
import { type RunResult, Violation } from '../../sim/types.ts';
import { World } from '../../sim/world.ts';

/** A run that a single step was made in. */
function ran(step: string, violation?: Violation): RunResult {
  const world = new World();
  const record = new StepRecord(world, undefined);
  record.stepped(nodeId(1), { kind: step }, []);
  const run = { seed: 1, world, record, covered: new Set([step, 'a']), processes: [], violation };
  const operations = { answered: 1, refused: 0, unknown: 0 };
  return resultOf(run, { scenario: 'one', operations, elections: 0, faultsFired: {} });
}

test('a second run that makes other steps, or ends in a violation, is told of; one that makes the same is not', () => {
  const first = ran('ticked');
  expect(secondRunDiffers(first, ran('ticked'))).toBeUndefined();
  const other = ran('asked');
  expect(secondRunDiffers(first, other)).toMatchObject({
    invariant: 'nondeterminism',
    site: 'hash',
    detail: `nondeterminism: hash ${first.hash} the first time, ${other.hash} the second: a run that is not decided by its seed`,
  });
  const violated = ran('ticked', new Violation('one-leader', 'two of them'));
  expect(secondRunDiffers(first, violated)).toMatchObject({ invariant: 'nondeterminism' });
});

test('where a run without restored machines comes to the same, it is the captured state that lacks something', () => {
  const first = ran('ticked');
  expect(recapturedRunDiffers(first, ran('ticked'), () => ran('ticked'))).toBeUndefined();
  expect(recapturedRunDiffers(first, ran('asked'), () => ran('ticked'))).toMatchObject({ site: 'capture' });
  expect(recapturedRunDiffers(first, ran('asked'), () => ran('asked'))).toMatchObject({ site: 'hash' });
});

test('a run ends with its first violation and says so in its trace; any other failure is one of the simulator', () => {
  const lines: string[] = [];
  const record = new StepRecord(new World(), (line) => lines.push(line));
  const violation = new Violation('never-twice', 'it ran twice');
  const violate = (): void => {
    throw violation;
  };
  expect(firstViolation(record, violate)).toBe(violation);
  expect(lines).toEqual([`0.000000 violation: ${violation.message}`]);
  expect(firstViolation(record, () => undefined)).toBeUndefined();
  const breakDown = (): void => {
    throw new TypeError('no such thing');
  };
  expect(() => firstViolation(record, breakDown)).toThrow(TypeError);
});
