import { expect, test } from 'vitest';

import { identityOf, identityUri } from '../../../adapters/tls/identity.ts';

test('a certificate tells who it is among its other names', () => {
  const identity = { system: 'chainfire', node: 'a-1.b_2' };
  expect(identityOf(`IP Address:127.0.0.1, DNS:a, URI:${identityUri(identity)}`)).toEqual(identity);
});

test.each([
  undefined,
  '',
  'DNS:photon://chainfire/a',
  'URI:photon://chainfire/',
  'URI:photon://chainfire/a/b',
  'URI:photon://CHAINFIRE/a',
  'URI:https://chainfire/a',
  // Node quotes a name in which there is a comma, so that none can pass for two.
  'DNS:"x, URI:photon://chainfire/a"',
])('%s is nobody', (names) => expect(identityOf(names)).toBeUndefined());
