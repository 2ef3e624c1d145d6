/**
 * How fast the simulator is: events and simulated seconds for each second of CPU time, checkers included, of a Raft group, of
 * the swarm (whole Chainfire clusters, their clients, every fault), and of members under heavy writes; beside a fixed piece of
 * work that tells how fast the machine is. Each is run three times, and the best counts: the others had company.
 *
 * `npm run bench -- sim [--quick] [--json FILE]`
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { scenarioNamed } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { type Scenario } from '../../sim/types.ts';
import { describeMachine } from './chainfire/usage.ts';
import { raftGroup } from './sim/raft-group.ts';
import { raftHeavy } from './sim/raft-heavy.ts';
import { cpuSeconds, yardstickPerSecond } from './sim/yardstick.ts';

interface Subject {
  readonly name: string;
  readonly runs: readonly { readonly scenario: Scenario; readonly seed: number }[];
  /** What is to be reached. */
  readonly eventsPerSecondMin?: number;
  readonly simulatedSecondsPerSecondMin?: number;
}

interface Speed {
  readonly name: string;
  readonly runs: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly simulatedSecondsPerSecond: number;
  /** Pieces of the fixed work in a second, before and after, and events for each of them. */
  readonly yardstickPerSecond: number;
  readonly eventsPerYardstick: number;
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const repetitions = values.quick ? 1 : 3;
const yardstickSeconds = values.quick ? 0.2 : 1;

/** @throws Error for a run that ends in a violation: its speed would mean nothing */
function measure({ name, runs }: Subject): Speed {
  const before = yardstickPerSecond(yardstickSeconds);
  const start = cpuSeconds();
  let events = 0;
  let simulatedUs = 0;
  for (const { scenario, seed } of runs) {
    const result = runJudged(scenario, seed);
    if (result.violation !== undefined) throw new Error(`${name}, seed ${seed}: ${result.violation.detail}`);
    events += result.events;
    simulatedUs += result.simulatedUs;
  }
  const seconds = cpuSeconds() - start;
  const yardstick = (before + yardstickPerSecond(yardstickSeconds)) / 2;
  return {
    name,
    runs: runs.length,
    events,
    eventsPerSecond: events / seconds,
    simulatedSecondsPerSecond: simulatedUs / 1_000_000 / seconds,
    yardstickPerSecond: yardstick,
    eventsPerYardstick: events / seconds / yardstick,
  };
}

function best(subject: Subject): Speed {
  // Compiled code is measured, not its compilation.
  const [first] = subject.runs;
  if (first !== undefined) runJudged(first.scenario, first.seed);
  const speeds = Array.from({ length: repetitions }, () => measure(subject));
  return speeds.reduce((fastest, speed) =>
    speed.eventsPerSecond > fastest.eventsPerSecond ? speed : fastest,
  );
}

const swarm = scenarioNamed('swarm');
const swarmSeeds = Array.from({ length: values.quick ? 3 : 20 }, (_, at) => at + 1);
const subjects: readonly Subject[] = [
  {
    name: 'Raft group of 5',
    runs: [{ scenario: raftGroup(values.quick ? 60 : 600), seed: 1 }],
    eventsPerSecondMin: 200_000,
    simulatedSecondsPerSecondMin: 300,
  },
  {
    name: 'swarm: Chainfire, clients, faults',
    runs: swarmSeeds.map((seed) => ({ scenario: swarm.plan(seed), seed })),
    simulatedSecondsPerSecondMin: 100,
  },
  {
    name: '5 members, 16 writers without a pause',
    runs: [1, 2].map((seed) => ({ scenario: raftHeavy(values.quick ? 3 : 20), seed })),
  },
];
const speeds = subjects.map(best);
const machine = describeMachine();
const reached = subjects.flatMap((subject, at) => {
  const speed = speeds[at] as Speed;
  return [
    ['events/s', subject.eventsPerSecondMin, speed.eventsPerSecond] as const,
    ['simulated s/s', subject.simulatedSecondsPerSecondMin, speed.simulatedSecondsPerSecond] as const,
  ].flatMap(([what, wanted, got]) =>
    wanted === undefined
      ? []
      : [
          `| ${subject.name}: ${what} | ≥ ${wanted} | ${got.toFixed(0)} | ${got >= wanted ? 'met' : 'missed'} |`,
        ],
  );
});
const rows = speeds.map(
  (speed) =>
    `| ${speed.name} | ${speed.runs} | ${speed.events} | ${speed.eventsPerSecond.toFixed(0)} | ${speed.simulatedSecondsPerSecond.toFixed(1)} | ${speed.yardstickPerSecond.toFixed(0)} | ${speed.eventsPerYardstick.toFixed(1)} |`,
);
process.stdout.write(
  [
    `${machine}. Seconds are those of one core's CPU time, checkers and garbage collection included; best of ${repetitions}.`,
    '',
    '| run | runs | events | events/s | simulated s/s | yardstick/s | events per yardstick |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
    '| what | wanted | reached | |',
    '| --- | ---: | ---: | ---: |',
    ...reached,
    '',
  ].join('\n'),
);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ machine, speeds }, undefined, 2)}\n`);
}
