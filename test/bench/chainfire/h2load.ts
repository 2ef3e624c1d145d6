import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { framed } from './requests.ts';

export interface LoadOptions {
  /** `host:port`. */
  readonly endpoint: string;
  /** `Service/Method`. */
  readonly path: string;
  readonly request: Uint8Array;
  /** Connections, each with one call under way at a time. */
  readonly clients: number;
  readonly calls: number;
  /** For the request's body and the times of the calls. */
  readonly dir: string;
  /** The only core that the load generator may use. */
  readonly core?: number | undefined;
}

export interface LoadResult {
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

/**
 * `h2load` with one body for all calls. A JavaScript client would measure itself.
 *
 * @throws Error when a call was not answered with HTTP 200 (which says nothing of gRPC's own status: the caller counts that)
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const body = join(options.dir, 'request.bin');
  const times = join(options.dir, 'times.tsv');
  writeFileSync(body, framed(options.request));
  rmSync(times, { force: true });
  const h2load = [
    'h2load',
    ...['-n', String(options.calls), '-c', String(options.clients), '-m', '1', '-t', '1'],
    ...['-d', body, '--log-file', times],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    `http://${options.endpoint}/${options.path}`,
  ];
  const output = await run(
    options.core === undefined ? h2load : ['taskset', '-c', String(options.core), ...h2load],
  );
  const done = /requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded/.exec(output)?.[1];
  const perSecond = /finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1];
  if (perSecond === undefined || Number(done) !== options.calls) {
    throw new Error(`h2load: ${done ?? 'none'} of ${options.calls} calls succeeded\n${output}`);
  }
  const sorted = durationsUs(times);
  if (sorted.length !== options.calls)
    throw new Error(`h2load timed ${sorted.length} of ${options.calls} calls`);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  rmSync(times, { force: true });
  return {
    calls: options.calls,
    callsPerSecond: Number(perSecond),
    p50Us: at(0.5),
    p99Us: at(0.99),
    maxUs: at(1),
  };
}

/** Ascending. The log has a line a call: start in µs, HTTP status, duration in µs. */
function durationsUs(file: string): Float64Array {
  const lines = readFileSync(file, 'latin1').trimEnd().split('\n');
  const durations = new Float64Array(lines.length);
  for (const [at, line] of lines.entries()) {
    const [, status, duration] = line.split('\t');
    if (status !== '200') throw new Error(`h2load: a call ended with HTTP status ${status ?? '-'}`);
    durations[at] = Number(duration);
  }
  return durations.sort();
}

function run([program = '', ...args]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ended with ${code ?? 'a signal'}\n${output}`));
    });
  });
}
