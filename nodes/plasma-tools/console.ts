import { consolePath, ConsoleRequest, ConsoleResponse } from '../../core/plasma/wire/console.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type PlasmaSession } from './session.ts';

/** Ctrl-], as telnet and virsh have it. */
const escapeByte = 0x1d;

/** Shows the console until it ends, or the escape is typed. @throws ExitError when there is none */
export async function runConsole(session: PlasmaSession, vm: string): Promise<void> {
  // Asked first, so that it is the leader that is asked for the console.
  const { project } = session;
  await session.ask<'vms'>({ kind: 'vmGet', project, vm });
  const stream = session.client.stream(consolePath, ConsoleRequest, ConsoleResponse);
  const { stdin, stdout } = process;
  let left = false;
  const typed = (input: Buffer): void => {
    if (stdin.isTTY && input.includes(escapeByte)) {
      left = true;
      stream.cancel();
      return;
    }
    stdin.pause();
    void stream.write({ project: '', vm: '', input }).then(() => stdin.resume());
  };
  await stream.write({ project, vm, input: new Uint8Array(0) });
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', typed);
  try {
    for await (const { output } of stream.responses) stdout.write(output);
  } catch (error) {
    if (!left) throw new ExitError((error as Error).message, exitCodes.failed, { cause: error });
  } finally {
    stdin.off('data', typed);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
    stream.cancel();
  }
}
