import { referencePage } from '../../adapters/config/describe.ts';
import { agentSchema } from './agent/settings.ts';
import { serverSchema } from './server/settings.ts';
import { storageSchema } from './storage/settings.ts';

const introduction =
  'Addresses are `host:port`. Sizes carry their unit in the name. This page is written by ' +
  '`node nodes/plasma/write-reference.ts` from the schema that the process itself uses.';

/** The pages `docs/reference/plasma-…-configuration.md`, by the names of their files. */
export function plasmaReferences(): Readonly<Record<string, string>> {
  return {
    'plasma-server-configuration.md': referencePage(serverSchema, introduction),
    'plasma-agent-configuration.md': referencePage(agentSchema, introduction),
    'plasma-storage-configuration.md': referencePage(storageSchema, introduction),
  };
}
