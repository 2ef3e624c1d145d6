const parentGone = 'the parent process is gone';

/**
 * Resolves, with what asked for it, when the process should stop: SIGTERM, SIGINT, or the end of the process that started it
 * with an IPC channel. A second signal ends the process at once.
 */
export function stopRequest(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
    // There was a channel, and it closed while this program was still being loaded.
    if (process.connected === false) resolve(parentGone);
    if (process.channel !== undefined && process.channel !== null) {
      process.once('disconnect', () => resolve(parentGone));
      // The channel alone must not keep a process running that has stopped.
      process.channel.unref();
    }
  });
}
