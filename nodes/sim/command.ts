import { Argument, Command, Option } from 'commander';
import { availableParallelism } from 'node:os';

import { checkerNames } from '../../sim/checkers/registry.ts';
import { mutantNames, mutants } from '../../sim/mutants.ts';
import { scenarioNames, scenarios } from '../../scenarios/registry.ts';
import { chronikScenarios } from '../../scenarios/chronik/registry.ts';
import { plasmaScenarios } from '../../scenarios/plasma/registry.ts';
import { chronikCheckerNames } from '../../sim/chronik/checkers/registry.ts';
import { plasmaCheckerNames } from '../../sim/plasma/checkers/registry.ts';
import { swimScenarios } from '../../scenarios/swim/registry.ts';
import { swimCheckerNames } from '../../sim/swim/checkers/registry.ts';
import {
  collectMutants,
  collectScenarios,
  parseCount,
  parseDuration,
  parseMutant,
  parseRunnableOrFile,
  parseScenarioOrFile,
  parseSeed,
  parseSeeds,
  parseShard,
  runnableNames,
} from './arguments.ts';
import { listBugs } from './bugs.ts';
import { runCanary } from './canary.ts';
import { goldens } from './goldens.ts';
import { jsonOption, writeJson } from './json-file.ts';
import { merge } from './merge.ts';
import { huntMutants, replayMutants } from './mutants.ts';
import { placementCommand } from './placement.ts';
import { replay, replayFile } from './replay.ts';
import { replayRecordingIn } from './replay-recording.ts';
import { isFileName } from './repro-files.ts';
import { runSeeds } from './run.ts';
import { type SeedRange, type Shard } from './shard.ts';
import { shrinkSeed } from './shrink.ts';
import { shrinkForMsDefault, shrinkRunsDefault } from './shrinker.ts';

const threadsMax = 256;
const seedsDefault: SeedRange = { first: 1, last: 100 };
const mutantSeedsDefault = 2_000;
const mutantSeedsQuick = 100;
const mutantHunts = 5;

const examples = `
Examples:
  photon sim run                                     the swarm, seeds 1 to 100
  photon sim run --for 60s                           the swarm, for a minute
  photon sim run torn-log-tail --seeds 1..20         one scenario
  photon sim run swim-flapping --seeds 1..20         gossip alone: who is there, and who seems to be gone
  photon sim run chronik --seeds 1..20               brokers: what producers were told, and what consumers read
  photon sim run plasma --seeds 1..20                a cloud: no virtual machine runs twice
  photon sim run --for 2h --bugs bugs                all night: each bug once, made small and kept
  photon sim run --seeds 1..8000 --shard 2/8         the second of eight machines
  photon sim merge 1.json 2.json --page all.html     what several machines found, as one
  photon sim bugs bugs                               which of the kept ones still show
  photon sim replay swarm --seed 7 --trace           one seed again, every event shown
  photon sim shrink swarm --seed 7                   a failing seed made small, as repro.json
  photon sim replay repro.json                       the same violation again
  photon sim replay --recording DIR                  what a real member did, step by step
  photon sim canary                                  would a failure be seen at all?
  photon sim mutants                                 does the simulator find what it should?
  photon sim mutants --quick                         the same, by the seeds that found it last time
  photon sim placement                               how many hosts each policy of the scheduler takes
`;

/** `photon sim`: run the cluster in the simulator, show a failure again, and put the simulator itself to the test. */
export function simCommand(): Command {
  return new Command('sim')
    .description('run the cluster in the simulator, where a seed decides every message, crash and disk fault')
    .addHelpText('after', examples)
    .addCommand(listCommand())
    .addCommand(runCommand())
    .addCommand(replayCommand())
    .addCommand(shrinkCommand())
    .addCommand(mergeCommand())
    .addCommand(bugsCommand())
    .addCommand(canaryCommand())
    .addCommand(mutantsCommand())
    .addCommand(goldensCommand())
    .addCommand(placementCommand());
}

function listCommand(): Command {
  const command = new Command('list').description('list scenarios, checkers and mutants');
  return command.addOption(jsonOption()).action((options: { json?: string }) => {
    const runnable = [...scenarios, ...swimScenarios, ...chronikScenarios, ...plasmaScenarios];
    const checkers = [...checkerNames, ...swimCheckerNames, ...chronikCheckerNames, ...plasmaCheckerNames];
    const named = ({ name, about }: { name: string; about: string }) => ({ name, about });
    writeJson(options.json, {
      scenarios: runnable.map(named),
      mutants: mutants.map(named),
      checkers,
    });
    const names = [...runnable, ...mutants].map(({ name }) => name.length);
    const width = Math.max(...names) + 2;
    const lines = [
      'scenarios',
      ...runnable.map(({ name, about }) => `  ${name.padEnd(width)}${about}`),
      'mutants',
      ...mutants.map(({ name, about }) => `  ${name.padEnd(width)}${about}`),
      'checkers',
      ...checkers.map((name) => `  ${name}`),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  });
}

function runCommand(): Command {
  return new Command('run')
    .description('run seeds; with no scenario named, the swarm')
    .addArgument(
      new Argument('[scenarios...]', `which to run: ${runnableNames.join(', ')}`)
        .argParser<readonly string[]>((text, before) => collectScenarios(text, before ?? []))
        .default([], 'swarm'),
    )
    .addOption(
      new Option(
        '--seeds <range>',
        'seeds to run: 7, 1..100, or 1.. with --for (default: 1..100, with --for 1..)',
      ).argParser(parseSeeds),
    )
    .addOption(
      new Option('--for <time>', 'begin no seed after this time: 500ms, 60s, 5m, 2h').argParser(
        parseDuration,
      ),
    )
    .addOption(
      new Option(
        '--shard <i/n>',
        "this machine's share of the seeds, from 1: 2/8 is the second of eight",
      ).argParser(parseShard),
    )
    .addOption(mutantOption())
    .option('--no-shrink', 'leave failures as they were found')
    .addOption(
      new Option('--shrink-for <time>', 'make failures small for at most this long; with --bugs, each')
        .default(shrinkForMsDefault, '5m')
        .argParser(parseDuration),
    )
    .option(
      '--out <dir>',
      'where repros and pages of failures go; nothing is written without one',
      'sim-report',
    )
    .option('--bugs <dir>', 'keep failures here from run to run, each bug once, in place of --out')
    .addOption(jsonOption())
    .option('--every-result', 'write the result of every seed into the JSON file too')
    .option('--junit <file>', 'write what CI shows of a run to this file')
    .option('--page <file>', 'write a page for people to this file (HTML)')
    .addOption(jobsOption())
    .action(async (named: readonly string[], options: RunCommandOptions, command: Command) => {
      const forMs = options.for ?? Infinity;
      const seeds = options.seeds ?? (forMs === Infinity ? seedsDefault : { first: 1, last: Infinity });
      if (seeds.last === Infinity && forMs === Infinity) {
        command.error('error: an open range of --seeds needs --for, or it would never end');
      }
      const everyResult = options.everyResult ?? false;
      if (everyResult && options.json === undefined)
        command.error('error: --every-result says what --json writes, and there is none');
      const { json, junit, page } = options;
      await runSeeds({
        scenarios: named.length === 0 ? ['swarm'] : named,
        seeds,
        shard: options.shard,
        forMs,
        threads: options.jobs,
        mutant: options.mutant,
        shrink: options.shrink ? { forMs: options.shrinkFor, runsMax: shrinkRunsDefault } : undefined,
        out: options.out,
        bugs: options.bugs,
        files: { json, junit, page, everyResult },
      });
    });
}

interface RunCommandOptions {
  readonly seeds?: SeedRange;
  readonly for?: number;
  readonly shard?: Shard;
  readonly mutant?: string;
  readonly shrink: boolean;
  readonly shrinkFor: number;
  readonly out: string;
  readonly bugs?: string;
  readonly json?: string;
  readonly everyResult?: boolean;
  readonly junit?: string;
  readonly page?: string;
  readonly jobs: number;
}

function mergeCommand(): Command {
  return new Command('merge')
    .description('join what photon sim run --json has written on several machines, and judge it as a whole')
    .argument('<files...>', 'one JSON file a machine')
    .option('--out <file>', 'write the whole to this file')
    .option('--junit <file>', 'write what CI shows of it to this file')
    .option('--page <file>', 'write a page for people to this file (HTML)')
    .option('--partial', 'though shards are missing')
    .action(async (files: readonly string[], options: MergeCommandOptions) => {
      const { out, junit, page, partial = false } = options;
      await merge({ files, out, junit, page, partial });
    });
}

interface MergeCommandOptions {
  readonly out?: string;
  readonly junit?: string;
  readonly page?: string;
  readonly partial?: boolean;
}

function canaryCommand(): Command {
  return new Command('canary')
    .description('fail on purpose: prove that a failure is seen, reported, made small and replayed')
    .option('--keep <dir>', 'leave what it writes in this folder')
    .addOption(jobsOption())
    .action(async (options: { keep?: string; jobs: number }) => {
      await runCanary({ threads: options.jobs, keep: options.keep });
    });
}

function bugsCommand(): Command {
  return new Command('bugs')
    .description('list what photon sim run --bugs has kept, and replay each to see which still show')
    .argument('<dir>', 'the bug base')
    .addOption(jsonOption())
    .action(async (directory: string, options: { json?: string }) => {
      await listBugs(directory, { json: options.json });
    });
}

function replayCommand(): Command {
  return new Command('replay')
    .description('run one seed, one repro file or a recording again: the same hash, the same violation')
    .addArgument(
      new Argument('[what]', `a scenario (${runnableNames.join(', ')}) or a repro file`).argParser(
        parseRunnableOrFile,
      ),
    )
    .addOption(new Option('--seed <number>', 'the seed, of a scenario').argParser(parseSeed))
    .addOption(mutantOption())
    .option('--expect', 'of a repro file: succeed when it shows what it did when it was made, and only then')
    .option('--trace', 'show every event and what came of it')
    .option(
      '--recording <dir>',
      'what a member that was started with --record was given (docs/flight-recorder.md)',
    )
    .addOption(
      new Option('--boot <number>', 'of a recording: this start only (default: all)').argParser(
        parseCount(999_999_999),
      ),
    )
    .addOption(
      new Option('--until <step>', 'of a recording: up to this step, counted from the start').argParser(
        parseCount(999_999_999),
      ),
    )
    .option('--force', 'of a recording: also what other code recorded')
    .option('--page <file>', 'of a repro file or a recording: write its page to this file (HTML)')
    .addOption(jsonOption())
    .action(async (what: string | undefined, options: ReplayCommandOptions, command: Command) => {
      const { seed, mutant, trace = false, expect = false, json } = options;
      if (options.recording !== undefined) {
        if (what !== undefined || seed !== undefined || mutant !== undefined || expect)
          command.error('error: --recording says itself what to replay');
        const { boot, until, force = false, page } = options;
        await replayRecordingIn(options.recording, { boot, until, force, trace, page, json });
        return;
      }
      if ([options.boot, options.until, options.force].some((each) => each !== undefined))
        command.error('error: --boot, --until and --force go with --recording');
      if (what === undefined) command.error('error: a scenario, a repro file or --recording is needed');
      if (isFileName(what)) {
        if (seed !== undefined || mutant !== undefined)
          command.error('error: a repro file says itself which seed and mutant');
        await replayFile(what, { trace, expect, json, page: options.page });
        return;
      }
      if (seed === undefined) command.error("error: required option '--seed <number>' not specified");
      if (expect) command.error('error: --expect goes with a repro file, which says what to expect');
      if (options.page !== undefined)
        command.error(
          'error: --page goes with a repro file or a recording; photon sim shrink makes the file',
        );
      await replay(what, seed, { trace, mutant, json });
    });
}

interface ReplayCommandOptions {
  readonly seed?: number;
  readonly mutant?: string;
  readonly trace?: boolean;
  readonly expect?: boolean;
  readonly json?: string;
  readonly recording?: string;
  readonly boot?: number;
  readonly until?: number;
  readonly force?: boolean;
  readonly page?: string;
}

function shrinkCommand(): Command {
  return new Command('shrink')
    .description('make a failure small: fewer and shorter faults, a smaller workload, a smaller cluster')
    .addArgument(
      new Argument('<what>', `a scenario (${scenarioNames.join(', ')}) or a repro file`).argParser(
        parseScenarioOrFile,
      ),
    )
    .addOption(new Option('--seed <number>', 'the seed, of a scenario').argParser(parseSeed))
    .addOption(mutantOption())
    .option('--out <file>', 'where the repro goes', 'repro.json')
    .addOption(
      new Option('--for <time>', 'give up looking for something simpler after this time')
        .default(shrinkForMsDefault, '5m')
        .argParser(parseDuration),
    )
    .addOption(
      new Option('--runs-max <count>', 'or after so many runs: the same bound gives the same repro')
        .default(shrinkRunsDefault)
        .argParser(parseCount(1_000_000)),
    )
    .addOption(jobsOption())
    .addOption(jsonOption())
    .action(
      async (
        what: string,
        options: {
          seed?: number;
          mutant?: string;
          out: string;
          for: number;
          runsMax: number;
          jobs: number;
          json?: string;
        },
      ) => {
        await shrinkSeed({
          what,
          seed: options.seed,
          mutant: options.mutant,
          out: options.out,
          limits: { forMs: options.for, runsMax: options.runsMax },
          threads: options.jobs,
          json: options.json,
        });
      },
    );
}

function mutantOption(): Option {
  return new Option('--mutant <name>', 'plant this bug first').argParser(parseMutant);
}

function mutantsCommand(): Command {
  return new Command('mutants')
    .description('plant known bugs, one at a time, and see that each is caught')
    .addArgument(
      new Argument('[mutants...]', `which to plant (all): ${mutantNames.join(', ')}`)
        .argParser<readonly string[]>((text, before) => collectMutants(text, before ?? []))
        .default([], 'all'),
    )
    .addOption(
      new Option(
        '--seeds-max <count>',
        'seeds tried in a hunt, over all its scenarios, before a mutant is missed',
      )
        .default(undefined, `${mutantSeedsDefault}, with --quick ${mutantSeedsQuick}`)
        .argParser(parseCount(1_000_000)),
    )
    .option('--once', `one hunt of each mutant in place of ${mutantHunts}, from as many first seeds`)
    .option('--quick', 'replay the recorded seed of each mutant; hunt only those that survive it')
    .option('--write', 'record the seeds (test/sim/killing-seeds.json) and write the table (docs/mutants.md)')
    .addOption(jobsOption())
    .addOption(jsonOption())
    .action(async (names: readonly string[], options: MutantsOptions, command: Command) => {
      const { once = false, quick = false, write = false, jobs, json } = options;
      if (quick && (once || write))
        command.error(
          'error: --quick hunts only what survives its record: it goes with neither --once nor --write',
        );
      if (once && write)
        command.error(`error: what --write records are medians of ${mutantHunts} hunts, not --once`);
      const seedsMax = options.seedsMax ?? (quick ? mutantSeedsQuick : mutantSeedsDefault);
      const plan = { names, seedsMax, threads: jobs, json };
      if (quick) await replayMutants(plan);
      else await huntMutants({ ...plan, hunts: once ? 1 : mutantHunts, write });
    });
}

interface MutantsOptions {
  readonly seedsMax?: number;
  readonly once?: boolean;
  readonly quick?: boolean;
  readonly write?: boolean;
  readonly jobs: number;
  readonly json?: string;
}

function goldensCommand(): Command {
  return new Command('goldens')
    .description('compare the hash of one seed of every scenario with what is committed')
    .option('--write', 'commit to the hashes as they are now')
    .addOption(jsonOption())
    .action((options: { write?: boolean; json?: string }) => {
      goldens({ write: options.write ?? false, json: options.json });
    });
}

function jobsOption(): Option {
  return new Option('--jobs <count>', 'threads')
    .default(availableParallelism())
    .argParser(parseCount(threadsMax));
}
