import { setImmediate } from 'node:timers/promises';

import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { describeSegmentFiles } from '../../contract/segment-files.ts';

describeSegmentFiles('memory', () => ({
  files: new MemorySegments(),
  wait: () => setImmediate(),
  close: () => undefined,
}));
