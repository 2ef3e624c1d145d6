import { readFileSync } from 'node:fs';

/** A file's text; undefined when there is no such file. @throws the system's error for any other reason */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
