import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { photonFile } from '../cluster.ts';
import { runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';

let dir = '';
let child: ChildProcess | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-no-qemu-'));
});
afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(dir, { recursive: true, force: true });
});

/** Programs of these names, which do nothing and say that they are well, and no others. */
function pathOf(...programs: readonly string[]): Readonly<Record<string, string>> {
  for (const program of programs) {
    writeFileSync(join(dir, program), '#!/bin/true\n');
    chmodSync(join(dir, program), 0o755);
  }
  return { PATH: dir };
}

const agent = [
  ...[
    photonFile,
    'plasma',
    'agent',
    '--name',
    'n1',
    '--listen',
    '127.0.0.1:0',
    '--listen-metrics',
    '127.0.0.1:0',
  ],
];

test('an agent without QEMU says what is missing, and which packages hold it, and would say so again', async () => {
  for (const [there, missing] of [
    [[], 'qemu-system-x86_64 (Debian package qemu-system-x86) and qemu-img (Debian package qemu-utils)'],
    [['qemu-system-x86_64'], 'qemu-img (Debian package qemu-utils)'],
    [['qemu-system-x86_64', 'qemu-img'], undefined],
  ] as const) {
    const result = await runCommand(process.execPath, [...agent, '--data-dir', join(dir, 'n1')], {
      environment: pathOf(...there),
    });
    if (missing === undefined) {
      // They are there, and no guest has run: a machine that is busy now may do better the next time.
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(
        'qemu-system-x86_64 is there, and has run no guest within three seconds',
      );
    } else {
      expect(result.code).toBe(2);
      expect(result.stderr).toContain(
        `photon plasma agent: cannot run ${missing}: without that there are no virtual machines on this node`,
      );
    }
  }
});

test('photon up goes on without agents, says why, and its control plane answers', async () => {
  const [plasma = 0, , , , chainfire = 0] = (await freePorts(6)).toSorted((left, right) => left - right);
  const up = spawn(
    process.execPath,
    [
      ...[photonFile, 'up', '--data', join(dir, 'data'), '--brokers', '0', '--members', '1', '--agents', '2'],
      ...['--port', String(chainfire), '--plasma-port', String(plasma)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...pathOf() } },
  );
  child = up;
  let said = '';
  const ready = new Promise<void>((resolve, reject) => {
    up.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (/^ready: plasma /m.test(said)) resolve();
    });
    up.once('exit', () => {
      reject(new Error(`it has ended: ${said}`));
    });
  });
  await ready;
  expect(said).toContain(
    'cannot run qemu-system-x86_64 (Debian package qemu-system-x86) and qemu-img (Debian package qemu-utils): PlasmaVMC is started without agents',
  );
  expect(said).toContain('PlasmaVMC with 0 agents');
  const endpoints = ['--endpoints', `127.0.0.1:${plasma}`];
  const nodes = await runCommand(process.execPath, [photonFile, 'node', 'list', '--json', ...endpoints]);
  expect(nodes).toMatchObject({ code: 0, stderr: '', stdout: '[]\n' });
  const created = await runCommand(process.execPath, [photonFile, 'vm', 'create', 'web', ...endpoints]);
  expect(created).toMatchObject({ code: 0, stderr: '' });
  const listed = await runCommand(process.execPath, [photonFile, 'vm', 'list', ...endpoints]);
  expect(listed.stdout).toMatch(/^web +pending \(running\)/m);
  up.kill('SIGINT');
  const [code] = (await once(up, 'exit')) as [number | null];
  expect(code).toBe(0);
});
