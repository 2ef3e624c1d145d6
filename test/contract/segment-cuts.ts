import { expect, test } from 'vitest';

import { bytes, type Start, string, synced, text } from './segment-subject.ts';

/** Taking back what was appended, at any time. */
export function describeCuts(start: Start): void {
  test('a cut takes back what was appended, synced or not, and the next append goes there', async () => {
    const { files, wait } = start();
    files.append('a', bytes('0123'));
    files.append('a', bytes('4567'));
    files.cut('a', 6);
    expect(text(files, 'a')).toBe('012345');
    await synced(files, wait);
    files.append('a', bytes('ab'));
    files.append('a', bytes('cd'));
    files.cut('a', 7);
    expect(text(files, 'a')).toBe('012345a');
    files.append('a', bytes('!'));
    files.cut('a', 3);
    expect(text(files, 'a')).toBe('012');
    files.append('a', bytes('xyz'));
    expect(text(files, 'a')).toBe('012xyz');
    await synced(files, wait);
    expect(files.list('')).toEqual([{ file: 'a', lengthBytes: 6 }]);
    files.cut('a', 6);
    expect(text(files, 'a')).toBe('012xyz');
  });

  test('a cut to nothing removes the file, or finds none', async () => {
    const { files, wait } = start();
    files.append('d/a', bytes('synced'));
    await synced(files, wait);
    files.append('d/a', bytes(' or not'));
    files.append('b', bytes('never synced'));
    files.cut('d/a', 0);
    files.cut('b', 0);
    files.cut('c', 0);
    expect(files.list('')).toEqual([]);
    files.append('d/a', bytes('new'));
    await synced(files, wait);
    expect(text(files, 'd/a')).toBe('new');
  });

  test('a cut never lengthens a file, and needs one', () => {
    const { files } = start();
    files.append('a', bytes('abc'));
    expect(() => files.cut('a', 4)).toThrow('never lengthens');
    expect(() => files.cut('b', 1)).toThrow('only a file that exists');
    expect(text(files, 'a')).toBe('abc');
  });

  test('a cut while a sync is under way takes back what that sync writes', async () => {
    const { files, wait } = start();
    files.append('a', bytes('012345'));
    files.append('b', bytes('gone'));
    const ended = synced(files, wait);
    files.append('a', bytes('6789'));
    files.cut('a', 8);
    expect(text(files, 'a')).toBe('01234567');
    files.cut('a', 2);
    files.cut('b', 0);
    files.append('a', bytes('xy'));
    expect(text(files, 'a')).toBe('01xy');
    await ended;
    expect(text(files, 'a')).toBe('01xy');
    await synced(files, wait);
    expect(text(files, 'a')).toBe('01xy');
    expect(files.list('')).toEqual([{ file: 'a', lengthBytes: 4 }]);
  });

  test('what was read stays as it was', async () => {
    const { files, wait } = start();
    files.append('a', bytes('abcdef'));
    await synced(files, wait);
    const read = files.read('a', 0, 6);
    files.cut('a', 2);
    files.append('a', bytes('XYZW'));
    expect(string(read)).toBe('abcdef');
  });
}

export function describeCutsBeforePowerCut(start: Start): void {
  test('what was taken back does not return, whether or not it had been synced', async () => {
    for (let round = 0; round < 8; round += 1) {
      const { files, wait, cutPower } = start();
      files.append('a', bytes('x'.repeat(1_200)));
      files.append('b', bytes('synced'));
      await synced(files, wait);
      files.append('a', bytes('y'.repeat(600)));
      const ended = synced(files, wait);
      files.append('a', bytes('z'.repeat(600)));
      files.cut('a', 700);
      files.cut('b', 0);
      files.append('a', bytes('w'.repeat(300)));
      if (round % 2 === 0) await ended;
      const after = cutPower?.() ?? files;
      const found = text(after, 'a');
      expect(found.slice(0, 700)).toBe('x'.repeat(700));
      expect(found.length).toBeLessThanOrEqual(1_000);
      expect(found).not.toMatch(/[yz]/);
      expect(found.slice(700)).not.toContain('x');
      expect(after.list('b')).toEqual([]);
    }
  });

  test('a sync that began before a cut makes nothing durable that was appended behind it', async () => {
    let lost = 0;
    for (let round = 0; round < 12; round += 1) {
      const { files, wait, cutPower } = start();
      files.append('a', bytes('x'.repeat(2_048)));
      const ended = synced(files, wait);
      files.cut('a', 512);
      files.append('a', bytes('w'.repeat(1_536)));
      await ended;
      const after = cutPower?.() ?? files;
      expect(text(after, 'a').slice(0, 512)).toBe('x'.repeat(512));
      if (text(after, 'a').slice(512) !== 'w'.repeat(1_536)) lost += 1;
    }
    expect(lost).toBeGreaterThan(0);
  });
}
