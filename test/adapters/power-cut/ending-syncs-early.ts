import { type SegmentFiles } from '../../../core/storage/segment-files.ts';

/** Segment files that report the end of a sync when it has only begun: the classic lie about durability. */
export function endingSyncsEarly(segments: SegmentFiles): SegmentFiles {
  let underWay = false;
  return {
    list: (prefix) => segments.list(prefix),
    read: (file, position, length) => segments.read(file, position, length),
    truncate: (file, length) => segments.truncate(file, length),
    remove: (file) => segments.remove(file),
    cut: (file, length) => segments.cut(file, length),
    append: (file, bytes) => segments.append(file, bytes),
    sync: (onEnd) => {
      if (!underWay) {
        underWay = true;
        segments.sync(() => (underWay = false));
      }
      onEnd(undefined);
    },
  };
}
