import { readFileSync } from 'node:fs';

import { type Software } from '../adapters/recorder/format.ts';
import { fingerprintOf } from './fingerprint.ts';
import { version } from './version.ts';

const root = new URL('../', import.meta.url);
/** With all that they import these decide what a Chainfire member does with what it is given, and how that is written down. */
const memberSources: readonly string[] = [
  'core/chainfire/member',
  'core/chainfire/event-codec',
  'core/wire/captured-codec',
  'sim/prng',
];

/** The code that a Chainfire member runs here. */
export function memberSoftware(): Software {
  return { version, commit: commitOfCheckout(), machine: fingerprintOf(memberSources) };
}

/** Without git, which a process that serves need not have; undefined where this is no plain checkout. */
function commitOfCheckout(): string | undefined {
  const head = textOf('.git/HEAD');
  if (head === undefined) return undefined;
  const ref = /^ref: (\S+)$/.exec(head)?.[1];
  if (ref === undefined) return commitIn(head);
  const packed = textOf('.git/packed-refs')
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  return commitIn(textOf(`.git/${ref}`) ?? packed?.split(' ')[0]);
}

function commitIn(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{40}$/.test(text) ? text : undefined;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), 'utf8').trim();
  } catch {
    return undefined;
  }
}
