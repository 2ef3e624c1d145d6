import { assert } from '../base/assert.ts';

const segmentNamePattern = /^[a-z0-9_-]+(\/[a-z0-9_-]+)*$/;

export function isSegmentName(file: string): boolean {
  return segmentNamePattern.test(file);
}

/**
 * Refuses a name that some file system would read otherwise than we do: another case, a dot, an absolute path, an empty
 * part. Every implementation of the port calls this, so that no name works in one world and not in the other.
 *
 * @throws InvariantError when the name is not `[a-z0-9_-]+(/[a-z0-9_-]+)*`
 */
export function checkSegmentName(file: string): void {
  assert(
    isSegmentName(file),
    `a segment file is named [a-z0-9_-]+(/[a-z0-9_-]+)*, not ${JSON.stringify(file)}`,
  );
}
