import { writeFileSync } from 'node:fs';

import { chronikReference } from './reference.ts';

writeFileSync(new URL('../../docs/reference/chronik-configuration.md', import.meta.url), chronikReference());
