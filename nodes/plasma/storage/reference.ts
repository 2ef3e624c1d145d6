import { referencePage } from '../../../adapters/config/describe.ts';
import { storageSchema } from './settings.ts';

const introduction =
  'Addresses are `host:port`. Sizes carry their unit in the name. This page is written by ' +
  '`node nodes/plasma/storage/write-reference.ts` from the schema that the process itself uses.';

/** The page `docs/reference/plasma-storage-configuration.md`. */
export function storageReference(): string {
  return referencePage(storageSchema, introduction);
}
