import { writeSync } from 'node:fs';

/** Into the pipe before it returns: what was said survives the speaker. */
export function say(line: string): void {
  writeSync(1, `${line}\n`);
}
