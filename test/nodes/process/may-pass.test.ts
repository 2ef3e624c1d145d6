import { expect, test } from 'vitest';

import { mayPass } from '../../../nodes/process/may-pass.ts';
import { StartError } from '../../../nodes/process/start-error.ts';

const system = (code: string): Error => Object.assign(new Error(code), { code });

test('what is of a moment may pass, however deep it lies', () => {
  expect(mayPass(system('EADDRINUSE'))).toBe(true);
  const cause = new Error('cannot listen', { cause: system('ENOSPC') });
  expect(mayPass(new StartError('cannot start', { cause }))).toBe(true);
});

test('what is damaged or forbidden stays so', () => {
  for (const error of [
    system('EACCES'),
    system('EROFS'),
    system('EIO'),
    new StartError('removed'),
    'text',
    undefined,
  ])
    expect(mayPass(error)).toBe(false);
});
