import { expect, test } from 'vitest';

import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { Cluster, type MemberProcess } from '../../sim/cluster.ts';
import { type FoundStart, findStart, keepsHardState, type LogEnd } from '../../sim/found-start.ts';
import { defaultNetworkPlan, Network } from '../../sim/network/network.ts';
import { seededPrng } from '../../sim/prng.ts';
import { Recoverability, Unrecoverable } from '../../sim/recoverability.ts';
import { runScenario } from '../../sim/run.ts';
import { type RunResult } from '../../sim/types.ts';
import { behindWall } from '../../sim/wall.ts';
import { World } from '../../sim/world.ts';
import { scenarioNamed } from '../../scenarios/registry.ts';

interface Stage {
  readonly world: World;
  readonly recoverability: Recoverability;
  readonly process: (node: number) => MemberProcess;
}

/** Three members that have elected one of them, and committed what it had to say. */
function stage(beforeStart: (process: (node: number) => MemberProcess) => void = () => undefined): Stage {
  const world = new World();
  const prng = seededPrng('recoverability');
  const network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
  const cluster = new Cluster({
    world,
    network,
    prng: prng.fork('cluster'),
    plan: { members: 3, config: {}, throughCodec: false },
    observer: {
      recovered: () => undefined,
      synced: () => undefined,
      stepped: (_process, _event, _effects, { view }) => recoverability.stepped(view.raft),
      ended: () => undefined,
      diskFailed: () => undefined,
    },
  });
  const recoverability = new Recoverability(cluster);
  const process = (node: number): MemberProcess => cluster.process(nodeId(node) satisfies NodeId);
  beforeStart(process);
  for (const each of cluster.processes) each.start();
  world.runUntil(5_000_000);
  return { world, recoverability, process };
}

/** Takes the power from a member, and every sector of its log for good. */
function destroy(process: MemberProcess): { before: FoundStart; end: LogEnd } {
  const before = findStart(process.segments.copy());
  const end = endOf(process);
  process.crash('machine');
  for (const sector of process.segments.acknowledgedSectors('log/'))
    process.segments.damage({ kind: 'unreadable', ...sector });
  return { before, end };
}

function endOf({ machine }: MemberProcess): LogEnd {
  const raft = machine?.view.raft;
  const index = raft?.syncedIndex ?? 0;
  return { index, term: raft?.termAt(index) ?? 0 };
}

test('of three members one may lose everything, as long as it knows; with two nothing can be decided any more', () => {
  const { recoverability, process } = stage();
  expect(recoverability.why()).toBeUndefined();
  recoverability.struck(process(1), destroy(process(1)));
  expect(recoverability.why()).toBeUndefined();
  const second = destroy(process(2));
  expect(() => {
    recoverability.struck(process(2), second);
  }).toThrow(Unrecoverable);
  expect(recoverability.why()).toBe('those of 1, 2, 3 that may vote are no quorum');
});

test('crashes alone are never more than can be recovered from, however many lose their power at once', () => {
  const { recoverability, process, world } = stage();
  for (const node of [1, 2, 3]) process(node).crash('machine');
  expect(recoverability.why()).toBeUndefined();
  for (const node of [1, 2, 3]) process(node).start();
  world.runUntil(world.nowUs + 3_000_000);
  expect(recoverability.why()).toBeUndefined();
});

test('a member that has lost its votes without a trace may vote twice, and nobody can tell', () => {
  const { recoverability, process } = stage((at) => {
    at(2).segments.beginLies();
  });
  const { segments } = process(2);
  const before = findStart(segments.copy());
  const end = endOf(process(2));
  segments.revealLies();
  process(2).crash('machine');
  expect(() => {
    recoverability.struck(process(2), { before, end });
  }).toThrow('n2 may vote twice: its newest term and vote are gone without a trace');
});

test('what a start would find is the same whenever nothing happened, and another after a lost vote', () => {
  const { process } = stage();
  const { segments } = process(1);
  const before = findStart(segments.copy());
  expect(before.kind).toBe('goesOn');
  expect(keepsHardState(before, findStart(segments.copy()))).toBe(true);
  const bad = segments
    .acknowledgedSectors('log/')
    .map((sector) => ({ kind: 'unreadable', ...sector }) as const);
  expect(findStart(segments.copy(bad)).kind).toBe('refuses');
  expect(keepsHardState(before, findStart(segments.copy(bad)))).toBe(false);
});

test('beyond the atlas a run is classed unrecoverable at that moment, or judged to its end: never a failure', () => {
  const results: RunResult[] = [];
  for (let seed = 1; seed <= 8; seed += 1) {
    const scenario = { ...scenarioNamed('beyond-the-atlas').plan(seed), durationUs: 25_000_000 };
    results.push(behindWall(() => runScenario(scenario, seed)));
  }
  expect(results.filter(({ violation }) => violation !== undefined)).toEqual([]);
  const given = results.filter(({ unrecoverable }) => unrecoverable !== undefined);
  expect(given.length).toBeGreaterThan(0);
  expect(given.length).toBeLessThan(results.length);
  // Such a run ends when it is struck, not when it has waited long enough.
  for (const { simulatedUs } of given) expect(simulatedUs).toBeLessThan(25_000_000);
}, 120_000);
