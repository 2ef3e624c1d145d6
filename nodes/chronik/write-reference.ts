import { writeFileSync } from 'node:fs';

import { chronikReference, settingsReference } from './reference.ts';

writeFileSync(new URL('../../docs/reference/chronik-configuration.md', import.meta.url), chronikReference());
writeFileSync(new URL('../../docs/reference/chronik-settings.md', import.meta.url), settingsReference());
