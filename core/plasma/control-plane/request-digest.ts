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
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  let json = '';
  if (Array.isArray(value)) {
    for (const one of value) json += `${json === '' ? '' : ','}${canonicalJson(one)}`;
    return `[${json}]`;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(fields).sort(compareKeys)) {
    const one = fields[name];
    if (one !== undefined) json += `${json === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(one)}`;
  }
  return `{${json}}`;
}
