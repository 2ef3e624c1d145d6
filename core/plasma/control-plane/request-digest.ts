import { compareKeys } from '../../base/bytes.ts';
import { RollingHash } from '../../base/rolling-hash.ts';

/**
 * Tells requests apart that come under one operation id, by mistake: 64 bits over the request, whatever the order of its fields,
 * fields that are undefined aside. Nobody gains by finding two that are the same: both would have to be his own.
 */
export function digestOf(request: unknown): string {
  const hash = new RollingHash();
  hash.text(canonicalJson(request));
  return hash.digest();
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const fields = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .toSorted(([left], [right]) => compareKeys(left, right));
  return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${canonicalJson(one)}`).join(',')}}`;
}
