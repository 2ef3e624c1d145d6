import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

import { CredentialsInTurn } from '../../../../adapters/kafka/sasl/credentials.ts';
import { PlainExchange } from '../../../../adapters/kafka/sasl/plain.ts';
import { FileUsers } from '../../../../adapters/kafka/sasl/users-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'photon-users-'));
afterAll(() => rmSync(dir, { recursive: true }));

function usersFile(content: string): string {
  const file = join(dir, 'users');
  writeFileSync(file, content);
  return file;
}

describe('PLAIN, with the users of a file', async () => {
  const users = await FileUsers.read(
    usersFile('# the first ones\nalice:s3cret:with:colons\n\nbob:ünïcode\r\n'),
  );
  const login = (token: string) =>
    new PlainExchange(new CredentialsInTurn([{ scram: () => undefined }, users])).next(Buffer.from(token));

  test.each([
    ['alice', '\0alice\0s3cret:with:colons'],
    ['alice', 'alice\0alice\0s3cret:with:colons'],
    ['bob', '\0bob\0ünïcode'],
  ])('%s comes in', async (user, token) => {
    expect(await login(token)).toMatchObject({ kind: 'authenticated', user });
  });

  test.each([
    ['a wrong password', '\0alice\0secret', /Invalid username or password/],
    ['a user who is not there', '\0carol\0s3cret', /Invalid username or password/],
    ['another authorization identity', 'bob\0alice\0s3cret:with:colons', /authorization identity/],
    ['no password', '\0alice\0', /must be given/],
    ['too few parts', 'alice\0s3cret', /expected 3 tokens, got 2/],
  ])('%s is refused', async (_, token, reason) => {
    expect(await login(token)).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(reason) as string,
    });
  });

  test.each([
    ['a line without a password', 'alice:x\nbob\n', /line 2: a user is name:password/],
    ['a name twice', 'alice:x\nalice:y\n', /line 2: alice is there twice/],
  ])('a file with %s is refused by its line', async (_, content, message) => {
    await expect(FileUsers.read(usersFile(content))).rejects.toThrow(message);
  });

  test('a file that is not there is named', async () => {
    await expect(FileUsers.read(join(dir, 'absent'))).rejects.toThrow(/cannot read .*absent/);
  });
});
