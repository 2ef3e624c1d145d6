import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { decodeSummary } from '../../../reports/summary-file.ts';
import { canary, canaryInvariant, canaryMutant } from '../../../scenarios/canary.ts';
import { decodeRepro, encodeRepro } from '../../../sim/repro-file.ts';

const photonFile = fileURLToPath(new URL('../../../nodes/photon.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'photon-failures-'));
const childMsMax = 100_000;
const testMsMax = 200_000;

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function photonSim(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [photonFile, 'sim', ...args], {
    encoding: 'utf8',
    timeout: childMsMax,
    cwd: directory,
  });
}

const canaryRun = ['run', canary.name, '--mutant', canaryMutant, '--jobs', '1'];
const at = (...parts: string[]): string => join(directory, ...parts);
const summaryIn = (file: string) => decodeSummary(readFileSync(at(file), 'utf8'));
const reproIn = (file: string) => decodeRepro(readFileSync(file, 'utf8'));

let repro = '';

beforeAll(() => {
  const shrink = photonSim('shrink', canary.name, '--seed', '1', '--mutant', canaryMutant, '--jobs', '1');
  // Where it stands is told now and then: nothing else is.
  expect(shrink.stderr.split('\n').filter((line) => !line.startsWith('shrinking '))).toEqual(['']);
  expect(shrink.stdout).toMatch(/^shrunk +nothing simpler shows it \(\d+ runs/m);
  expect(shrink.stdout).toMatch(/^replay +npx photon sim replay repro\.json$/m);
  expect(shrink.status).toBe(0);
  repro = at('repro.json');
}, testMsMax);

test('a failing seed is made small, and the file says what it was', () => {
  const small = reproIn(repro);
  expect(small.scenario.faults.length).toBeLessThanOrEqual(2);
  expect(small.original?.faults.length).toBeGreaterThan(30);
  expect(small).toMatchObject({ mutant: canaryMutant, violation: { invariant: canaryInvariant } });
  expect(small.original).toMatchObject({ scenario: canary.name, seed: 1 });
});

test(
  'with the same bound in runs the same file comes of it, whatever the number of threads',
  () => {
    const shrink = (jobs: string, out: string) =>
      photonSim(
        ...['shrink', canary.name, '--seed', '1', '--mutant', canaryMutant],
        ...['--jobs', jobs, '--runs-max', '25', '--out', out],
      );
    expect(shrink('1', 'one.json').stdout).toContain('as far as the bounds allow');
    shrink('3', 'three.json');
    expect(readFileSync(at('three.json'), 'utf8')).toBe(readFileSync(at('one.json'), 'utf8'));
  },
  testMsMax,
);

test(
  'a small file is as small as it gets',
  () => {
    const again = photonSim('shrink', repro, '--out', 'again.json', '--jobs', '1');
    expect(again.status).toBe(0);
    expect(reproIn(at('again.json')).scenario).toEqual(reproIn(repro).scenario);
  },
  testMsMax,
);

test('a repro plants its bug itself, and shows the same violation with the same hash', () => {
  const replay = photonSim('replay', repro);
  expect(replay.stdout).toContain(`as recorded: ${canaryInvariant}, and the hash is the same`);
  expect(replay.status).toBe(1);
  expect(photonSim('replay', repro, '--expect').status).toBe(0);
});

test('a repro of other sources is held to its violation alone', () => {
  const moved = { ...reproIn(repro), sources: '0'.repeat(32), hash: '0'.repeat(16) };
  writeFileSync(at('moved.json'), encodeRepro(moved));
  const replay = photonSim('replay', 'moved.json', '--expect');
  expect(replay.stdout).toContain('the violation alone was compared: the sources have changed since');
  expect(replay.status).toBe(0);
});

test('another hash from the same sources is not as recorded', () => {
  writeFileSync(at('hash.json'), encodeRepro({ ...reproIn(repro), hash: '0'.repeat(16) }));
  const replay = photonSim('replay', 'hash.json', '--expect');
  expect(replay.stderr).toMatch(
    /hash\.json: not as recorded: hash [0-9a-f]{16}, where the same sources gave 0{16}/,
  );
  expect(replay.status).toBe(1);
});

test('a repro without its bug shows nothing, and says so', () => {
  writeFileSync(at('healed.json'), encodeRepro({ ...reproIn(repro), mutant: undefined }));
  const replay = photonSim('replay', 'healed.json');
  expect(replay.stdout).toContain(`not as recorded: no violation, where ${canaryInvariant} was`);
  expect(replay.status).toBe(0);
  expect(photonSim('replay', 'healed.json', '--expect').status).toBe(1);
});

test('a trace of a repro has every event up to the violation', () => {
  const { stdout } = photonSim('replay', repro, '--trace');
  expect(stdout).toMatch(/^\d+\.\d{6} n1 recovered, boot 1$/m);
  expect(stdout).toMatch(/violation: vote-once/);
});

test(
  'a run names each bug once, with its repro, its page and the command that replays it',
  () => {
    const run = photonSim(...canaryRun, '--seeds', '1..3', '--json', 'summary.json', '--page', 'run.html');
    expect(run.status).toBe(1);
    const { failures } = summaryIn('summary.json');
    const failure = failures.find(({ invariant }) => invariant === canaryInvariant);
    const file = at(failure?.repro ?? 'none');
    expect(reproIn(file).mutant).toBe(canaryMutant);
    expect(run.stdout).toContain(`npx photon sim replay ${failure?.repro ?? 'none'}`);
    for (const page of [at(failure?.page ?? 'none'), at('run.html')])
      expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/i);
  },
  testMsMax,
);

test('a run that passes writes nothing unless it is asked to', () => {
  const run = photonSim('run', canary.name, '--seeds', '1', '--jobs', '1', '--out', 'nothing');
  expect(run.status).toBe(0);
  expect(existsSync(at('nothing'))).toBe(false);
});

test(
  'a bug base keeps each bug once, over runs, and a replay says which still show',
  () => {
    const run = (seeds: string) =>
      photonSim(...canaryRun, '--seeds', seeds, '--bugs', 'bugs', '--shrink-for', '2s');
    const first = run('1..2');
    expect(first.status).toBe(1);
    const list = photonSim('bugs', 'bugs', '--json', 'bugs.json');
    expect(list.status).toBe(1);
    expect(list.stdout).toMatch(/^vote-once-[0-9a-f]{8} +\d+ +\d{4}-\d\d-\d\d +as recorded: vote-once/m);
    const before = JSON.parse(readFileSync(at('bugs.json'), 'utf8')) as {
      bugs: { name: string; seen: { count: number } }[];
    };
    const second = run('1..2');
    expect(second.stdout).toMatch(/^ {2}known +bugs\/vote-once-/m);
    expect(second.stdout).not.toContain('shrunk');
    photonSim('bugs', 'bugs', '--json', 'bugs.json');
    const after = JSON.parse(readFileSync(at('bugs.json'), 'utf8')) as typeof before;
    expect(after.bugs.map(({ name, seen }) => [name, seen.count])).toEqual(
      before.bugs.map(({ name, seen }) => [name, 2 * seen.count]),
    );
  },
  testMsMax,
);

test(
  'shards are merged to what one run over all seeds would say',
  () => {
    for (const shard of ['1/2', '2/2'])
      photonSim(
        'run',
        canary.name,
        '--seeds',
        '1..4',
        '--shard',
        shard,
        '--jobs',
        '1',
        '--json',
        `${shard[0] ?? ''}.json`,
      );
    const merge = photonSim('merge', '1.json', '2.json', '--out', 'merged.json');
    expect(merge.stderr).toBe('');
    expect(merge.status).toBe(0);
    photonSim('run', canary.name, '--seeds', '1..4', '--jobs', '1', '--json', 'whole.json');
    const timeless = { wallSeconds: 0, slowest: [] };
    expect({ ...summaryIn('merged.json'), ...timeless }).toEqual({ ...summaryIn('whole.json'), ...timeless });
    const partial = photonSim('merge', '2.json');
    expect(partial.stderr).toContain('not merged: shards are missing: 1/2');
    expect(partial.status).toBe(2);
  },
  testMsMax,
);

test.each([
  [['run', '--shard', '3/2'], 'Allowed: i/n with i from 1 to n'],
  [['run', '--every-result'], '--every-result says what --json writes'],
  [['run', '--mutant', 'none'], 'Allowed: commit-older-term'],
  [['replay', 'none.json'], 'cannot read none.json'],
  [['replay', 'repro.json', '--seed', '1'], 'a repro file says itself which seed'],
  [['replay', 'swarm', '--seed', '1', '--expect'], '--expect goes with a repro file'],
  [['shrink', 'swarm'], 'is shrunk with its --seed'],
  [['merge', 'repro.json'], 'repro.json: '],
  [['bugs', 'nowhere'], 'there is no bug base nowhere'],
  [['run', '--bugs', `${photonFile}/bugs`], 'cannot write'],
  [['canary', '--keep', `${photonFile}/kept`], 'cannot write'],
])('wrong usage is refused and says what is allowed: %s', (args, message) => {
  const { status, stderr } = photonSim(...args);
  expect(stderr).toContain(message);
  expect(status).toBe(2);
});

test('a seed that does not fail is not shrunk', () => {
  const { status, stderr } = photonSim('shrink', canary.name, '--seed', '1', '--out', 'no.json');
  expect(stderr).toContain('canary, seed 1: no violation');
  expect(status).toBe(1);
});
