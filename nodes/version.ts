import { existsSync, readFileSync } from 'node:fs';

/** Beside this directory in a checkout, one further up in the built tree. */
function readVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    const file = new URL(place, import.meta.url);
    if (!existsSync(file)) continue;
    const { version: found } = JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown };
    if (typeof found === 'string') return found;
  }
  return '0.0.0';
}

export const version = readVersion();
