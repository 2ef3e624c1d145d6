import { Command, InvalidArgumentError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { type PlacementPolicy, placementPolicies } from '../../core/plasma/placement/policy.ts';
import {
  aboveBound,
  fluidLowerBound,
  type HostsUsed,
  type HostSize,
  replayPlacement,
  tooLargeFor,
} from '../../sim/plasma/placement-replay.ts';
import { type Arrival, readPlacementTrace } from '../../sim/plasma/placement-trace.ts';
import { sampleTrace } from '../../sim/plasma/sample-trace.ts';
import { seededPrng } from '../../sim/prng.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { parseCount } from './arguments.ts';
import { jsonOption, writeJson } from './json-file.ts';

const gibibyte = 1_073_741_824;
const msPerHour = 3_600_000;
/** A file is read as a whole. */
const traceBytesMax = 1_073_741_824;

/** The same arrivals as `docs/examples/placement-trace.csv`. */
const sample = { seed: 'placement-trace', arrivals: 600 };

const help = `
Peak hosts are those in use at once, at most; host-hours count each for as long as something is on it. The lower bound is what would
do if virtual machines could be moved and split at any moment, and percentages are above it. Nothing is moved, and nobody knows
beforehand how long one will live. The control plane places by pack; docs/placement.md says why.

Examples:
  photon sim placement                                            the sample, under all policies
  photon sim placement --policy pack spread --host-cpus 16 --host-memory-gib 128
  photon sim placement --trace arrivals.csv.gz --json out.json    arrivals of your own
`;

/** `photon sim placement`: how many hosts real arrivals take under each policy. */
export function placementCommand(): Command {
  return new Command('placement')
    .description('replay arrivals of virtual machines: how many hosts they take under each policy')
    .option(
      '--trace <file>',
      'CSV, plain or gzip, with columns arrive_s, lifetime_s, vcpus, memory_gib (default: a sample that is made up)',
    )
    .addOption(
      new Option('--policy <policies...>', `which: ${placementPolicies.join(', ')} (default: all)`)
        .argParser<readonly PlacementPolicy[]>(collectPolicies)
        .default(undefined),
    )
    .addOption(
      new Option('--host-cpus <count>', 'processors of a host').default(40).argParser(parseCount(100_000)),
    )
    .addOption(
      new Option('--host-memory-gib <count>', 'memory of a host')
        .default(280)
        .argParser(parseCount(1_000_000)),
    )
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action((options: PlacementOptions) => {
      replayTrace(options);
    });
}

interface PlacementOptions {
  readonly trace?: string;
  readonly policy?: readonly PlacementPolicy[];
  readonly hostCpus: number;
  readonly hostMemoryGib: number;
  readonly json?: string;
}

function collectPolicies(
  text: string,
  before: readonly PlacementPolicy[] | undefined,
): readonly PlacementPolicy[] {
  const policy = placementPolicies.find((each) => each === text);
  if (policy === undefined) throw new InvalidArgumentError(`Allowed: ${placementPolicies.join(', ')}.`);
  return [...(before ?? []).filter((each) => each !== policy), policy];
}

/** @throws ExitError when the trace cannot be read, or something in it fits no host */
function replayTrace(options: PlacementOptions): void {
  const arrivals = options.trace === undefined ? readSample() : readTrace(options.trace);
  const host = { cpuMilli: options.hostCpus * 1_000, memoryBytes: options.hostMemoryGib * gibibyte };
  const large = tooLargeFor(host, arrivals);
  if (large !== undefined) {
    const shape = `${large.cpuMilli / 1_000} processors and ${large.memoryBytes / gibibyte} GiB`;
    throw refusal(`one of ${shape} fits no host: give --host-cpus and --host-memory-gib`);
  }
  const bound = fluidLowerBound(host, arrivals);
  if (options.trace === undefined)
    process.stdout.write(
      'a sample that is made up; --trace names arrivals of your own, --help says what is shown\n',
    );
  process.stdout.write(`${headOf(host, arrivals)}\n${rowOf('lower bound', bound, undefined)}\n`);
  const replayed = (options.policy ?? placementPolicies).map((policy) => {
    const used = replayPlacement(host, arrivals, policy);
    process.stdout.write(`${rowOf(policy, used, bound)}\n`);
    return used;
  });
  writeJson(options.json, { host, arrivals: arrivals.length, bound, replayed });
}

function readSample(): readonly Arrival[] {
  const read = readPlacementTrace(sampleTrace(seededPrng(sample.seed), sample.arrivals));
  if (read.kind === 'unreadable') throw refusal(`the sample: ${read.message}`);
  return read.arrivals;
}

function readTrace(file: string): readonly Arrival[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes, { maxOutputLength: traceBytesMax });
  } catch (cause) {
    throw refusal(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  const read = readPlacementTrace(bytes.toString('utf8'));
  if (read.kind === 'unreadable') throw refusal(`${file}: ${read.message}`);
  return read.arrivals;
}

function refusal(message: string, options?: ErrorOptions): ExitError {
  return new ExitError(`photon sim placement: ${message}`, exitCodes.refused, options);
}

function headOf(host: HostSize, arrivals: readonly Arrival[]): string {
  const hours = ((arrivals.at(-1)?.arriveMs ?? 0) - (arrivals[0]?.arriveMs ?? 0)) / msPerHour;
  const shape = `${host.cpuMilli / 1_000} processors and ${host.memoryBytes / gibibyte} GiB`;
  const head = `${'policy'.padEnd(14)}${'peak hosts'.padStart(20)}${'host-hours'.padStart(20)}`;
  return `${arrivals.length} arrivals in ${hours.toFixed(1)} hours; hosts of ${shape}\n\n${head}`;
}

function rowOf(name: string, { peakHosts, hostMs }: HostsUsed, bound: HostsUsed | undefined): string {
  const above = (used: number, than: number | undefined): string =>
    than === undefined || than === 0 ? '' : `+${(aboveBound(used, than) / 100).toFixed(2)} %`;
  const hosts = String(peakHosts).padStart(10) + above(peakHosts, bound?.peakHosts).padStart(10);
  const hours = (hostMs / msPerHour).toFixed(0).padStart(10) + above(hostMs, bound?.hostMs).padStart(10);
  return `${name.padEnd(14)}${hosts}${hours}`.trimEnd();
}
