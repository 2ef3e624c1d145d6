import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { type Variant } from './variant.ts';

/** What runs in the process: see the files of these names. */
type Subject = 'set' | 'member';

/** What one directory has seen, over all the processes that lived on it. */
interface Record {
  cuts: number;
  /** Cuts before the process had recovered. */
  cutsInRecovery: number;
  issued: Set<number>;
  acknowledged: Set<number>;
  /** Issued, not acknowledged, and gone after a cut: the power cut does take what it may. */
  lost: Set<number>;
  /** What must never be: acknowledged numbers that were gone, numbers from nowhere, damage. */
  violations: string[];
}

/** Lives and dies on one directory until `cuts` are done or something is wrong. */
async function cutPower(subject: Subject, variant: Variant, cuts: number): Promise<Record> {
  const dir = mkdtempSync(join(tmpdir(), 'photon-power-cut-'));
  const record: Record = {
    cuts: 0,
    cutsInRecovery: 0,
    issued: new Set(),
    acknowledged: new Set(),
    lost: new Set(),
    violations: [],
  };
  try {
    while (record.cuts < cuts && record.violations.length === 0) {
      judge(record, await life(subject, dir, record.issued.size + 1, variant));
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return record;
}

/** One process from start to SIGKILL; what it said. One in ten is killed while it starts or recovers. Rejects when it ends by itself. */
function life(
  subject: Subject,
  dir: string,
  firstNumber: number,
  variant: Variant,
): Promise<readonly string[]> {
  const child = fileURLToPath(new URL(`${subject}-child.ts`, import.meta.url));
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, [child, dir, String(firstNumber), variant], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let complained = '';
    let dying = false;
    const dieIn = (ms: number): void => {
      if (dying) return;
      dying = true;
      setTimeout(() => process_.kill('SIGKILL'), ms);
    };
    if (Math.random() < 0.1) dieIn(Math.random() * 150);
    process_.stdout.on('data', (part: Buffer) => {
      said += part.toString('latin1');
      if (said.includes('issued')) dieIn(Math.random() * 40);
    });
    process_.stderr.on('data', (part: Buffer) => (complained += part.toString('latin1')));
    process_.on('error', reject);
    process_.on('close', (code) => {
      const lines = said.split('\n').slice(0, -1); // The last line may have been cut short.
      if (code === null) resolve(lines);
      else reject(new Error(`the process ended by itself (${code}): ${lines.at(-1)} ${complained}`));
    });
  });
}

function judge(record: Record, lines: readonly string[]): void {
  record.cuts += 1;
  const [first, ...rest] = lines;
  if (first === undefined) {
    record.cutsInRecovery += 1;
    return;
  }
  const [, state, ...numbers] = first.split(' ');
  if (state !== 'whole') record.violations.push(`cut ${record.cuts}: recovery says ${first.slice(0, 80)}`);
  const recovered = new Set(numbers.filter((number) => number !== '').map(Number));
  for (const number of record.acknowledged) {
    if (!recovered.has(number))
      record.violations.push(`cut ${record.cuts}: ${number} was acknowledged, and is gone`);
  }
  for (const number of recovered) {
    if (!record.issued.has(number)) record.violations.push(`cut ${record.cuts}: ${number} was never issued`);
    if (record.lost.has(number))
      record.violations.push(`cut ${record.cuts}: ${number} was gone, and came back`);
  }
  for (const number of record.issued) if (!recovered.has(number)) record.lost.add(number);

  for (const line of rest) {
    const [kind, number] = line.split(' ');
    if (kind === 'issued') record.issued.add(Number(number));
    else if (kind === 'acknowledged') record.acknowledged.add(Number(number));
    else record.violations.push(`cut ${record.cuts}: ${line}`);
  }
}

test('after a hundred power cuts nothing that was acknowledged is lost', { timeout: 240_000 }, async () => {
  const records = await Promise.all([cutPower('set', 'whole', 50), cutPower('set', 'whole', 50)]);
  for (const { violations, cuts, cutsInRecovery, issued, acknowledged, lost } of records) {
    expect(violations).toEqual([]);
    expect(cuts).toBe(50);
    expect(cutsInRecovery).toBeLessThan(25);
    expect(issued.size).toBeGreaterThan(500);
    expect(acknowledged.size).toBeGreaterThan(250);
    expect(lost.size).toBeGreaterThan(50); // A cut that takes nothing proves nothing.
  }
});

test(
  'a Chainfire member, all by itself, loses no key that it acknowledged',
  { timeout: 240_000 },
  async () => {
    const { violations, cuts, cutsInRecovery, issued, acknowledged, lost } = await cutPower(
      'member',
      'whole',
      20,
    );
    expect(violations).toEqual([]);
    expect(cuts).toBe(20);
    expect(cutsInRecovery).toBeLessThan(15);
    expect(issued.size).toBeGreaterThan(100);
    expect(acknowledged.size).toBeGreaterThan(50);
    expect(lost.size).toBeGreaterThan(10);
  },
);

test.each([
  ['set', 'repliesBeforeSync'],
  ['set', 'syncEndsEarly'],
  ['member', 'syncEndsEarly'],
] as const)(
  'a process that acknowledges before the sync has ended is caught (%s, %s)',
  { timeout: 120_000 },
  async (subject, variant) => {
    const { violations, cuts } = await cutPower(subject, variant, 20);
    expect(violations.join('\n')).toContain('was acknowledged, and is gone');
    expect(cuts).toBeLessThanOrEqual(20);
  },
);
