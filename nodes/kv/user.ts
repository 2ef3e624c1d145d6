import { type ClientUser } from '../../adapters/grpc/client-session.ts';
import { exitCodes, ExitError } from '../exit.ts';

/** What `--user` says. A password that it leaves out is read from the terminal, without being shown, or from a pipe. */
export async function userOf(
  text: string | undefined,
  command = 'photon kv',
): Promise<ClientUser | undefined> {
  if (text === undefined) return undefined;
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  if (name === '') {
    throw new ExitError(
      `${command}: --user is name or name:password, and the name is not empty`,
      exitCodes.refused,
    );
  }
  return { name, password: colon < 0 ? await askPassword(name) : text.slice(colon + 1) };
}

/** One line of standard input. */
async function askPassword(name: string): Promise<string> {
  const { stdin, stderr } = process;
  const isTerminal = stdin.isTTY === true;
  if (isTerminal) {
    stderr.write(`password of ${name}: `);
    stdin.setRawMode(true);
  }
  try {
    return await readLine();
  } finally {
    if (isTerminal) {
      stdin.setRawMode(false);
      stderr.write('\n');
    }
    stdin.pause();
  }
}

const passwordCharsMax = 1_024;

async function readLine(): Promise<string> {
  let line = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) {
    for (const character of chunk as string) {
      if (character === '\n' || character === '\r' || character === '\u0004') return line;
      if (character === '\u0003') throw new ExitError('photon kv: interrupted', exitCodes.failed);
      // Backspace, as terminals send it.
      line = character === '\u007f' || character === '\b' ? line.slice(0, -1) : line + character;
      if (line.length > passwordCharsMax) {
        throw new ExitError(
          `photon kv: a password has ${passwordCharsMax} characters at most`,
          exitCodes.refused,
        );
      }
    }
  }
  return line;
}
