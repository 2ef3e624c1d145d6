import { defaultMemberConfig } from '../../core/chainfire/settings.ts';
import { type FailurePage } from '../../reports/page/page-data.ts';
import { writePage } from '../../reports/page/write-page.ts';
import { type Repro } from '../../sim/repro.ts';
import { type Scenario } from '../../sim/types.ts';

/** Writes the page of one failure. @param reproFile as whoever reads the page finds it */
export async function writeFailurePage(file: string, repro: Repro, reproFile: string): Promise<void> {
  const page: FailurePage = {
    kind: 'failure',
    repro,
    configuration: configurationOf(repro.scenario),
    replayCommand: `npx photon sim replay ${reproFile}`,
  };
  await writePage(file, page);
}

/** Where a plan's members differ from the defaults, by dotted name, and what else decides how they run. */
export function configurationOf({ cluster }: Scenario): readonly (readonly [name: string, value: string])[] {
  return [
    ['members', String(cluster.members)],
    ...(cluster.throughCodec ? [['through codec', 'yes'] as const] : []),
    ...differences(cluster.config, defaultMemberConfig, ''),
  ];
}

function differences(
  own: object,
  defaults: object,
  path: string,
): readonly (readonly [name: string, value: string])[] {
  const known = new Map<string, unknown>(Object.entries(defaults));
  return Object.entries(own).flatMap(([name, value]: [string, unknown]) => {
    const held = known.get(name);
    if (isPlain(value)) return differences(value, isPlain(held) ? held : {}, `${path}${name}.`);
    return value === held ? [] : [[`${path}${name}`, value === undefined ? 'none' : String(value)] as const];
  });
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
