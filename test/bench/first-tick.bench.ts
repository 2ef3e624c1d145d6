/**
 * How long a virtual machine takes from `photon vm create` to the first word that its guest says on `photon vm console`, on a
 * cloud of one node that `photon up` runs, under TCG. The yardstick beside it: QEMU by itself, with the same guest.
 *
 * `npm run bench -- first-tick [--rounds N] [--json FILE]`
 *
 * It fails where a virtual machine takes longer than 15 s.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { writeSampleGuest } from '../../nodes/plasma-tools/sample-guest.ts';
import { freePorts } from '../interop/ports.ts';
import { BenchRefusal, benchArguments } from './arguments.ts';

const usage = 'usage: npm run bench -- first-tick [--rounds N] [--json FILE]';
const secondsMax = 15;
const photonFile = fileURLToPath(new URL('../../nodes/photon.ts', import.meta.url));
const run = promisify(execFile);

/** Resolves when it says it. @throws when it ends before */
function said(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        const match = pattern.exec(text);
        if (match !== null) resolve(match);
      });
    child.once('error', reject);
    child.once('close', () => {
      reject(new Error(`it has ended before it said ${String(pattern)}: ${text}`));
    });
  });
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1_000;
}

function photon(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [photonFile, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** With the machine and the devices that the agent gives it. */
async function qemuAlone(disk: string): Promise<void> {
  const drive = `driver=raw,node-name=disk,file.driver=file,file.filename=${disk}`;
  const qemu = spawn('qemu-system-x86_64', [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc,accel=tcg', '-m', '16'],
    ...['-blockdev', drive, '-device', 'virtio-blk-pci,drive=disk', '-serial', 'stdio'],
  ]);
  await said(qemu, /t [0-9a-f]{8}/);
  await ended(qemu, 'SIGKILL');
}

async function created(endpoints: string, name: string): Promise<void> {
  const to = ['--endpoints', endpoints];
  await run(process.execPath, [
    ...[photonFile, 'vm', 'create', name, '--image', 'tick', '--memory', '16M', ...to],
  ]);
  // There is no console before there is a process.
  for (;;) {
    const console = photon('vm', 'console', name, ...to);
    const heard = await said(console, /t [0-9a-f]{8}/).then(
      () => true,
      () => false,
    );
    await ended(console, 'SIGKILL');
    if (heard) return;
  }
}

function median(figures: readonly number[]): number {
  return figures.toSorted((left, right) => left - right)[Math.floor(figures.length / 2)] ?? NaN;
}

async function main(): Promise<void> {
  const values = benchArguments(
    process.argv.slice(2),
    { rounds: { type: 'string', default: '5' }, json: { type: 'string' } },
    usage,
  );
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1)
    throw new BenchRefusal(`--rounds is ${values.rounds}: it must be a whole number from 1\n\n${usage}`);
  const dir = mkdtempSync(join(tmpdir(), 'photon-first-tick-'));
  const [port = 0, plasmaPort = 0] = (await freePorts(20)).filter((_, at) => at % 10 === 9);
  const up = photon(
    ...['up', '--data', join(dir, 'data'), '--members', '1', '--brokers', '0', '--agents', '1'],
    ...['--port', String(port), '--plasma-port', String(plasmaPort)],
  );
  try {
    const [, endpoints = ''] = await said(up, /^ready: plasma (\S+)/m);
    const disk = join(dir, 'tick.raw');
    await writeSampleGuest(disk);
    await run(process.execPath, [photonFile, 'image', 'import', disk, '--endpoints', endpoints]);
    const [ours, alone]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      ours.push(await seconds(() => created(endpoints, `round-${round}`)));
      alone.push(await seconds(() => qemuAlone(disk)));
      const stop = ['vm', 'delete', `round-${round}`, '--endpoints', endpoints];
      await run(process.execPath, [photonFile, ...stop]);
    }
    const figures = { ours: median(ours), oursMax: Math.max(...ours), alone: median(alone) };
    const shown = (value: number): string => value.toFixed(2);
    process.stdout.write(
      `create to first word, s: median ${shown(figures.ours)}, longest ${shown(figures.oursMax)} (${rounds} rounds)\n` +
        `QEMU by itself, s: median ${shown(figures.alone)}; ratio ${shown(figures.ours / figures.alone)}\n`,
    );
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify({ rounds, ...figures }, undefined, 2)}\n`);
    if (figures.oursMax > secondsMax) throw new BenchRefusal(`it must not take longer than ${secondsMax} s`);
  } finally {
    await ended(up, 'SIGTERM');
    rmSync(dir, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BenchRefusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
