import { type Command, InvalidArgumentError, Option } from 'commander';
import { setTimeout as after } from 'node:timers/promises';

import { exitCodes, ExitError } from '../exit.ts';
import { printJson, printLine } from './print.ts';
import {
  type AnswerOf,
  type MutationAsked,
  type PlasmaOptions,
  type PlasmaSession,
  withPlasma,
  withServers,
} from './session.ts';

/** Options of every command that changes something. */
export interface MutationOptions extends PlasmaOptions {
  readonly operationId?: string;
  readonly wait?: boolean;
  readonly waitSeconds: number;
}

type Committed = AnswerOf<'committed'>;
type Operation = AnswerOf<'operation'>;

const waitSeconds = 60;
const waitSecondsMax = 86_400;
const msPerSecond = 1_000;
const pauseMs = 100;

export function withMutation(command: Command): Command {
  return withServers(command)
    .addOption(
      new Option(
        '--operation-id <id>',
        'id of what is asked; asked again under the same one it is done once, and answered alike',
      ),
    )
    .option('--wait', 'come back when it is carried out, not when it is committed')
    .addOption(
      new Option('--wait-seconds <seconds>', 'how long to wait for that at most')
        .default(waitSeconds)
        .argParser(secondsOf),
    );
}

export interface Asking {
  /** As it is typed: `photon vm stop`. */
  readonly command: string;
  /** What it is about, and what comes of it, in the line that is printed. */
  readonly subject: string;
  readonly verb: string;
}

/** Has something done, and says what has become of it. @throws ExitError */
export function mutate(options: MutationOptions, asking: Asking, mutation: MutationAsked): Promise<void> {
  return withPlasma(options, asking.command, async (session) => {
    const done = await session.mutate(mutation, options.operationId);
    await tell(session, options, done, `${asking.subject}: ${asking.verb}`);
  });
}

/** @param line what is printed of it without --json @throws ExitError when it was waited for, and has not come to what it should */
export async function tell(
  session: PlasmaSession,
  options: MutationOptions,
  done: Committed,
  line: string,
): Promise<void> {
  if (options.wait !== true) {
    if (options.json === true) printJson(done);
    else printLine(`${line} at revision ${done.revision}`);
    return;
  }
  const ended = await waitFor(session, done, options.waitSeconds);
  if (options.json === true) printJson({ ...done, state: ended.state, message: ended.message });
  if (ended.state === 'failed') throw new ExitError(`it has failed: ${ended.message}`, exitCodes.failed);
  if (options.json !== true) printLine(`${line}, done`);
}

/** @throws ExitError when it takes longer */
async function waitFor(session: PlasmaSession, done: Committed, seconds: number): Promise<Operation> {
  const { project } = session;
  const { operationId } = done;
  const untilMs = performance.now() + seconds * msPerSecond;
  for (;;) {
    const shown = await session.ask<'operation'>({ kind: 'operationGet', project, operationId });
    if (shown.state !== 'running') return shown;
    if (performance.now() + pauseMs > untilMs) {
      const why = shown.message === '' ? '' : ` (${shown.message})`;
      throw new ExitError(
        `it is committed, and not done after ${seconds} s${why}: photon operation show ${operationId}`,
        exitCodes.unknown,
      );
    }
    await after(pauseMs);
  }
}

function secondsOf(text: string): number {
  const seconds = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > waitSecondsMax)
    throw new InvalidArgumentError(`it must be a whole number of seconds, from 1 to ${waitSecondsMax}.`);
  return seconds;
}
