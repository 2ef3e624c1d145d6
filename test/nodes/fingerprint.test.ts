import { expect, test } from 'vitest';

import { fingerprintOf } from '../../nodes/fingerprint.ts';
import { memberSoftware } from '../../nodes/software.ts';

test('a fingerprint is the same wherever it begins in the same code, and another where more of it runs', () => {
  const raft = fingerprintOf(['core/raft/group']);
  expect(raft).toMatch(/^[0-9a-f]{32}$/);
  expect(fingerprintOf(['core/raft/group', 'core/raft/quorum'])).toBe(raft);
  expect(fingerprintOf(['core/raft/group', 'core/chainfire/member'])).not.toBe(raft);
  expect(fingerprintOf(['core/raft/group'], ['a bug'])).not.toBe(raft);
});

test('of a file that is not there, there is none', () => {
  expect(() => fingerprintOf(['core/raft/nothing'])).toThrow('ENOENT');
});

test("a member's fingerprint covers its machine, its randomness and how its events are written", () => {
  const { machine } = memberSoftware();
  expect(machine).not.toBe(fingerprintOf(['core/chainfire/member']));
  expect(memberSoftware().machine).toBe(machine);
});
