import { type PlasmaEvent } from '../../core/plasma/api.ts';
import { printLine } from './print.ts';
import { type PlasmaSession } from './session.ts';

const pageEvents = 100;
const waitMs = 20_000;
const usPerMs = 1_000;

export interface EventOptions {
  readonly from: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** Page after page, each behind the last revision of the one before. */
export async function followEvents(session: PlasmaSession, options: EventOptions): Promise<void> {
  const follow = options.follow === true;
  let fromRevision = options.from;
  for (;;) {
    const { project } = session;
    const { events } = await session.ask<'events'>(
      { kind: 'events', project, fromRevision, limit: pageEvents, waitUs: follow ? waitMs * usPerMs : 0 },
      follow ? waitMs : 0,
    );
    for (const event of events) printLine(options.json === true ? JSON.stringify(event) : lineOf(event));
    const last = events.at(-1);
    if (last === undefined && !follow) return;
    fromRevision = last?.revision ?? fromRevision;
  }
}

function lineOf({ revision, atMs, by, what, vm, node, message }: PlasmaEvent): string {
  const where = [vm, node].filter((one) => one !== undefined).join(' on ');
  const said = message === '' ? '' : `: ${message}`;
  return `${revision} ${new Date(atMs).toISOString()} ${what} ${where === '' ? '' : `${where} `}by ${by}${said}`;
}
