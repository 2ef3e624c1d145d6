import { referencePage } from '../../adapters/config/describe.ts';
import { chainfireSchema } from './settings.ts';

const introduction =
  'Addresses are `host:port`. Durations and sizes carry their unit in the name. This page is written by ' +
  '`node nodes/chainfire/write-reference.ts` from the schema that the process itself uses.';

/** The page `docs/reference/chainfire-configuration.md`. */
export function chainfireReference(): string {
  return referencePage(chainfireSchema, introduction);
}
