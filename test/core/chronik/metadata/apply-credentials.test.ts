import { expect, test } from 'vitest';
import { type ScramUpsertion } from '../../../../core/chronik/metadata/commands.ts';
import { Scene } from './scene.ts';

const sha256 = 1;
const sha512 = 2;

function credential(user: string, change: Partial<ScramUpsertion> = {}): ScramUpsertion {
  return {
    user,
    mechanism: sha256,
    iterations: 4_096,
    salt: Uint8Array.of(1, 2, 3),
    storedKey: new Uint8Array(32).fill(4),
    serverKey: new Uint8Array(32).fill(5),
    ...change,
  };
}

test('credentials are kept by user and mechanism, replaced and removed (KIP-554)', () => {
  const scene = new Scene();
  const long = { mechanism: sha512, storedKey: new Uint8Array(64), serverKey: new Uint8Array(64) };
  const upsertions = [credential('bob'), credential('alice'), credential('alice', long)];
  scene.do('alterScramCredentials', { upsertions });
  expect(scene.state.scramCredentials().map(({ user, mechanism }) => [user, mechanism])).toEqual([
    ['alice', sha256],
    ['alice', sha512],
    ['bob', sha256],
  ]);
  scene.do('alterScramCredentials', {
    deletions: [{ user: 'alice', mechanism: sha512 }],
    upsertions: [credential('alice', { iterations: 8_192 })],
  });
  expect(scene.state.scramCredential('alice', sha256)).toEqual(credential('alice', { iterations: 8_192 }));
  expect(scene.state.scramCredential('alice', sha512)).toBeUndefined();
  expect(scene.reloaded().scramCredentials()).toEqual(scene.state.scramCredentials());
});

test('what is asked for one user is done whole or not at all; other users do not mind', () => {
  const scene = new Scene();
  const { users } = scene.do('alterScramCredentials', {
    deletions: [{ user: 'alice', mechanism: sha512 }],
    upsertions: [credential('alice'), credential('bob')],
  });
  expect(users.map(({ user, refusal }) => [user, refusal?.code])).toEqual([
    ['alice', 'RESOURCE_NOT_FOUND'],
    ['bob', undefined],
  ]);
  expect(scene.state.scramCredentials().map(({ user }) => user)).toEqual(['bob']);
});

test('what is wrong with a credential is said', () => {
  const scene = new Scene({ scramCredentialsMax: 1 });
  const code = (...upsertions: readonly ScramUpsertion[]): string | undefined =>
    scene.do('alterScramCredentials', { upsertions }).users[0]?.refusal?.code;
  expect(code(credential(''))).toBe('UNACCEPTABLE_CREDENTIAL');
  expect(code(credential('x'.repeat(513)))).toBe('UNACCEPTABLE_CREDENTIAL');
  expect(code(credential('alice', { mechanism: 3 }))).toBe('UNSUPPORTED_SASL_MECHANISM');
  expect(code(credential('alice', { iterations: 4_095 }))).toBe('UNACCEPTABLE_CREDENTIAL');
  expect(code(credential('alice', { iterations: 16_385 }))).toBe('UNACCEPTABLE_CREDENTIAL');
  expect(code(credential('alice', { salt: new Uint8Array(0) }))).toBe('UNACCEPTABLE_CREDENTIAL');
  expect(code(credential('alice', { storedKey: new Uint8Array(64) }))).toBe('UNACCEPTABLE_CREDENTIAL');
  expect(code(credential('alice'), credential('alice'))).toBe('DUPLICATE_RESOURCE');
  expect(code(credential('alice'))).toBeUndefined();
  expect(code(credential('bob'))).toBe('POLICY_VIOLATION');
  expect(code(credential('alice', { iterations: 5_000 }))).toBeUndefined();
});
