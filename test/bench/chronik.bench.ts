/**
 * `npm run bench -- chronik [--quick] [--only chronik|kafka]`: three brokers on this machine, replication factor 3, acks=all, payloads that do not
 * compress, load through librdkafka in its own process; Apache Kafka beside it in the same run, with and without its disk.
 */
import { join } from 'node:path';

import { crc32c } from '../../core/base/crc32c.ts';
import { chronik, type ClusterKind, RunningCluster } from './chronik/clusters.ts';
import { kafka, kafkaLibraries } from './chronik/kafka-peer.ts';
import { buildLoad, consume, kcat, produce } from './chronik/load.ts';
import { makeDir } from './chainfire/work-dir.ts';

const partitions = 6;
/** A third of 60 MB/s, the same for every system: messages of 1 KB. */
const pacedPerSecond = 20_000;

interface Row {
  readonly system: string;
  readonly small: number;
  readonly largeMbPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly readMbPerS: number;
}

const quick = process.argv.includes('--quick');
const only = process.argv[process.argv.indexOf('--only') + 1];
const scale = quick ? 0.1 : 1;
const dir = makeDir('/tmp');
buildLoad();
const kinds: ClusterKind[] = [];
if (only !== 'kafka') kinds.push(chronik);
const libraries = only === 'chronik' ? { missing: 'not asked for' } : kafkaLibraries();
if ('missing' in libraries) print(`Apache Kafka is not measured: ${libraries.missing}.`);
else kinds.push(kafka(libraries.dir, 'always'), kafka(libraries.dir, 'never'));

const yardsticks = [yardstick()];
const rows: Row[] = [];
for (const kind of kinds) {
  rows.push(await measure(kind));
  yardsticks.push(yardstick());
}
report(rows);

async function measure(kind: ClusterKind): Promise<Row> {
  const cluster = await RunningCluster.start(kind, join(dir, kind.name.replaceAll(/[^a-z0-9]/gi, '-')));
  try {
    const { bootstrap } = cluster;
    await makeTopics(bootstrap, ['warm', 'small', 'large', 'paced']);
    await produce({
      ...{ bootstrap, topic: 'warm', bytes: 1_000 },
      count: 50_000 * scale,
      rate: 0,
      inflight: 10_000,
    });
    const count = Math.floor(500_000 * scale);
    const small = await produce({ bootstrap, topic: 'small', bytes: 256, count, rate: 0, inflight: 50_000 });
    const largeCount = Math.floor(400_000 * scale);
    const large = await produce({
      ...{ bootstrap, topic: 'large', bytes: 1_000 },
      count: largeCount,
      rate: 0,
      inflight: 20_000,
    });
    const paced = [];
    for (let round = 0; round < 3; round += 1)
      paced.push(
        await produce({
          ...{ bootstrap, topic: 'paced', bytes: 1_000 },
          count: Math.floor(pacedPerSecond * 10 * scale),
          rate: pacedPerSecond,
          inflight: 20_000,
        }),
      );
    const reads = [];
    for (let round = 0; round < 3; round += 1)
      reads.push(await consume({ bootstrap, topic: 'large', count: largeCount, partitions }));
    return {
      system: kind.name,
      small: small.acknowledged / small.seconds,
      largeMbPerS: large.acknowledged / large.seconds / 1_000,
      p50Ms: median(paced.map(({ p50Us }) => p50Us)) / 1_000,
      p99Ms: median(paced.map(({ p99Us }) => p99Us)) / 1_000,
      readMbPerS: Math.max(...reads.map(({ bytes, seconds }) => bytes / seconds / 1e6)),
    };
  } finally {
    await cluster.stop();
  }
}

/** Asking for them makes them, with the brokers' defaults. */
async function makeTopics(bootstrap: string, topics: readonly string[]): Promise<void> {
  for (const topic of topics) {
    for (let attempt = 0; ; attempt += 1) {
      const { stdout } = await kcat([
        '-L',
        '-b',
        bootstrap,
        '-t',
        topic,
        '-X',
        'allow.auto.create.topics=true',
      ]);
      const led = stdout.split('\n').filter((line) => /partition \d+, leader [1-9]/.test(line)).length;
      if (led === partitions) break;
      if (attempt > 100) throw new Error(`${topic} has no leaders:\n${stdout}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** What this machine's processor does at the moment, in MB/s of checksums. */
function yardstick(): number {
  const bytes = new Uint8Array(1_048_576);
  const endMs = performance.now() + 500;
  let rounds = 0;
  for (; performance.now() < endMs; rounds += 1) crc32c(bytes);
  return rounds * 2;
}

function report(rows: readonly Row[]): void {
  const [first] = rows;
  print(
    `processor (CRC-32C of one core, before and after each): ${yardsticks.map((mb) => `${mb} MB/s`).join(', ')}`,
  );
  print('');
  print('| system | 256 B, msg/s | 1 KB, MB/s | p50 at 20 MB/s, ms | p99 at 20 MB/s, ms | read, MB/s |');
  print('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const row of rows) {
    const cells = [
      row.small.toFixed(0),
      row.largeMbPerS.toFixed(1),
      row.p50Ms.toFixed(1),
      row.p99Ms.toFixed(1),
      row.readMbPerS.toFixed(0),
    ];
    print(`| ${row.system} | ${cells.join(' | ')} |`);
  }
  if (first === undefined) return;
  for (const row of rows.slice(1)) {
    const ratios = [
      first.small / row.small,
      first.largeMbPerS / row.largeMbPerS,
      first.p50Ms / row.p50Ms,
      first.p99Ms / row.p99Ms,
      first.readMbPerS / row.readMbPerS,
    ];
    print(`| ${first.system} ÷ ${row.system} | ${ratios.map((ratio) => ratio.toFixed(2)).join(' | ')} |`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
