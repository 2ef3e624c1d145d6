import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { play } from './dialogue.ts';

const directory = new URL('./testdata/', import.meta.url);

/** With RAFT_DIALOGUE=write the scripts are played and written anew; read the difference before you keep it. */
const writes = process.env['RAFT_DIALOGUE'] === 'write';

test.each(readdirSync(directory).filter((name) => name.endsWith('.txt')))('dialogue %s', (name) => {
  const file = new URL(name, directory);
  const script = readFileSync(file, 'utf8');
  const played = play(script);
  if (writes) writeFileSync(file, played);
  else expect(played).toBe(script);
});
