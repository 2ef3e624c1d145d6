import { writeFileSync } from 'node:fs';

import { plasmaReferences } from './reference.ts';

for (const [file, page] of Object.entries(plasmaReferences()))
  writeFileSync(new URL(`../../docs/reference/${file}`, import.meta.url), page);
