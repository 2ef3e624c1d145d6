import { type RunSummary } from './page/page-data.ts';
import { SummaryBuilder } from './summary.ts';

/** One machine's part of a run, under the name that people know it by. */
export interface NamedSummary {
  readonly name: string;
  readonly summary: RunSummary;
}

/** Parts that do not make one run: the message names those that do not go together. */
export class MergeError extends Error {
  override readonly name = 'MergeError';
}

/**
 * The parts of one run as one. The time is that of the longest: they ran beside each other.
 *
 * @param options.partial shards may be missing
 * @throws MergeError for parts of different commits or scenarios, for parts that overlap, and for shards that are missing
 */
export function mergeSummaries(
  parts: readonly NamedSummary[],
  options: { readonly partial?: boolean } = {},
): RunSummary {
  const [first] = parts;
  if (first === undefined) throw new MergeError('there is nothing to merge');
  for (const other of parts.slice(1)) requireSameRun(first, other);
  requireDisjoint(parts);
  if (options.partial !== true) requireComplete(first, parts);
  const builder = new SummaryBuilder();
  for (const { summary } of parts) builder.addSummary(summary);
  return builder.build({
    commit: first.summary.commit,
    dirty: parts.some(({ summary }) => summary.dirty),
    scenarios: first.summary.scenarios,
    shard: undefined,
    wallSeconds: Math.max(...parts.map(({ summary }) => summary.wallSeconds)),
  });
}

function requireSameRun(one: NamedSummary, other: NamedSummary): void {
  const between = `${one.name} and ${other.name}`;
  if (one.summary.commit !== other.summary.commit) {
    const commits = `${one.summary.commit ?? 'unknown'} and ${other.summary.commit ?? 'unknown'}`;
    throw new MergeError(`${between} are of different commits: ${commits}`);
  }
  const [scenarios, others] = [one.summary.scenarios.join(', '), other.summary.scenarios.join(', ')];
  if (scenarios !== others)
    throw new MergeError(`${between} are of different scenarios: ${scenarios}, and ${others}`);
}

function requireDisjoint(parts: readonly NamedSummary[]): void {
  parts.forEach((one, position) => {
    for (const other of parts.slice(position + 1)) {
      const overlap = overlapOf(one.summary, other.summary);
      if (overlap !== undefined) throw new MergeError(`${one.name} and ${other.name} overlap: ${overlap}`);
    }
  });
}

function overlapOf(one: RunSummary, other: RunSummary): string | undefined {
  if (one.shard !== undefined && other.shard !== undefined) {
    const [shard, otherShard] = [describeShard(one.shard), describeShard(other.shard)];
    if (one.shard.count !== other.shard.count) return `shards ${shard} and ${otherShard} share seeds`;
    return one.shard.index === other.shard.index ? `both are shard ${shard}` : undefined;
  }
  if (one.runs === 0 || other.runs === 0) return undefined;
  const first = Math.max(one.seeds.first, other.seeds.first);
  const last = Math.min(one.seeds.last, other.seeds.last);
  return first <= last ? `both have seeds from ${first} to ${last}` : undefined;
}

function requireComplete(first: NamedSummary, parts: readonly NamedSummary[]): void {
  const { shard } = first.summary;
  if (shard === undefined) return;
  const present = new Set(parts.map(({ summary }) => summary.shard?.index));
  const missing = Array.from({ length: shard.count }, (_, position) => position + 1).filter(
    (index) => !present.has(index),
  );
  if (missing.length === 0) return;
  const names = missing.map((index) => describeShard({ index, count: shard.count })).join(', ');
  throw new MergeError(`shards are missing: ${names}`);
}

function describeShard(shard: { readonly index: number; readonly count: number }): string {
  return `${shard.index}/${shard.count}`;
}
