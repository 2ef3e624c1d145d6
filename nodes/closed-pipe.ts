import { exitCodes } from './exit.ts';

/**
 * Ends the process quietly when whoever read what it writes has gone, as `head` has once it has seen enough. Node ignores the
 * signal that would do so, and a write that fails in its place is an error that nobody has caught.
 */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(exitCodes.readerGone);
    });
  }
}
