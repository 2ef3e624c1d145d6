import { crc32c } from '../../../core/base/crc32c.ts';
import { OrderedMap } from '../../../core/base/ordered-map.ts';

const bytes = new Uint8Array(65_536).map((_, at) => (at * 31) & 0xff);

/** A fixed piece of work, of the kinds that a simulator does: arithmetic over bytes, objects, ordered maps, sorting. */
function work(): number {
  let sum = 0;
  for (let round = 0; round < 4; round += 1) sum ^= crc32c(bytes, sum);
  const map = new OrderedMap<{ readonly at: number }>();
  for (let at = 0; at < 500; at += 1) map.set(`key ${(at * 7_919) % 1_009}`, { at });
  for (const [key, { at }] of map.range({ from: '' })) sum = (sum + key.length + at) | 0;
  const list = Array.from({ length: 500 }, (_, at) => (at * 7_919) % 1_009);
  list.sort((left, right) => left - right);
  return sum ^ (list[250] ?? 0);
}

/** How often the work is done in a second of CPU time: what tells a faster machine from a faster simulator. */
export function yardstickPerSecond(forSeconds: number): number {
  const start = cpuSeconds();
  let count = 0;
  let kept = 0;
  while (cpuSeconds() - start < forSeconds) {
    kept ^= work();
    count += 1;
  }
  // Used, so that it is not left out.
  return count / (cpuSeconds() - start) + (kept === 0.5 ? 1 : 0);
}

/** Of this process, all threads. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}
