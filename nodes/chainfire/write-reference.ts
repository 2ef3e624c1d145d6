import { writeFileSync } from 'node:fs';

import { chainfireReference } from './reference.ts';

writeFileSync(
  new URL('../../docs/reference/chainfire-configuration.md', import.meta.url),
  chainfireReference(),
);
