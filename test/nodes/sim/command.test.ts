import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const photonFile = fileURLToPath(new URL('../../../nodes/photon.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'photon-sim-'));

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function photonSim(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [photonFile, 'sim', ...args], { encoding: 'utf8', timeout: 50_000 });
}

test('list shows scenarios, mutants and checkers', () => {
  const { status, stdout } = photonSim('list');
  expect(status).toBe(0);
  for (const name of ['swarm', 'torn-log-tail', 'commit-older-term', 'linearizability'])
    expect(stdout).toContain(name);
  expect(stdout).not.toContain('figure-8 ');
});

test('a run sums up what it did, writes it as JSON, and a replay gives the same hash', () => {
  const file = join(directory, 'results.json');
  const run = photonSim('run', '--seeds', '3..4', '--jobs', '1', '--json', file, '--every-result');
  expect(run.stderr).toBe('');
  expect(run.status).toBe(0);
  expect(run.stdout).toMatch(/^2 runs in .* simulated seconds a second$/m);
  expect(run.stdout).toMatch(/^no violation$/m);
  const { results } = JSON.parse(readFileSync(file, 'utf8')) as {
    results: { scenario: string; seed: number; hash: string }[];
  };
  expect(results.map(({ scenario, seed }) => `${scenario} ${seed}`)).toEqual(['swarm 3', 'swarm 4']);
  const replay = photonSim('replay', 'swarm', '--seed', '4');
  expect(replay.status).toBe(0);
  expect(replay.stdout).toContain(results[1]?.hash);
});

test('a replay with --trace shows every event, and ends in the same hash', () => {
  const traced = photonSim('replay', 'swarm', '--seed', '4', '--trace').stdout;
  expect(traced).toMatch(/^\d+\.\d{6} n1 recovered, boot 1$/m);
  expect(traced).toMatch(/ -> persist syncSeq=1 /);
  const hash = /^hash +([0-9a-f]{16})$/m.exec(traced)?.[1];
  expect(photonSim('replay', 'swarm', '--seed', '4').stdout).toContain(hash);
});

test('a mutant is planted in its own threads, caught, and gone again', () => {
  const hunt = photonSim('mutants', 'acknowledge-before-sync', '--once', '--jobs', '1');
  expect(hunt.stderr).toBe('');
  expect(hunt.stdout).toMatch(/^acknowledge-before-sync +commit-quorum +swarm \d+/m);
  expect(hunt.stdout).toContain('1 of 1 mutants caught; the sources as they are pass the same seeds');
  expect(hunt.status).toBe(0);
});

test('a mutant that blinds the simulator is caught where a bug that must be found is not', () => {
  const hunt = photonSim('mutants', 'votes-forgotten-in-a-crash', '--once', '--jobs', '1');
  expect(hunt.stderr).toBe('');
  expect(hunt.stdout).toMatch(/^votes-forgotten-in-a-crash +misses vote-once/m);
  expect(hunt.status).toBe(0);
});

test('--quick replays the recorded seed of a mutant', () => {
  const quick = photonSim('mutants', 'acknowledge-before-sync', '--quick', '--jobs', '1');
  expect(quick.stdout).toMatch(/^acknowledge-before-sync .* 1 +\d+\.\d/m);
  expect(quick.status).toBe(0);
});

test('a mutant that nothing finds within the bound is an error that names it', () => {
  const hunt = photonSim('mutants', 'commit-older-term', '--once', '--seeds-max', '1', '--jobs', '1');
  expect(hunt.stdout).toMatch(/^commit-older-term +NOTHING +not in figure-8/m);
  expect(hunt.stderr).toContain('not caught: commit-older-term');
  expect(hunt.status).toBe(1);
});

test.each([
  [['run', 'swarn'], 'Allowed: swarm, isolated-leader'],
  [['run', '--seeds', '9..3'], 'The range is empty'],
  [['run', '--seeds', 'many'], 'Allowed: one seed (7), a range (1..100)'],
  [['run', '--seeds', '1..'], 'needs --for'],
  [['run', '--for', '60'], 'Allowed: a whole number and its unit'],
  [['run', '--jobs', '0'], 'Allowed: a whole number from 1 to 256'],
  [['replay', 'swarm'], "required option '--seed <number>' not specified"],
  [['replay', 'swarm', '--seed', '-1'], 'Allowed: a whole number of 0 or more'],
  [['mutants', 'commit-nothing'], 'Allowed: commit-older-term'],
  [['mutants', '--quick', '--once'], 'it goes with neither --once nor --write'],
  [['mutants', '--write', '--once'], 'medians of 5 hunts, not --once'],
])('wrong usage is refused and says what is allowed: %s', (args, message) => {
  const { status, stderr } = photonSim(...args);
  expect(status).toBe(2);
  expect(stderr).toContain(message);
});

test('a results file that cannot be written is an error that names it, before anything runs', () => {
  const occupied = join(directory, 'occupied');
  writeFileSync(occupied, '');
  const { status, stderr, stdout } = photonSim(
    'run',
    '--seeds',
    '4',
    '--json',
    join(occupied, 'results.json'),
  );
  expect(status).toBe(2);
  expect(stderr).toContain('cannot write');
  expect(stderr).toContain('results.json');
  expect(stdout).toBe('');
});

test('placement replays a sample where no trace is named: the one that the pages show', () => {
  const trace = fileURLToPath(new URL('../../../docs/examples/placement-trace.csv', import.meta.url));
  const named = photonSim('placement', '--trace', trace);
  const sample = photonSim('placement');
  expect(sample.stderr).toBe('');
  expect(sample.status).toBe(0);
  const [first = '', ...rows] = sample.stdout.split('\n');
  expect(first).toMatch(/^a sample that is made up; --trace names arrivals of your own/);
  expect(rows.join('\n')).toBe(named.stdout);
});

test('placement replays a trace under the policies that are named, and says what is wrong with one it cannot', () => {
  const trace = fileURLToPath(new URL('../../../docs/examples/placement-trace.csv', import.meta.url));
  const file = join(directory, 'placement.json');
  const replayed = photonSim('placement', '--trace', trace, '--policy', 'pack', 'spread', '--json', file);
  expect(replayed.stderr).toBe('');
  expect(replayed.status).toBe(0);
  expect(replayed.stdout).toMatch(/^600 arrivals in [\d.]+ hours; hosts of 40 processors and 280 GiB$/m);
  expect(replayed.stdout).toMatch(/^lower bound +\d+ +\d+$/m);
  expect(replayed.stdout).toMatch(/^pack +\d+ +\+[\d.]+ % +\d+ +\+[\d.]+ %$/m);
  expect(replayed.stdout).not.toContain('first-fit');
  const { arrivals, replayed: policies } = JSON.parse(readFileSync(file, 'utf8')) as {
    arrivals: number;
    replayed: { policy: string; placed: number }[];
  };
  expect(arrivals).toBe(600);
  expect(policies.map(({ policy, placed }) => `${policy} ${placed}`)).toEqual(['pack 600', 'spread 600']);
  const small = photonSim('placement', '--trace', trace, '--host-cpus', '4');
  expect(small.status).toBe(2);
  expect(small.stderr).toContain('fits no host');
  const wrong = photonSim('placement', '--trace', file);
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('line 1: there is no column arrive_s');
});
