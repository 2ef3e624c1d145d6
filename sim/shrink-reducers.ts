import { integer, subarray } from 'fast-check';

import { type NodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { defaultRaftOptions, type RaftOptions } from '../core/raft/types.ts';
import { type FieldShape, fieldsOf } from './fault-shapes.ts';
import { type Search, type Trial, type Trials } from './shrink-trials.ts';
import { type Fault } from './fault.ts';
import { type ClusterPlan, type Scenario, type WorkloadOperation } from './types.ts';

/** One way to make a failing run simpler. */
export interface Reducer {
  /** What it makes simpler, for people. */
  readonly name: string;
  reduce(trials: Trials): Search<void>;
}

/** Other seeds that a schedule may have to show the violation with less: luck, tried in this order. */
const otherSeeds = [1, 2, 3, 4];
/** The same, where there is less to gain. */
const fewSeeds = [1, 2];
/** What a length or a time is rounded to, the coarsest first. */
const grainsUs = [10 * usPerSecond, usPerSecond, 100 * usPerMs, 10 * usPerMs, usPerMs];

/** Durations are tried in steps of this: a finer one costs whole runs, and says nothing more. */
const durationGrainUs = 50 * usPerMs;

/** In this order: what makes later trials cheap comes first. */
export const reducers: readonly Reducer[] = [
  { name: 'the end', reduce: cutBehindViolation },
  { name: 'duration', reduce: shorterRun },
  { name: 'faults', reduce: fewerFaults },
  { name: 'quiet times', reduce: shorterQuiet },
  { name: 'faults, other seeds', reduce: fewerFaultsOfOtherSeeds },
  { name: "faults' fields", reduce: simplerFaults },
  { name: 'workload', reduce: smallerWorkload },
  { name: 'cluster', reduce: smallerCluster },
];

/** What comes after the violation had no part in it: the run is the same without. */
function* cutBehindViolation(trials: Trials): Search<void> {
  const { scenario } = trials.best;
  const { atUs } = trials.result.violation;
  if (atUs >= scenario.durationUs) return;
  const faults = scenario.faults.filter((fault) => fault.atUs <= atUs);
  const durationUs = Math.min(scenario.durationUs, Math.ceil((atUs + 1) / usPerMs) * usPerMs);
  yield* trials.firstOf([changed(trials, { faults, durationUs })]);
}

function* fewerFaults(trials: Trials): Search<void> {
  const { faults } = trials.best.scenario;
  yield* trials.descend(subarray([...faults]), [...faults], (fewer) => [changed(trials, { faults: fewer })]);
}

/** A fault that is left out shifts all that comes after by a little, and luck may be gone with it: others may have it. */
function* fewerFaultsOfOtherSeeds(trials: Trials): Search<void> {
  const { faults } = trials.best.scenario;
  yield* trials.descend(subarray([...faults]), [...faults], (fewer) =>
    otherSeeds.map((seed) => ({ ...changed(trials, { faults: fewer }), seed })),
  );
}

/**
 * A run that is healed sooner comes sooner to where the end of it is judged. First of what is tried: where a bug shows again
 * and again, most of the run goes, and with it most of its cost and its faults.
 */
function* shorterRun(trials: Trials): Search<void> {
  const whole = Math.ceil(trials.best.scenario.durationUs / durationGrainUs);
  yield* trials.descend(integer({ min: 1, max: whole }), whole, (grains) => {
    const durationUs = Math.min(trials.best.scenario.durationUs, grains * durationGrainUs);
    const faults = trials.best.scenario.faults.filter(({ atUs }) => atUs < durationUs);
    return [changed(trials, { durationUs, faults })];
  });
}

/** Faults that come late make long runs: all that is left of a schedule moves together, the whole of it and each rest. */
function* shorterQuiet(trials: Trials): Search<void> {
  const begins = new Set(trials.best.scenario.faults.map(({ atUs }) => atUs));
  let shiftedUs = 0;
  let previousUs = 0;
  for (const beginUs of [...begins].sort((left, right) => left - right)) {
    const fromUs = beginUs - shiftedUs;
    const quietMs = Math.floor((fromUs - previousUs) / usPerMs);
    const { scenario } = trials.best;
    const accepted = trials.accepted;
    yield* trials.descend(integer({ min: 0, max: quietMs }), quietMs, (ms) => {
      const byUs = (quietMs - ms) * usPerMs;
      const faults = scenario.faults.map((fault) =>
        fault.atUs >= fromUs ? { ...fault, atUs: fault.atUs - byUs } : fault,
      );
      const sooner = changed(trials, { faults, durationUs: Math.max(1, scenario.durationUs - byUs) });
      return [sooner, ...fewSeeds.map((seed) => ({ ...sooner, seed }))];
    });
    if (trials.accepted > accepted) shiftedUs += scenario.durationUs - trials.best.scenario.durationUs;
    previousUs = beginUs - shiftedUs;
  }
}

function* simplerFaults(trials: Trials): Search<void> {
  for (let position = 0; position < trials.best.scenario.faults.length; position += 1) {
    const fault = trials.best.scenario.faults[position];
    for (const [field, shape] of fault === undefined ? [] : fieldsOf(fault.kind)) {
      yield* simplerField(trials, position, field, shape);
    }
  }
}

function* simplerField(trials: Trials, position: number, field: string, shape: FieldShape): Search<void> {
  const held = new Map<string, unknown>(Object.entries(trials.best.scenario.faults[position] ?? {})).get(
    field,
  );
  const having = (value: unknown): Trial => withField(trials, position, field, value);
  if (held === undefined) return;
  switch (shape.kind) {
    case 'time':
      yield* rounder(trials, held as number, having);
      break;
    case 'length': {
      const wholeMs = Math.ceil((held as number) / usPerMs);
      const leastMs = Math.min(wholeMs, Math.ceil((shape.leastUs ?? 0) / usPerMs));
      yield* trials.descend(integer({ min: leastMs, max: wholeMs }), wholeMs, (ms) => [having(ms * usPerMs)]);
      break;
    }
    case 'nodes':
    case 'clients': {
      const all = [...(held as readonly number[])];
      yield* trials.descend(subarray(all, { minLength: 1 }), all, (fewer) => [having(fewer)]);
      break;
    }
    case 'ppm':
    case 'count': {
      const value = held as number;
      const nearest = shape.kind === 'count' ? shape.least : 0;
      const bounds = { min: Math.min(nearest, value), max: Math.max(nearest, value) };
      yield* trials.descend(integer(bounds), value, (less) => [having(less)]);
      break;
    }
    case 'word':
      if (shape.optional === true) yield* trials.firstOf([having(undefined)]);
      break;
    case 'node':
    case 'twoNodes':
      break;
  }
}

function* rounder(trials: Trials, heldUs: number, having: (us: number) => Trial): Search<void> {
  const rounded = grainsUs.map((grainUs) => Math.floor(heldUs / grainUs) * grainUs);
  const least = rounded.lastIndexOf(heldUs);
  const simpler = [...new Set(least === -1 ? rounded : rounded.slice(0, rounded.indexOf(heldUs)))];
  yield* trials.firstOf(simpler.map(having));
}

function* smallerWorkload(trials: Trials): Search<void> {
  const { workload } = trials.best.scenario;
  yield* trials.descend(integer({ min: 0, max: workload.clients }), workload.clients, (clients) => {
    const faults = trials.best.scenario.faults.flatMap((fault) => withClients(fault, clients));
    return [changed(trials, { workload: { ...trials.best.scenario.workload, clients }, faults })];
  });
  yield* trials.descend(integer({ min: 1, max: workload.keys }), workload.keys, (keys) => [
    changed(trials, { workload: { ...trials.best.scenario.workload, keys } }),
  ]);
  const drawn = Object.entries(workload.mix).filter(([, weight]) => weight > 0);
  yield* trials.descend(subarray(drawn, { minLength: 1 }), drawn, (fewer) => {
    const mix = Object.fromEntries(fewer) as Partial<Record<WorkloadOperation, number>>;
    return [changed(trials, { workload: { ...trials.best.scenario.workload, mix } })];
  });
  for (const field of ['clientLifeUsMax', 'valueBytesMax'] as const) {
    if (workload[field] === undefined) continue;
    yield* trials.firstOf([
      changed(trials, { workload: { ...trials.best.scenario.workload, [field]: undefined } }),
    ]);
  }
}

function* smallerCluster(trials: Trials): Search<void> {
  const { cluster } = trials.best.scenario;
  yield* trials.descend(integer({ min: 1, max: cluster.members }), cluster.members, (members) => [
    onMachines(trials, { ...trials.best.scenario.cluster, members }),
  ]);
  const spares = cluster.spares ?? 0;
  yield* trials.descend(integer({ min: 0, max: spares }), spares, (fewer) => [
    onMachines(trials, { ...trials.best.scenario.cluster, spares: fewer }),
  ]);
  if (cluster.throughCodec) {
    yield* trials.firstOf([
      changed(trials, { cluster: { ...trials.best.scenario.cluster, throughCodec: false } }),
    ]);
  }
  const own = Object.keys(cluster.config).filter((name) => !toldOfClocks.has(name) && name !== 'raft');
  yield* trials.descend(subarray(own), own, (kept) => [withConfig(trials, kept)]);
  const raft = cluster.config.raft ?? defaultRaftOptions;
  const different = raftNames.filter((name) => raft[name] !== defaultRaftOptions[name]);
  yield* trials.descend(subarray(different), different, (kept) => [withRaft(trials, kept)]);
}

/** What members are told of their clocks goes with what the clocks do: without it a failure would be nobody's fault. */
const toldOfClocks: ReadonlySet<string> = new Set(['clockDriftPpmMax']);
const raftNames = Object.keys(defaultRaftOptions) as readonly (keyof RaftOptions)[];

function withConfig(trials: Trials, kept: readonly string[]): Trial {
  const { cluster } = trials.best.scenario;
  const config = Object.fromEntries(
    Object.entries(cluster.config).filter(
      ([name]) => kept.includes(name) || name === 'raft' || toldOfClocks.has(name),
    ),
  );
  return changed(trials, { cluster: { ...cluster, config } });
}

function withRaft(trials: Trials, kept: readonly (keyof RaftOptions)[]): Trial {
  const { cluster } = trials.best.scenario;
  const { raft: held = defaultRaftOptions, ...others } = cluster.config;
  const own = Object.fromEntries(
    Object.entries(held).filter(([name]) => kept.includes(name as keyof RaftOptions)),
  );
  const raft = { ...defaultRaftOptions, ...own };
  return changed(trials, {
    cluster: { ...cluster, config: kept.length === 0 ? others : { ...others, raft } },
  });
}

function withField(trials: Trials, position: number, field: string, value: unknown): Trial {
  const faults = trials.best.scenario.faults.map((fault, at) => {
    if (at !== position) return fault;
    const fields = Object.entries(fault).map(([name, held]) => [
      name,
      name === field ? value : (held as unknown),
    ]);
    return Object.fromEntries(fields.filter(([, held]) => held !== undefined)) as Fault;
  });
  return changed(trials, { faults });
}

/** The fault as far as it concerns the first so many clients; nothing when it concerns none of them. */
function withClients(fault: Fault, clients: number): readonly Fault[] {
  return restricted(fault, ['clients'], (client) => client < clients);
}

/** Faults lose the machines that are not there any more. */
function onMachines(trials: Trials, cluster: ClusterPlan): Trial {
  const machines = cluster.members + (cluster.spares ?? 0);
  const faults = trials.best.scenario.faults.flatMap((fault) =>
    restricted(fault, ['node', 'nodes', 'twoNodes'], (node) => node <= machines),
  );
  return changed(trials, { cluster, faults });
}

function restricted(
  fault: Fault,
  kinds: readonly FieldShape['kind'][],
  stays: (name: number) => boolean,
): readonly Fault[] {
  const shapes = new Map(fieldsOf(fault.kind));
  const fields: [string, unknown][] = [];
  for (const [field, held] of Object.entries(fault) as [string, unknown][]) {
    const kind = shapes.get(field)?.kind;
    if (kind === undefined || !kinds.includes(kind)) {
      fields.push([field, held]);
      continue;
    }
    if (!Array.isArray(held)) {
      if (!stays(held as NodeId)) return [];
      fields.push([field, held]);
      continue;
    }
    const left = (held as readonly number[]).filter(stays);
    if (left.length === 0 || (kind === 'twoNodes' && left.length < 2)) return [];
    fields.push([field, left]);
  }
  return [Object.fromEntries(fields) as unknown as Fault];
}

function changed(trials: Trials, change: Partial<Scenario>): Trial {
  return { seed: trials.best.seed, scenario: { ...trials.best.scenario, ...change } };
}
