import {
  boolean,
  type Decode,
  DecodeError,
  integer,
  listOf,
  matching,
  number,
  object,
  orUndefined,
  parseJson,
  plainObject,
  recordOf,
  text,
} from '../sim/decode.ts';
import { readableJson } from '../sim/readable-json.ts';
import { type RunResult } from '../sim/types.ts';
import { type FailureEntry, type RunSummary } from './page/page-data.ts';

const count = integer(0);

const decodeFailure = object<FailureEntry>({
  invariant: text,
  site: text,
  detail: text,
  count,
  runs: listOf(object({ scenario: text, seed: count })),
  repro: orUndefined(text),
  page: orUndefined(text),
});

const decodeFields = object<RunSummary>({
  format: ((value, path) => {
    if (value !== 1) throw new DecodeError(`${path}: ${String(value)} is not a format known here; that is 1`);
    return 1;
  }) as Decode<1>,
  commit: orUndefined(matching(/^[0-9a-f]{7,64}$/, 'a commit')),
  dirty: boolean,
  scenarios: listOf(text, { least: 1 }),
  seeds: object({ first: count, last: count }),
  shard: orUndefined(object({ index: integer(1), count: integer(1) })),
  runs: count,
  wallSeconds: number,
  simulatedUs: count,
  events: count,
  elections: count,
  snapshotsInstalled: count,
  operations: recordOf(count),
  faultsFired: recordOf(count),
  coverage: recordOf(count),
  slowest: listOf(object({ scenario: text, seed: count, wallMs: number })),
  missedFloors: listOf(text),
  failures: listOf(decodeFailure),
});

/** @param results of every seed, for whoever asked for them */
export function encodeSummary(summary: RunSummary, results?: readonly RunResult[]): string {
  if (results === undefined) return readableJson(summary);
  const sorted = results.toSorted(
    (left, right) => left.seed - right.seed || (left.scenario < right.scenario ? -1 : 1),
  );
  return readableJson({ ...summary, results: sorted });
}

/** A file of `encodeSummary`; the results of single seeds are passed over. @throws DecodeError */
export function decodeSummary(json: string): RunSummary {
  const { results, ...summary } = plainObject(parseJson(json), 'the summary');
  if (results !== undefined && !Array.isArray(results)) throw new DecodeError('results: not a list');
  return decodeFields(summary, '');
}
