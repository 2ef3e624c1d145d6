import { WireError } from '../../core/wire/reader.ts';
import { type RecordedIdentity } from './format.ts';
import { RecorderError } from './recorder-error.ts';
import { type SegmentPlace } from './ring.ts';
import { readHeader } from './segment.ts';

/**
 * Two nodes that record into one directory would remove one another's segments.
 *
 * @throws RecorderError when the newest segment that can be read is another node's
 */
export function assertOwn(dir: string, places: readonly SegmentPlace[], own: RecordedIdentity): void {
  for (const { path } of places.toReversed()) {
    const found = identityIn(path);
    if (found === undefined) continue;
    if (found.system === own.system && found.cluster === own.cluster && found.node === own.node) return;
    throw new RecorderError(
      'OTHERS_RECORDING',
      `${dir} holds a recording of ${describe(found)}, not of ${describe(own)}: each node needs a directory of its own`,
    );
  }
}

/** Undefined where the beginning was never written whole, or is another program's. */
function identityIn(path: string): RecordedIdentity | undefined {
  try {
    return readHeader(path).identity;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function describe({ system, cluster, node, name }: RecordedIdentity): string {
  return `${system} member ${node} (${name}) of cluster ${cluster}`;
}
