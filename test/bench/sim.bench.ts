/**
 * How fast the simulator is: events and simulated seconds for each second of CPU time, of the swarm and of five members that
 * do little but agree, beside a fixed piece of work that tells how fast the machine is.
 *
 * `npm run bench -- sim [--quick] [--json FILE]`
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { scenarioNamed } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { type Scenario } from '../../sim/types.ts';
import { describeMachine } from './chainfire/usage.ts';
import { raftHeavy } from './sim/raft-heavy.ts';
import { cpuSeconds, yardstickPerSecond } from './sim/yardstick.ts';

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
const yardstickSeconds = values.quick ? 0.2 : 1;

/** @throws Error for a run that ends in a violation: its speed would mean nothing */
function measure(
  name: string,
  scenarios: readonly { readonly scenario: Scenario; readonly seed: number }[],
): Speed {
  // Compiled code is measured, not its compilation.
  const [first] = scenarios;
  if (first !== undefined) runJudged(first.scenario, first.seed);
  const before = yardstickPerSecond(yardstickSeconds);
  const start = cpuSeconds();
  let events = 0;
  let simulatedUs = 0;
  for (const { scenario, seed } of scenarios) {
    const result = runJudged(scenario, seed);
    if (result.violation !== undefined) {
      throw new Error(`${name}, seed ${seed}: ${result.violation.detail}`);
    }
    events += result.events;
    simulatedUs += result.simulatedUs;
  }
  const seconds = cpuSeconds() - start;
  const yardstick = (before + yardstickPerSecond(yardstickSeconds)) / 2;
  return {
    name,
    runs: scenarios.length,
    events,
    eventsPerSecond: events / seconds,
    simulatedSecondsPerSecond: simulatedUs / 1_000_000 / seconds,
    yardstickPerSecond: yardstick,
    eventsPerYardstick: events / seconds / yardstick,
  };
}

const swarm = scenarioNamed('swarm');
const swarmSeeds = Array.from({ length: values.quick ? 3 : 20 }, (_, at) => at + 1);
const speeds = [
  measure(
    'swarm',
    swarmSeeds.map((seed) => ({ scenario: swarm.plan(seed), seed })),
  ),
  measure(
    'raft-heavy, 5 members',
    (values.quick ? [1] : [1, 2, 3]).map((seed) => ({ scenario: raftHeavy(values.quick ? 5 : 30), seed })),
  ),
];
const machine = describeMachine();
const rows = speeds.map(
  (speed) =>
    `| ${speed.name} | ${speed.runs} | ${speed.events} | ${speed.eventsPerSecond.toFixed(0)} | ${speed.simulatedSecondsPerSecond.toFixed(1)} | ${speed.yardstickPerSecond.toFixed(0)} | ${speed.eventsPerYardstick.toFixed(1)} |`,
);
process.stdout.write(
  [
    `${machine}. Seconds are those of one core's CPU time, checkers and garbage collection included.`,
    '',
    '| run | runs | events | events/s | simulated s/s | yardstick/s | events per yardstick |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n'),
);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ machine, speeds }, undefined, 2)}\n`);
}
