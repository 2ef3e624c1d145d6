import { Kafka, logLevel } from 'kafkajs';

export interface NewTopic {
  readonly partitions: number;
  /** Default: 3. */
  readonly replicas?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

/** A client of kafkajs that keeps its log to itself. */
export function kafkaClient(endpoints: string, clientId: string): Kafka {
  return new Kafka({
    clientId,
    brokers: endpoints.split(','),
    logLevel: logLevel.NOTHING,
    retry: { retries: 10 },
  });
}

/** Makes a topic and waits until every partition of it has a leader. */
export async function createTopic(
  endpoints: string,
  topic: string,
  { partitions, replicas = 3, configs = {} }: NewTopic,
): Promise<void> {
  const admin = kafkaClient(endpoints, 'topics').admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic,
          numPartitions: partitions,
          replicationFactor: replicas,
          configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
        },
      ],
    });
  } finally {
    await admin.disconnect();
  }
}
