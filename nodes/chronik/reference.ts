import { referencePage } from '../../adapters/config/describe.ts';
import { chronikSchema } from './settings.ts';

const introduction =
  'Addresses are `host:port`. Durations and sizes carry their unit in the name; where Kafka has the setting, its name stands ' +
  'beside it. This page is written by `node nodes/chronik/write-reference.ts` from the schema that the process itself uses.';

/** The page `docs/reference/chronik-configuration.md`. */
export function chronikReference(): string {
  return referencePage(chronikSchema, introduction);
}
