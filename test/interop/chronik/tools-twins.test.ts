import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Cluster, photonFile } from '../cluster.ts';
import { type CommandResult, runCommand } from '../command.ts';
import { ApacheKafka, kafkaMissing } from './apache-kafka.ts';

/** What a user types: the same comes back from Chronik and from Apache Kafka. */
const session: readonly (readonly [args: readonly string[], input?: string])[] = [
  [['topic', 'create', 'orders', 'payments', '--partitions', '3', '--config', 'retention.ms=86400000']],
  [['topic', 'create', 'orders']],
  [['topic', 'create', 'orders', '--if-not-exists']],
  [['topic', 'create', 'no spaces']],
  [['topic', 'create', 'none', '--replication-factor', '2']],
  [['topic', 'create', 'wrong', '--config', 'retention.ms=soon']],
  [['topic', 'create', 'unknown', '--config', 'colour=blue']],
  [['topic', 'list']],
  [['topic', 'describe', 'orders']],
  [['topic', 'describe', 'nowhere']],
  [['topic', 'alter', 'orders', '--partitions', '4', '--config', 'min.insync.replicas=1']],
  [['topic', 'alter', 'orders', '--partitions', '4']],
  [['topic', 'alter', 'orders', '--config', 'cleanup.policy=burn']],
  [['topic', 'alter', 'orders', '--delete-config', 'retention.ms']],
  [['topic', 'describe', 'orders']],
  [['produce', 'orders', 'first', '--record-key', 'k1', '--header', 'a=b']],
  [['produce', 'orders', '--key-separator', ':', '--compression', 'gzip'], 'k2:x\nk3:y\nk1:z'],
  [['produce', 'orders', 'leader only', '--partition', '2', '--acks', '1']],
  [['produce', 'orders', 'nobody', '--partition', '2', '--acks', '0']],
  [['produce', 'orders', 'astray', '--partition', '9']],
  [['produce', 'nowhere', 'lost']],
  [['produce', 'orders', '--partition', '0'], 'x'.repeat(2_000_000)],
  [['produce', 'orders', '--delete-key', 'k1']],
  [['consume', 'orders', '--until-end', '--keys', '--partition', '1']],
  [['consume', 'orders', '--partition', '0', '--from', '50']],
  [['consume', 'nowhere', '--until-end']],
  [['consume', 'orders', '--group', 'billing', '--partition', '0']],
  [['group', 'list']],
  [['group', 'describe', 'billing']],
  [['group', 'delete', 'billing']],
  [['group', 'reset-offsets', 'billing', '--topic', 'orders', '--to', '1']],
  [['group', 'describe', 'billing']],
  [['group', 'list']],
  [['group', 'reset-offsets', 'billing', '--topic', 'orders:7', '--to', 'end']],
  [['group', 'delete', 'billing', 'nobody']],
  [['acl', 'list']],
  [['acl', 'user', 'set', 'alice:secret']],
  [['acl', 'user', 'list']],
  [['acl', 'user', 'remove', 'alice']],
  [['acl', 'user', 'remove', 'alice']],
  [['reassign', 'start', 'orders', '--to', '1']],
  [['reassign', 'start', 'orders:0', '--replicas', '7']],
  [['reassign', 'status']],
  [['reassign', 'cancel', 'orders:0']],
  [['topic', 'delete', 'payments', 'nowhere']],
  [['topic', 'list']],
];

/** Ids differ, and so do the words with which a broker explains an error; its name and whom it concerns do not. */
function comparable({ code, stdout, stderr }: CommandResult): unknown {
  return {
    code,
    stdout: stdout.replaceAll(/\b[0-9a-f]{32}\b/g, 'ID'),
    stderr: stderr.trim().replaceAll(/([A-Z][A-Z_]{5,}): .*?(?=; \S+: [A-Z_]{6}|$)/g, '$1'),
  };
}

// No Debian package holds it: where it has never been fetched, nobody can be blamed.
const missing = kafkaMissing();
const reason = missing === undefined ? '' : ` [skipped: ${missing}]`;

describe.skipIf(missing !== undefined)(`the command line against Apache Kafka${reason}`, () => {
  let chronik: Cluster;
  let kafka: ApacheKafka;

  beforeAll(async () => {
    [chronik, kafka] = await Promise.all([
      Cluster.start(1, ['--group-initial-rebalance-delay-ms', '0'], 'chronik'),
      ApacheKafka.start(),
    ]);
  });
  afterAll(() => Promise.all([chronik.remove(), kafka.stop()]));

  test('a session looks the same', async () => {
    chronik.showLogsOnFailure();
    const ask = async (brokers: string) => {
      const answers: [string, unknown][] = [];
      for (const [args, input] of session) {
        const result = await runCommand(process.execPath, [photonFile, ...args, '--brokers', brokers], {
          input,
        });
        answers.push([args.join(' '), comparable(result)]);
      }
      return answers;
    };
    const [own, theirs] = await Promise.all([ask(chronik.endpoints), ask(kafka.address)]);
    expect(own).toEqual(theirs);
  });
});
