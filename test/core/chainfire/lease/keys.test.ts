import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from '../../../../core/base/bytes.ts';
import {
  attachmentKey,
  behindAttachments,
  idOfLeaseKey,
  keyOfAttachment,
  leaseKey,
} from '../../../../core/chainfire/lease/keys.ts';

const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const userKey = fc.constantFrom('a', 'a\x00', '\xff\xff', '\x00', 'ab');

test('lease ids keep their order in the store, and come back', () => {
  fc.assert(
    fc.property(id, id, (left, right) => {
      expect(idOfLeaseKey(leaseKey(left))).toBe(left);
      expect(compareKeys(leaseKey(left), leaseKey(right))).toBe(left < right ? -1 : left > right ? 1 : 0);
    }),
  );
});

test('the keys of a lease lie together, apart from those of any other', () => {
  fc.assert(
    fc.property(id, userKey, id, (one, key, other) => {
      const attachment = attachmentKey(one, key);
      expect(keyOfAttachment(attachment)).toBe(key);
      const to = behindAttachments(other);
      const lies = attachment >= leaseKey(other) && (to === undefined || attachment < to);
      expect(lies).toBe(one === other);
    }),
  );
  expect(behindAttachments(2n ** 64n - 1n)).toBeUndefined();
});

test('an id beyond 64 bits is no lease', () => {
  expect(() => leaseKey(2n ** 64n)).toThrow('64 bits');
  expect(() => idOfLeaseKey('short')).toThrow('keyed by an id');
});
