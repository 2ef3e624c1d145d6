import { type Offset } from '../types.ts';
import { type LogConfig } from './config.ts';
import { type LogSegment } from './segment.ts';

/**
 * Segments that retention gives up, oldest first: whole ones, wholly below the high watermark. By size never the last one, which
 * is written to; by time that, too, so that what nobody adds to is forgotten as well.
 *
 * Source: Kafka documentation, retention.ms, retention.bytes.
 */
export function expiredSegments(
  segments: readonly LogSegment[],
  config: LogConfig,
  { wallMs, highWatermark }: { readonly wallMs: number; readonly highWatermark: Offset },
): readonly LogSegment[] {
  if (!config.deletes) return [];
  let bytes = 0;
  for (const { lengthBytes } of segments) bytes += lengthBytes;
  const expired: LogSegment[] = [];
  for (const segment of segments) {
    if (segment.endOffset > highWatermark) break;
    const { maxTimestampMs, lengthBytes } = segment;
    const tooOld = maxTimestampMs >= 0 && wallMs - maxTimestampMs > config.retentionMs;
    const tooMuch = bytes - lengthBytes >= config.retentionBytes && segment !== segments.at(-1);
    if (!tooOld && !tooMuch) break;
    expired.push(segment);
    bytes -= lengthBytes;
  }
  return expired;
}
