import { usPerMs, usPerSecond } from '../../core/base/units.ts';

const usPerUnit: Readonly<Record<string, number>> = {
  us: 1,
  µs: 1,
  ms: usPerMs,
  s: usPerSecond,
  m: 60 * usPerSecond,
  h: 3_600 * usPerSecond,
};
const part = /([0-9]+(?:\.[0-9]+)?)(us|µs|ms|s|m|h)/y;

/** Microseconds in a duration as etcd's flags have it: `10m`, `1h30m`, `1.5s`. Undefined when the text is none. */
export function parseDuration(text: string): number | undefined {
  let us = 0;
  part.lastIndex = 0;
  do {
    const match = part.exec(text);
    if (match === null) return undefined;
    us += Number(match[1]) * (usPerUnit[match[2] ?? ''] ?? 0);
  } while (part.lastIndex < text.length);
  return Number.isSafeInteger(Math.round(us)) ? Math.round(us) : undefined;
}
