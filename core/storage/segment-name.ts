import { assert } from '../base/assert.ts';

const segmentNamePattern = /^(?!\.+(?:\/|$))[A-Za-z0-9._-]+(?:\/(?!\.+(?:\/|$))[A-Za-z0-9._-]+)*$/;

export function isSegmentName(file: string): boolean {
  return segmentNamePattern.test(file);
}

/**
 * Refuses a name that some file system would read otherwise than we do: an absolute path, an empty part, one of dots alone.
 * Every implementation of the port calls this, so that no name works in one world and not in the other. Two names that
 * differ in case alone are two files here and one elsewhere: who makes names sees to it that they differ otherwise, too.
 *
 * @throws InvariantError when the name is not `[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*`, or a part of it is dots alone
 */
export function checkSegmentName(file: string): void {
  assert(
    isSegmentName(file),
    `a segment file is named [A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*, no part of dots alone, not ${JSON.stringify(file)}`,
  );
}
