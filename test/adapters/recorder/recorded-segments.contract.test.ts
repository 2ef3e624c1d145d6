import { setImmediate } from 'node:timers/promises';

import { AnswerRecords } from '../../../adapters/recorder/answer-records.ts';
import { RecordedSegments } from '../../../adapters/recorder/recorded-segments.ts';
import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { type SegmentFiles } from '../../../core/storage/segment-files.ts';
import { WireWriter } from '../../../core/wire/writer.ts';
import { describeSegmentFiles } from '../../contract/segment-files.ts';

describeSegmentFiles('files whose answers are taken down', () => {
  const files = new MemorySegments();
  const answers = new AnswerRecords(new WireWriter(), () => undefined);
  answers.isOpen = true;
  const recorded = new RecordedSegments(files, answers);
  const whole: SegmentFiles = {
    list: (prefix) => recorded.list(prefix),
    read: (file, position, length) => recorded.read(file, position, length),
    truncate: (file, length, doubtful) => recorded.truncate(file, length, doubtful),
    remove: (file) => recorded.remove(file),
    // The runner's part, which the machine is not lent.
    append: (file, bytes) => files.append(file, bytes),
    cut: (file, length) => files.cut(file, length),
    sync: (onEnd) => files.sync(onEnd),
  };
  return { files: whole, wait: () => setImmediate(), close: () => undefined };
});
