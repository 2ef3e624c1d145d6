import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

import { placementPolicies } from '../../../core/plasma/placement/policy.ts';
import {
  aboveBound,
  fluidLowerBound,
  replayPlacement,
  tooLargeFor,
} from '../../../sim/plasma/placement-replay.ts';
import { type Arrival, readPlacementTrace } from '../../../sim/plasma/placement-trace.ts';
import { sampleTrace } from '../../../sim/plasma/sample-trace.ts';
import { seededPrng } from '../../../sim/prng.ts';

const gib = 1_073_741_824;
const host = { cpuMilli: 4_000, memoryBytes: 8 * gib };
const header = 'arrive_s,lifetime_s,vcpus,memory_gib';

function trace(...lines: string[]): readonly Arrival[] {
  const read = readPlacementTrace([header, ...lines].join('\n'));
  if (read.kind === 'unreadable') throw new Error(read.message);
  return read.arrivals;
}

test('a trace is read as it is written, with its columns in any order', () => {
  const text = 'name,vcpus,arrive_s,memory_gib,lifetime_s\r\na,2,10,1.75,30\r\nb,0.5,10.25,4,\r\n';
  expect(readPlacementTrace(text)).toEqual({
    kind: 'trace',
    arrivals: [
      { arriveMs: 10_000, departMs: 40_000, cpuMilli: 2_000, memoryBytes: 1.75 * gib },
      { arriveMs: 10_250, departMs: Infinity, cpuMilli: 500, memoryBytes: 4 * gib },
    ],
  });
});

test.each([
  ['arrive_s,vcpus,memory_gib', 'line 1: there is no column lifetime_s'],
  [header, 'line 1: there is no arrival in it'],
  [`${header}\n1,1,0,1`, 'line 2: vcpus is "0": allowed is a number of 0.001 to 100000'],
  [`${header}\n1,1,1,1\n1,-3,1,1`, 'line 3: lifetime_s is "-3"'],
  [`${header}\n1,1,1,1\n0,1,1,1`, 'line 3: it arrives before the one above it'],
  [`${header}\n1,1,1`, 'line 2: memory_gib is ""'],
  [`${header}\n1e9,1,1,1`, 'line 2: arrive_s is "1e9"'],
])('%j is refused, and says where and why', (text, message) => {
  const read = readPlacementTrace(text);
  expect(read.kind === 'unreadable' ? read.message : '').toContain(message);
});

test('hosts are counted while something is on them, from the first arrival to the last', () => {
  // Two hosts for ten seconds, one for the ten after them, three at the very end.
  const arrivals = trace('0,10,4,1', '0,,3,1', '20,5,4,1', '20,5,4,1');
  expect(replayPlacement(host, arrivals, 'pack')).toEqual({
    policy: 'pack',
    placed: 4,
    peakHosts: 3,
    hostMs: 30_000,
  });
});

test('who leaves when another comes has left before, and one without a life has come before', () => {
  const arrivals = trace('0,10,4,1', '10,0,4,1', '10,,4,1');
  expect(replayPlacement(host, arrivals, 'first-fit')).toMatchObject({ peakHosts: 1, hostMs: 10_000 });
});

test('the bound takes what is scarcer, rounded up to whole hosts', () => {
  const arrivals = trace('0,10,1,8', '0,10,1,4', '10,,3,1');
  expect(fluidLowerBound(host, arrivals)).toEqual({ peakHosts: 2, hostMs: 20_000 });
  expect(aboveBound(1_115, 1_104)).toBe(100);
});

test('what fits no host is found before it is replayed', () => {
  const arrivals = trace('0,10,4,8', '0,10,4,8.001');
  expect(tooLargeFor(host, arrivals)).toBe(arrivals[1]);
});

const sampleFile = fileURLToPath(new URL('../../../docs/examples/placement-trace.csv', import.meta.url));

test('the sample that comes with the project is what its generator makes, and can be replayed', () => {
  const text = readFileSync(sampleFile, 'utf8');
  expect(text).toBe(sampleTrace(seededPrng('placement-trace'), 600));
  const read = readPlacementTrace(text);
  if (read.kind === 'unreadable') throw new Error(read.message);
  const large = { cpuMilli: 40_000, memoryBytes: 280 * gib };
  const bound = fluidLowerBound(large, read.arrivals);
  for (const policy of placementPolicies) {
    const used = replayPlacement(large, read.arrivals, policy);
    expect(used.placed).toBe(600);
    expect(used.peakHosts).toBeGreaterThanOrEqual(bound.peakHosts);
    expect(used.hostMs).toBeGreaterThanOrEqual(bound.hostMs);
    expect(replayPlacement(large, read.arrivals, policy)).toEqual(used);
  }
});

const azureFile =
  process.env['PHOTON_PLACEMENT_TRACE'] ??
  fileURLToPath(new URL('../../../../shared/data/azure-2017/arrivals.csv.gz', import.meta.url));
const missing = existsSync(azureFile)
  ? ''
  : ` [skipped: ${azureFile} is not there; PHOTON_PLACEMENT_TRACE names it]`;

test.skipIf(missing !== '')(
  `real arrivals take the fewest hosts with the default policy${missing}`,
  () => {
    const read = readPlacementTrace(gunzipSync(readFileSync(azureFile)).toString('latin1'));
    if (read.kind === 'unreadable') throw new Error(read.message);
    const large = { cpuMilli: 40_000, memoryBytes: 280 * gib };
    const bound = fluidLowerBound(large, read.arrivals);
    expect(bound.peakHosts).toBe(1_104);
    const pack = replayPlacement(large, read.arrivals, 'pack');
    const bestFit = replayPlacement(large, read.arrivals, 'best-fit');
    expect(pack.placed).toBe(259_159);
    expect(pack.peakHosts).toBeLessThanOrEqual(bestFit.peakHosts);
    expect(aboveBound(pack.hostMs, bound.hostMs)).toBeLessThan(880);
  },
  300_000,
);
