import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('load.c', import.meta.url));
const program = fileURLToPath(new URL('../../../node_modules/.cache/kafka-load', import.meta.url));

export interface Produced {
  readonly acknowledged: number;
  readonly failed: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export interface Consumed {
  readonly messages: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly firstUs: number;
}

/** Compiles the load program. @throws Error saying what is missing */
export function buildLoad(): void {
  mkdirSync(dirname(program), { recursive: true });
  const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, source, '-lrdkafka'], {
    encoding: 'utf8',
  });
  if (status !== 0)
    throw new Error(`the load program wants a C compiler and librdkafka-dev:\n${String(stderr ?? 'no cc')}`);
}

export async function produce(given: {
  readonly bootstrap: string;
  readonly topic: string;
  readonly bytes: number;
  readonly count: number;
  /** Messages a second; 0: as fast as they are taken. */
  readonly rate: number;
  /** Messages that are sent and not acknowledged, at most. */
  readonly inflight: number;
}): Promise<Produced> {
  const { bootstrap, topic, bytes, count, rate, inflight } = given;
  const numbers = [bytes, count, rate, inflight].map(String);
  return JSON.parse(await run(['produce', bootstrap, topic, ...numbers, 'false'])) as Produced;
}

export async function consume(given: {
  readonly bootstrap: string;
  readonly topic: string;
  readonly count: number;
  readonly partitions: number;
}): Promise<Consumed> {
  const { bootstrap, topic, count, partitions } = given;
  return JSON.parse(await run(['consume', bootstrap, topic, String(count), String(partitions)])) as Consumed;
}

export async function kcat(args: readonly string[]): Promise<{ status: number | null; stdout: string }> {
  return collect('kcat', args);
}

async function run(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await collect(program, args);
  if (status !== 0) throw new Error(`load ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

function collect(
  command: string,
  args: readonly string[],
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => (stdout += String(text)));
    child.stderr.on('data', (text) => (stderr += String(text)));
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}
