import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { KafkaCluster } from '../../../adapters/kafka/client/cluster.ts';
import { freePorts } from '../ports.ts';

/** Where the benchmark of brokers keeps Apache Kafka, once it has fetched it; elsewhere: the environment says. */
const libraries =
  process.env['PHOTON_KAFKA_LIBS'] ??
  fileURLToPath(new URL('../../../node_modules/.cache/kafka-peer/libs', import.meta.url));

const clusterId = 'cGhvdG9uLXR3aW5zLTAwMQ';
const startsWithinMs = 120_000;

/** Why Apache Kafka cannot run here; undefined: it can. */
export function kafkaMissing(): string | undefined {
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0) return 'java is not installed';
  const isThere = existsSync(libraries) && readdirSync(libraries).some((file) => file.startsWith('kafka_'));
  return isThere ? undefined : `Apache Kafka is not in ${libraries}`;
}

/** One broker of Apache Kafka, its own controller, in a directory and on ports of its own. */
export class ApacheKafka {
  readonly address: string;
  readonly #stop: () => Promise<void>;

  private constructor(address: string, stop: () => Promise<void>) {
    this.address = address;
    this.#stop = stop;
  }

  static async start(settings: readonly string[] = []): Promise<ApacheKafka> {
    const dir = mkdtempSync(join(tmpdir(), 'photon-kafka-'));
    const [client = 0, controller = 0] = await freePorts(2);
    const file = join(dir, 'server.properties');
    writeFileSync(
      file,
      [
        'process.roles=broker,controller',
        'node.id=1',
        `controller.quorum.voters=1@127.0.0.1:${controller}`,
        `listeners=PLAINTEXT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${controller}`,
        'controller.listener.names=CONTROLLER',
        'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
        `log.dirs=${join(dir, 'logs')}`,
        'offsets.topic.replication.factor=1',
        'offsets.topic.num.partitions=3',
        'transaction.state.log.replication.factor=1',
        'transaction.state.log.min.isr=1',
        'group.initial.rebalance.delay.ms=0',
        ...settings,
        '',
      ].join('\n'),
    );
    const java = ['-Xmx512m', '-cp', join(libraries, '*')];
    const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file];
    const { status, stderr } = spawnSync('java', [...java, ...format], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`Kafka's directory cannot be made: ${stderr}`);
    const child = spawn('java', [...java, 'kafka.Kafka', file], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    const stop = async (): Promise<void> => {
      child.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    };
    const cluster = new KafkaCluster({
      bootstrap: [{ host: '127.0.0.1', port: client }],
      clientId: 'waiting',
      timeoutMs: startsWithinMs,
    });
    try {
      await cluster.refresh();
    } catch (error) {
      await stop();
      throw error;
    } finally {
      cluster.close();
    }
    return new ApacheKafka(`127.0.0.1:${client}`, stop);
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
