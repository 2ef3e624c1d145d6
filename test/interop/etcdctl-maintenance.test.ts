import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { type CommandResult } from './command.ts';
import { describeWith } from './requirement.ts';
import { Twins } from './twins.ts';

describeWith(
  ['etcdctl', 'etcd'],
  'etcdctl, looking after a cluster, cannot tell three Chainfire members from etcd',
  () => {
    let twins: Twins;
    let dir: string;
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'photon-maintenance-'));
      twins = await Twins.start();
    });
    afterAll(async () => {
      rmSync(dir, { recursive: true, force: true });
      await twins?.stop();
    });

    test('alarm list and disarm, with no alarm', async () => {
      await twins.same(async (side) => [
        await side.run('alarm', 'list'),
        await side.run('alarm', 'list', '-w', 'json').then(withoutHeader),
        await side.run('alarm', 'disarm'),
        await side.run('alarm', 'list'),
        await side.run('alarm', 'raise'),
      ]);
    });

    test('defrag', async () => {
      await twins.same(async (side) => {
        for (const key of ['a', 'b', 'c']) await side.run('put', key, 'x'.repeat(1_000));
        const result = await side.run('defrag');
        const lines = result.stdout.trimEnd().split('\n');
        expect(lines).toHaveLength(side.endpoints.split(',').length);
        return [
          { ...result, stdout: [...new Set(lines.map(withoutAddress))] },
          await side.run('get', '--prefix', '', '--keys-only'),
        ];
      });
    });

    test('endpoint hashkv', async () => {
      await twins.same(async (side) => {
        const only = side.at();
        const never = compactRevisionOf(await only.run('endpoint', 'hashkv', '-w', 'json'));
        const before = await only.run('endpoint', 'hashkv');
        await only.run('put', 'a', 'y');
        const after = await only.run('endpoint', 'hashkv');
        expect(hashesOf(after.stdout)).not.toEqual(hashesOf(before.stdout));
        // Long ago applied by all.
        const all = await side.run('endpoint', 'hashkv', '--rev', '2');
        expect(hashesOf(all.stdout)).toHaveLength(side.endpoints.split(',').length);
        expect(new Set(hashesOf(all.stdout)).size).toBe(1);
        return [
          never,
          { ...before, stdout: withoutAddress(before.stdout).replace(/(<id \d+>|\d+)$/, '(hash)') },
          await only.run('endpoint', 'hashkv', '--rev', '1000000').then(shapeOfFailure),
          await side.run('compact', '4'),
          await only.run('endpoint', 'hashkv', '--rev', '3').then(shapeOfFailure),
          await only.run('endpoint', 'hashkv', '-w', 'json').then(compactRevisionOf),
        ];
      });
    });

    test('check datascale', { timeout: 240_000 }, async () => {
      await twins.same(async (side) => {
        const args = ['check', 'datascale', '--load=s', '--prefix=scale/', '--auto-compact', '--auto-defrag'];
        const { code, stdout } = await side.at().runFor(200_000, ...args);
        return { code, verdict: /^(PASS|FAIL): [A-Za-z ]+/m.exec(stdout)?.[0] };
      });
    });

    test('snapshot save', async () => {
      await twins.same(async (side) => {
        const file = join(dir, side.name);
        const result = await side.at().run('snapshot', 'save', file);
        expect(statSync(file).size % 512).toBe(32);
        return [
          { ...result, command: 'snapshot save', stdout: result.stdout.replace(file, '(file)') },
          await side
            .at('127.0.0.1:1,127.0.0.1:2')
            .run('snapshot', 'save', join(dir, 'none'))
            .then(({ code, stdout }) => ({ code, stdout })),
        ];
      });
    });
  },
);

/** Hashes as text: a long one looks like an id, and has become one. */
function hashesOf(stdout: string): readonly (string | undefined)[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(', ')[1]);
}

function compactRevisionOf({ stdout }: CommandResult): string | undefined {
  return /"compact_revision":-?\d+/.exec(stdout)?.[0];
}

function withoutAddress(line: string): string {
  return line.replace(/127\.0\.0\.1:\d+/g, '(address)').split('\n')[0] ?? '';
}

/** Which etcd gives from 3.5 on. */
function withoutHeader(result: CommandResult): object {
  const answer = JSON.parse(result.stdout) as Record<string, unknown>;
  delete answer['header'];
  return answer;
}

/** What is said for people names the member that was asked. */
function shapeOfFailure({ code, stdout, stderr }: CommandResult): object {
  return { code, stdout, stderr: withoutAddress(stderr) };
}
