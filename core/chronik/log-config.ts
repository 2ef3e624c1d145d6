import { type LogConfig, defaultLogConfig } from './log/config.ts';
import { type TopicConfig } from './metadata/topic-config.ts';

/** What a topic's configuration means to the logs of its partitions. */
export function logConfigOf(topic: TopicConfig): LogConfig {
  return {
    ...defaultLogConfig,
    segmentBytesMax: topic.segmentBytes,
    segmentMsMax: topic.segmentMs,
    messageBytesMax: topic.maxMessageBytes,
    timestampType: topic.messageTimestampType === 'CreateTime' ? 'createTime' : 'logAppendTime',
    deletes: topic.cleanup.delete,
    compacts: topic.cleanup.compact,
    retentionMs: unbounded(topic.retentionMs),
    retentionBytes: unbounded(topic.retentionBytes),
    deleteRetentionMs: topic.deleteRetentionMs,
    minCompactionLagMs: topic.minCompactionLagMs,
    maxCompactionLagMs: topic.maxCompactionLagMs,
    minCleanableDirtyPercent: topic.minCleanableDirtyPercent,
  };
}

/** −1 is Kafka's way to say that there is no bound. */
function unbounded(value: number): number {
  return value < 0 ? Infinity : value;
}
