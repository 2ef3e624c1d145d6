import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type BrokerPlace, type ClusterKind } from './clusters.ts';

const pom = fileURLToPath(new URL('pom.xml', import.meta.url));
const cacheDir = fileURLToPath(new URL('../../../node_modules/.cache/kafka-peer', import.meta.url));
const clusterId = 'cGhvdG9uLWJlbmNoLTAwMQ';

/** @returns the folder with Apache Kafka's jars, fetched with Maven the first time; or why there is none */
export function kafkaLibraries(): { readonly dir: string } | { readonly missing: string } {
  for (const program of ['java', 'mvn']) {
    if (spawnSync(program, ['-version']).status !== 0) return { missing: `${program} is not installed` };
  }
  const dir = join(cacheDir, 'libs');
  if (existsSync(dir) && readdirSync(dir).some((file) => file.startsWith('kafka_'))) return { dir };
  mkdirSync(dir, { recursive: true });
  const { status, stdout } = spawnSync(
    'mvn',
    ['-q', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${dir}`],
    { encoding: 'utf8' },
  );
  return status === 0 ? { dir } : { missing: `Maven cannot fetch it: ${stdout.trim().split('\n')[0] ?? ''}` };
}

/**
 * Apache Kafka in KRaft mode, every node broker and controller.
 *
 * @param flush `always`: each append is on the disk before it is acknowledged, as Chronik has it; `never`: Kafka's own default
 */
export function kafka(libraries: string, flush: 'always' | 'never'): ClusterKind {
  return {
    name: flush === 'always' ? 'Kafka 3.9, fsync' : 'Kafka 3.9, no fsync',
    prepare: (place, all) => {
      const file = join(place.dir, 'server.properties');
      mkdirSync(place.dir, { recursive: true });
      writeFileSync(file, properties(place, all, flush));
      const { status, stderr } = spawnSync(
        'java',
        [...javaOptions(libraries), 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file],
        { encoding: 'utf8' },
      );
      if (status !== 0) throw new Error(`Kafka's directory cannot be made: ${stderr}`);
    },
    command: (place) => [
      'java',
      ...javaOptions(libraries),
      'kafka.Kafka',
      join(place.dir, 'server.properties'),
    ],
    followsParent: false,
  };
}

function javaOptions(libraries: string): readonly string[] {
  return ['-Xmx1g', '-Xms512m', '-XX:+UseG1GC', '-cp', join(libraries, '*')];
}

function properties(place: BrokerPlace, all: readonly BrokerPlace[], flush: 'always' | 'never'): string {
  const lines = [
    'process.roles=broker,controller',
    `node.id=${place.id}`,
    `controller.quorum.voters=${all.map(({ id, peer }) => `${id}@${peer}`).join(',')}`,
    `listeners=PLAINTEXT://${place.client},CONTROLLER://${place.peer}`,
    `advertised.listeners=PLAINTEXT://${place.client}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${join(place.dir, 'logs')}`,
    'offsets.topic.replication.factor=3',
    'auto.create.topics.enable=true',
    'num.partitions=6',
    'default.replication.factor=3',
    'min.insync.replicas=2',
    'group.initial.rebalance.delay.ms=0',
  ];
  if (flush === 'always') lines.push('log.flush.interval.messages=1');
  return `${lines.join('\n')}\n`;
}
