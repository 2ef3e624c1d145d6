import { expect, test } from 'vitest';

import { passwordBytesMax, Passwords } from '../../../adapters/auth/passwords.ts';

const passwords = new Passwords(10);

test('a password matches its hash and no other, and no two hashes are alike', async () => {
  const [first, second] = [await passwords.hash('pä55'), await passwords.hash('pä55')];
  expect(first).toMatch(/^scrypt\$10\$/);
  expect(first).not.toBe(second);
  expect(await passwords.matches('pä55', first)).toBe(true);
  expect(await passwords.matches('pä55', second)).toBe(true);
  expect(await passwords.matches('pä5', first)).toBe(false);
  expect(await passwords.matches('', first)).toBe(false);
});

test('a hash that was made at another cost is still understood; what is no hash matches nothing', async () => {
  const harder = await new Passwords(11).hash('x');
  expect(await passwords.matches('x', harder)).toBe(true);
  for (const bad of ['', 'x', 'scrypt$10$$', 'scrypt$99$AAAA$AAAA', harder.replace('scrypt', 'bcrypt')]) {
    expect(await passwords.matches('x', bad)).toBe(false);
  }
});

test('a password that is too long is refused by name, at its bound it is not', async () => {
  await expect(passwords.hash('x'.repeat(passwordBytesMax + 1))).rejects.toThrow('at most 1024 are allowed');
  expect(await passwords.hash('x'.repeat(passwordBytesMax))).toMatch(/^scrypt/);
});

test('so many wait and no more', async () => {
  const asked = Array.from({ length: 300 }, () =>
    passwords.hash('x').then(
      () => 'done',
      () => 'refused',
    ),
  );
  const ends = await Promise.all(asked);
  expect(ends.filter((end) => end === 'refused').length).toBe(44);
});
