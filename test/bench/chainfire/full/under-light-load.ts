import { setTimeout as sleep } from 'node:timers/promises';

import { type RunningSystem } from '../systems.ts';
import { nowMs } from './clock.ts';
import { type Span } from './delays.ts';
import { type Figure } from './figures.ts';
import { lightEveryMs, type LoadSeen, PacedLoad } from './paced-load.ts';
import { type MachineNoise, Yardstick } from './yardstick.ts';

/** Before and behind what is measured: to see what the load meets when nothing goes on. */
const quietMs = 4_000;
/** The first calls of a connection, and code that is not compiled yet, are left out. */
const warmUpMs = 2_000;

export interface UnderLoad<Result> {
  readonly result: Result;
  /** How long what was measured took. */
  readonly seconds: number;
  readonly before: LoadSeen;
  readonly meanwhile: LoadSeen;
  readonly noise: MachineNoise;
}

/** Does something while a light load of puts and gets goes on, through the leader, and says what the load has met. */
export async function underLightLoad<Result>(
  system: RunningSystem,
  options: { readonly keys: number; readonly dir: string },
  action: () => Promise<Result>,
): Promise<UnderLoad<Result>> {
  const leader = await system.leader();
  const load = await PacedLoad.start({
    endpoint: leader.place.client,
    keys: options.keys,
    everyMs: lightEveryMs,
  });
  const yardstick = await Yardstick.start(options.dir);
  await sleep(warmUpMs);
  const before = nowMs();
  await sleep(quietMs);
  const span: Span & { toMs: number } = { fromMs: nowMs(), toMs: 0 };
  let result: Result;
  try {
    result = await action();
  } finally {
    span.toMs = nowMs();
  }
  const seen = await load.stop();
  const noise = await yardstick.stop();
  return {
    result,
    seconds: (span.toMs - span.fromMs) / 1_000,
    before: seen({ fromMs: before, toMs: span.fromMs }),
    meanwhile: seen(span),
    noise: noise(span),
  };
}

/** What the load met, as figures; `putsAtMostMs` and `getsAtMostMs` are what is to be reached. */
export function delayFigures(
  { before, meanwhile, noise }: UnderLoad<unknown>,
  wanted: { readonly putsAtMostMs?: number; readonly getsAtMostMs?: number },
): readonly Figure[] {
  const bound = (atMost: number | undefined): { atMost?: number } => (atMost === undefined ? {} : { atMost });
  return [
    { what: 'worst put before', unit: 'ms', value: before.puts.worstMs },
    { what: 'worst put', unit: 'ms', value: meanwhile.puts.worstMs, ...bound(wanted.putsAtMostMs), noise },
    { what: 'calls that failed', unit: 'calls', value: meanwhile.failed, atMost: 0 },
    { what: 'p99 of puts', unit: 'ms', value: meanwhile.puts.p99Ms },
    { what: 'worst get', unit: 'ms', value: meanwhile.gets.worstMs, ...bound(wanted.getsAtMostMs), noise },
    { what: 'p99 of gets', unit: 'ms', value: meanwhile.gets.p99Ms },
  ];
}
