import { expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { nodeId } from '../../../core/base/ids.ts';
import { type ChainfireMember } from '../../../core/chainfire/member.ts';
import { type BuilderOptions, EvidenceBuilder } from '../../../reports/evidence/builder.ts';
import { collectEvidence } from '../../../reports/evidence/collect.ts';
import { type Change, type RunEvidence } from '../../../reports/evidence/types.ts';
import { scenarioNamed } from '../../../scenarios/registry.ts';
import { type WatchedProcess } from '../../../sim/process-watcher.ts';
import { Run } from '../../../sim/run.ts';
import { type StepObservation } from '../../../sim/types.ts';
import { QuietWatcher } from '../../../sim/watcher.ts';
import { noResult } from './hand-made.ts';

const seed = 7;
const plan = { ...scenarioNamed('swarm').plan(seed), durationUs: 40_000_000, floors: {} };
const node = nodeId(1);

/** Tells of one node's steps alone, as the replay of its recording would: no starts, no ends, no packets. */
class Replay extends QuietWatcher {
  readonly builder: EvidenceBuilder;
  #world = { nowUs: 0 };
  member: ChainfireMember | undefined;

  constructor(options: BuilderOptions = {}) {
    super();
    this.builder = new EvidenceBuilder(options);
  }

  override began(run: { readonly nowUs: number }): void {
    this.#world = run;
  }

  override stepped(process: WatchedProcess, { event, effects, member }: StepObservation): void {
    if (process.node !== node) return;
    this.member = member;
    this.builder.step({ atUs: this.#world.nowUs, node, boot: process.boot, event, effects, member });
  }
}

function replayed(options: BuilderOptions = {}): RunEvidence {
  const watcher = new Replay(options);
  new Run(plan, seed, { checkers: [], watcher }).run();
  return watcher.builder.finish({ result: noResult });
}

test('what one node alone tells of itself is the same as in the run that it took part in', () => {
  const [alone, whole] = [replayed(), collectEvidence(plan, seed)];
  const own = whole.steps.filter((step) => step.node === node);
  expect(alone.steps.map(({ atUs, event, effects, boot }) => [atUs, event, effects, boot])).toEqual(
    own.map(({ atUs, event, effects, boot }) => [atUs, event, effects, boot]),
  );
  const [lanes, wholeLanes] = [alone, whole].map((of) => present(of.lanes.get(node), 'the node has lanes'));
  for (const name of ['term', 'commitIndex', 'appliedIndex', 'durableBytes'] as const) {
    expect(values(lanes?.[name])).toEqual(values(wholeLanes?.[name]));
  }
  expect(own.at(-1)?.boot).toBeGreaterThan(1);
  expect(alone.nodes).toEqual([node]);
});

test('each step of a boot follows from the one before it, the first of a boot from none', () => {
  const { steps } = replayed();
  for (const [position, { boot, causes }] of steps.entries()) {
    expect(causes).toEqual(steps[position - 1]?.boot === boot ? [position - 1] : []);
  }
});

test('what is told from a later step on is numbered by it, what follows from what included', () => {
  const [whole, later] = [replayed(), replayed({ firstStep: 701 })];
  expect(later.firstStep).toBe(701);
  expect(later.steps.map(({ causes }) => causes)).toEqual(
    whole.steps.map(({ causes }) => causes.map((cause) => cause + 701)),
  );
  expect(later.lanes.get(node)?.term.map(({ step }) => step)).toEqual(
    whole.lanes.get(node)?.term.map(({ step }) => step + 701),
  );
  const newest = replayed({ firstStep: 701, stepsMax: 100 });
  expect(newest.firstStep).toBe(701 + whole.steps.length - 100);
  expect(() => new EvidenceBuilder({ firstStep: -1 })).toThrow('counted from 0');
});

test('time that goes back is refused, and so are no steps', () => {
  const watcher = new Replay();
  new Run(plan, seed, { checkers: [], watcher }).advance(100);
  const member = present(watcher.member, 'it has made steps');
  const event = { kind: 'tick' } as const;
  const step = { node, boot: 1, event, effects: [], member };
  const builder = new EvidenceBuilder();
  expect(builder.step({ ...step, atUs: 5 })).toBe(0);
  expect(() => builder.step({ ...step, atUs: 4 })).toThrow('order of time');
  expect(() => builder.booted({ atUs: 6, node, boot: 1, member })).toThrow('starts are counted');
  expect(() => new EvidenceBuilder({ stepsMax: 0 })).toThrow('at least one step');
});

test('texts that are made when they are read are in what is written', () => {
  const { steps } = replayed();
  const [first] = steps;
  const written = JSON.parse(JSON.stringify(steps)) as unknown[];
  expect(written[0]).toMatchObject({ kind: first?.kind, event: first?.event, effects: first?.effects });
});

function values<T>(changes: readonly Change<T>[] | undefined): readonly T[] {
  return (changes ?? []).map(({ value }) => value);
}
