import { once } from 'node:events';

import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { type KeyRange } from '../../adapters/client/ranges.ts';
import { type Chainfire } from '../../adapters/client/chainfire.ts';

export interface PagedGet {
  readonly rev: number;
  readonly keysOnly: boolean;
  readonly consistency: 'linearizable' | 'serializable' | 'local';
}

/** Keys that are written out at once: fewer calls, and still little in memory. */
const bytesAtOnce = 65_536;
const newline = new Uint8Array([10]);

/**
 * Prints a range a page at a time, all of one revision, however large it is: it holds what it has fetched and what nobody has
 * read yet, a page of each.
 */
export async function printPages(db: Chainfire, { key, rangeEnd }: KeyRange, get: PagedGet): Promise<void> {
  const { rev, keysOnly, consistency } = get;
  const options = { keysOnly, consistency, ...(rev === 0 ? {} : { revision: rev }) };
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const entry of db.range(bytesFromLatin1(key), bytesFromLatin1(rangeEnd), options)) {
    const own = [entry.keyBytes, newline, ...(keysOnly ? [] : [entry.valueBytes, newline])];
    for (const part of own) {
      parts.push(part);
      bytes += part.length;
    }
    if (bytes < bytesAtOnce) continue;
    await write(Buffer.concat(parts));
    parts = [];
    bytes = 0;
  }
  await write(Buffer.concat(parts));
}

async function write(bytes: Uint8Array): Promise<void> {
  if (bytes.length > 0 && !process.stdout.write(bytes)) await once(process.stdout, 'drain');
}
