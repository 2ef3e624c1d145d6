import { expect, test } from 'vitest';

import { resolveSettings } from '../../../adapters/config/resolve.ts';
import { autoCompactionOptions } from '../../../nodes/chainfire/auto-compaction.ts';
import { chainfireSchema } from '../../../nodes/chainfire/settings.ts';

/** What a member is told when it is started with these flags, or with this line in its file. */
function optionsOf(flags: Readonly<Record<string, string>>, line = ''): unknown {
  return autoCompactionOptions(
    resolveSettings(chainfireSchema, {
      file: { name: 'a.toml', content: `name = "a"\ndata_dir = "d"\n${line}\n` },
      environment: {},
      flags,
      environmentReserved: [],
    }),
  );
}

test('nothing is compacted by itself unless a retention is given', () => {
  expect(optionsOf({})).toBeUndefined();
  expect(optionsOf({ autoCompactionRetention: '0' })).toBeUndefined();
  expect(optionsOf({ autoCompactionRetention: '0s' })).toBeUndefined();
  expect(optionsOf({ autoCompactionMode: 'revision', autoCompactionRetention: '0' })).toBeUndefined();
});

test("a retention by time is a duration; an integer counts hours, as in etcd's flag", () => {
  expect(optionsOf({ autoCompactionRetention: '10m' })).toEqual({ retentionUs: 600_000_000 });
  expect(optionsOf({ autoCompactionRetention: '2' })).toEqual({ retentionUs: 7_200_000_000 });
  expect(optionsOf({}, 'auto_compaction_retention = 2')).toEqual({ retentionUs: 7_200_000_000 });
});

test('a retention by revisions is an integer', () => {
  const mode = { autoCompactionMode: 'revision' };
  expect(optionsOf({ ...mode, autoCompactionRetention: '1000' })).toEqual({
    revisions: 1_000,
    intervalUs: 300_000_000,
  });
  expect(optionsOf({ ...mode, autoCompactionRetention: '7', autoCompactionIntervalMs: '200' })).toEqual({
    revisions: 7,
    intervalUs: 200_000,
  });
});

test.each([
  [{ autoCompactionMode: 'revision', autoCompactionRetention: '10m' }, 'must be an integer'],
  [{ autoCompactionRetention: '1ms' }, 'must be 0 or from 100ms to 87600h'],
  [{ autoCompactionRetention: '900000' }, 'must be 0 or from 100ms to 87600h'],
  [{ autoCompactionRetention: 'ten' }, 'must be a duration'],
  [{ autoCompactionRetention: '-1' }, 'must be a duration'],
  [{ autoCompactionMode: 'hourly' }, 'must be one of periodic, revision'],
])('%j is refused by name', (flags, message) => {
  expect(() => optionsOf(flags)).toThrow(message);
});
