import { describe, expect, test } from 'vitest';

import { SyncTranslation } from '../../../core/base/sync-translation.ts';

describe('sync numbers of a part within a machine', () => {
  test('an effect waits for the machine’s write that holds what the part had written', () => {
    const translation = new SyncTranslation();
    translation.written(1, 4);
    translation.written(2, 4);
    translation.written(3, 7);
    expect([1, 2, 3].map((part) => translation.gate(part))).toEqual([4, 4, 7]);
  });

  test('a part hears of its highest write that a sync has covered, once', () => {
    const translation = new SyncTranslation();
    translation.written(1, 4);
    translation.written(2, 4);
    translation.written(3, 7);
    expect(translation.synced(3)).toBeUndefined();
    expect(translation.synced(6)).toBe(2);
    expect(translation.synced(6)).toBeUndefined();
    expect(translation.synced(9)).toBe(3);
  });

  test('what is durable gates nothing', () => {
    const translation = new SyncTranslation();
    expect(translation.gate(0)).toBe(0);
    translation.written(1, 4);
    translation.synced(4);
    expect(translation.gate(1)).toBe(0);
  });

  test('a part that waits for what it never wrote is a broken program', () => {
    const translation = new SyncTranslation();
    translation.written(1, 4);
    expect(() => translation.gate(2)).toThrow('a part waits only for what it has written');
  });
});
