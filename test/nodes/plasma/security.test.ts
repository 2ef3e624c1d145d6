import { pino } from 'pino';
import { expect, test } from 'vitest';

import { plasmaSecurity } from '../../../nodes/plasma/security.ts';

const log = pino({ enabled: false });
const nothing = { certFile: undefined, keyFile: undefined, trustedCaFile: undefined };

test('without certificates a process listens where only its own machine reaches it, or says which address it is not', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    const security = plasmaSecurity(nothing, { listen: { host, port: 1 } }, log);
    expect(security).toEqual({ listen: undefined, dial: undefined });
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org']) {
    expect(() => plasmaSecurity(nothing, { listen: { host, port: 1 } }, log)).toThrow(
      `listen is ${host}, which others reach`,
    );
  }
});

test('a certificate alone is none: without authorities nobody could be told from anybody else', () => {
  const some = { ...nothing, certFile: 'a.crt', keyFile: 'a.key' };
  expect(() => plasmaSecurity(some, { listen: { host: '10.0.0.1', port: 1 } }, log)).toThrow(
    'cert_file, key_file and trusted_ca_file belong together: give all three, or none',
  );
});
