import { configurationDifferences } from '../../reports/evidence/configuration.ts';
import { type FailurePage } from '../../reports/page/page-data.ts';
import { writePage } from '../../reports/page/write-page.ts';
import { type Repro } from '../../sim/repro.ts';

/** Writes the page of one failure. @param reproFile as whoever reads the page finds it */
export async function writeFailurePage(file: string, repro: Repro, reproFile: string): Promise<void> {
  const page: FailurePage = {
    kind: 'failure',
    repro,
    configuration: configurationDifferences(repro.scenario),
    replayCommand: `npx photon sim replay ${reproFile}`,
  };
  await writePage(file, page);
}
