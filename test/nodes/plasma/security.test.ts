import { expect, test } from 'vitest';

import { onLoopback } from '../../../nodes/plasma/security.ts';

test('without certificates a process listens where only its own machine reaches it, or says which address it is not', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
    expect(() => onLoopback({ listen: { host, port: 1 } })).not.toThrow();
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org'])
    expect(() => onLoopback({ listen: { host, port: 1 } })).toThrow(`listen is ${host}, which others reach`);
});
