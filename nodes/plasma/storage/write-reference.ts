import { writeFileSync } from 'node:fs';

import { storageReference } from './reference.ts';

writeFileSync(
  new URL('../../../docs/reference/plasma-storage-configuration.md', import.meta.url),
  storageReference(),
);
