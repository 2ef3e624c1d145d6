import { expect, test } from 'vitest';

import { siteOf } from '../../sim/site.ts';
import { Violation } from '../../sim/types.ts';

test.each([
  [
    'members n1 and n3 both lead term 17',
    'members n2 and n5 both lead term 4',
    'members # and # both lead term #',
  ],
  [
    'no order of operations on a, k2 explains client 3 call 17 range [k0, end) at 4 [1200–1300 µs, revision 5]: it saw k2',
    'no order of operations on a, k7 explains client 1 call 9 put k7=x1 [7–? µs, unknown: timeout]: it saw k9',
    'no order of operations on a, # explains an operation: it saw #',
  ],
  [
    "member 1: unreachable: 'abc'\n  at step (file:///a/b.ts:3:4)",
    "member 22: unreachable: 'de'\n  at step (file:///c/b.ts:9:1)",
    'member # unreachable: …',
  ],
  [
    'at 4 member 1 had the leases 7b, 9c2, 11; the rest',
    'at 9 member 2 had the leases 1; the rest',
    'at # member # had the leases #; the rest',
  ],
])('two seeds that show the same bug give the same site', (one, other, site) => {
  expect(siteOf(one)).toBe(site);
  expect(siteOf(other)).toBe(siteOf(one));
});

test('different words are different sites', () => {
  expect(siteOf('the commit index of member 3 fell')).not.toBe(siteOf('the term of member 3 fell'));
});

test('a violation takes its site from its detail, or from what is said in its place', () => {
  expect(new Violation('vote-once', 'member 3 voted twice in term 9').site).toBe(
    'member # voted twice in term #',
  );
  expect(new Violation('liveness', 'no leader; the core: n1 follower', 'no leader').site).toBe('no leader');
});

test('a site is bounded', () => {
  expect(siteOf('word '.repeat(1_000)).length).toBeLessThanOrEqual(160);
});
