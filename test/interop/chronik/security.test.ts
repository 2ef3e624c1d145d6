import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from 'kafkajs';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Authority, type PemFiles } from '../../../adapters/pki/authority.ts';
import { clientRequest, nodeRequest } from '../../../nodes/pki/requests.ts';
import { Cluster } from '../cluster.ts';
import { type CommandResult, runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';
import { describeWith } from '../requirement.ts';

const days = 2;
const hosts = ['127.0.0.1', 'localhost'];

/** What kcat is told: names and values of librdkafka's configuration. */
type Properties = Readonly<Record<string, string>>;

describeWith(['kcat'], 'brokers that ask who it is', () => {
  let dir: string;
  let cluster: Cluster;
  let authority: Authority;
  let operator: PemFiles;
  let foreign: PemFiles;
  const ports = new Map<string, readonly number[]>();

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-kafka-security-'));
    authority = Authority.create(join(dir, 'ours'), 'ours', days);
    const other = Authority.create(join(dir, 'others'), 'others', days);
    operator = authority.issue('operator', clientRequest('operator', days));
    foreign = other.issue('operator', clientRequest('operator', days));
    const users = join(dir, 'users');
    writeFileSync(users, 'admin:of everything\nalice:in wonderland\n');
    for (const name of ['a', 'b', 'c']) ports.set(name, await freePorts(3));
    const certificates = new Map(
      ['a', 'b', 'c'].map((name) => [
        name,
        authority.issue(name, nodeRequest({ system: 'chronik', node: name }, hosts, days)),
      ]),
    );
    cluster = await Cluster.start(
      3,
      ({ name, client }) => {
        const [tls, login, both] = ports.get(name) ?? [];
        const { certFile = '', keyFile = '' } = certificates.get(name) ?? {};
        const at = (port = 0): string => `127.0.0.1:${port}`;
        return [
          '--listen-client',
          `${client},tls://${at(tls)},sasl_plaintext://${at(login)},LOGIN=sasl_tls://${at(both)}`,
          ...['--cert-file', certFile, '--key-file', keyFile, '--trusted-ca-file', authority.certFile],
          ...['--client-cert-auth', 'true', '--sasl-users-file', users],
          ...['--peer-cert-file', certFile, '--peer-key-file', keyFile],
          ...['--peer-trusted-ca-file', authority.certFile],
          ...['--authorization', 'true', '--super-users', 'User:admin,User:operator'],
        ];
      },
      'chronik',
    );
  });
  afterAll(async () => {
    await cluster?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  const listener = (position: number): string =>
    [...ports.values()].map((own) => `127.0.0.1:${own[position] ?? 0}`).join(',');
  const overTls = (): Properties => ({ 'ssl.ca.location': authority.certFile });
  const showing = ({ certFile, keyFile }: PemFiles): Properties => ({
    'security.protocol': 'ssl',
    'ssl.certificate.location': certFile,
    'ssl.key.location': keyFile,
  });
  const login = (mechanism: string, user: string, password: string): Properties => ({
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanism': mechanism,
    'sasl.username': user,
    'sasl.password': password,
  });
  const kcat = (
    endpoints: string,
    properties: Properties,
    args: readonly string[],
    input?: string,
  ): Promise<CommandResult> => {
    const flags = Object.entries(properties).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
    return runCommand('kcat', ['-b', endpoints, ...flags, ...args], { input });
  };

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'who logs in by %s writes and reads, in the clear and over TLS, and is sent on over the same listener',
    async (mechanism) => {
      cluster.showLogsOnFailure();
      const topic = `by-${mechanism}`;
      const admin = login(mechanism, 'admin', 'of everything');
      expect(await kcat(listener(1), admin, ['-P', '-t', topic, '-X', 'acks=all'], 'clear\n')).toMatchObject({
        code: 0,
      });
      const secure = { ...admin, ...overTls(), 'security.protocol': 'sasl_ssl' };
      expect(
        await kcat(listener(2), secure, ['-P', '-t', topic, '-X', 'acks=all'], 'secret\n'),
      ).toMatchObject({ code: 0 });
      expect(await kcat(listener(2), secure, ['-C', '-t', topic, '-e', '-q'])).toMatchObject({
        code: 0,
        stdout: 'clear\nsecret\n',
      });
      const { stdout } = await kcat(listener(2), secure, ['-L', '-J']);
      const { brokers } = JSON.parse(stdout) as { brokers: readonly { name: string }[] };
      expect(brokers.map(({ name }) => name).toSorted()).toEqual(listener(2).split(',').toSorted());
    },
  );

  test.each([
    ['PLAIN', 'admin', 'of nothing'],
    ['SCRAM-SHA-256', 'admin', 'of nothing'],
    ['SCRAM-SHA-512', 'nobody', 'of everything'],
  ])('by %s, %s with the password %j is not let in', async (mechanism, user, password) => {
    const { code, stderr } = await kcat(listener(1), login(mechanism, user, password), ['-L', '-m', '3']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/[Aa]uthentication failed/);
  });

  test('a certificate of our authority is enough, one of another is not, and none is not', async () => {
    cluster.showLogsOnFailure();
    const ours = { ...overTls(), ...showing(operator) };
    expect(
      await kcat(listener(0), ours, ['-P', '-t', 'by-certificate', '-X', 'acks=all'], 'shown\n'),
    ).toMatchObject({ code: 0 });
    expect(await kcat(listener(0), ours, ['-C', '-t', 'by-certificate', '-e', '-q'])).toMatchObject({
      stdout: 'shown\n',
    });
    expect((await kcat(listener(0), { ...overTls(), ...showing(foreign) }, ['-L', '-m', '2'])).code).toBe(1);
    expect(
      (await kcat(listener(0), { ...overTls(), 'security.protocol': 'ssl' }, ['-L', '-m', '2'])).code,
    ).toBe(1);
  });

  test('what no list allows is refused, until one does; who has not logged in is nobody', async () => {
    cluster.showLogsOnFailure();
    const password = 'of everything';
    const kafka = new Kafka({
      brokers: listener(2).split(','),
      logLevel: logLevel.NOTHING,
      ssl: { ca: [readFileSync(authority.certFile, 'utf8')] },
      sasl: { mechanism: 'scram-sha-512', username: 'admin', password },
    });
    const admin = kafka.admin();
    await admin.connect();
    try {
      await admin.createTopics({ topics: [{ topic: 'guarded', numPartitions: 1 }], waitForLeaders: true });
      const alice = login('SCRAM-SHA-256', 'alice', 'in wonderland');
      const produce = (properties: Properties, endpoints: string): Promise<CommandResult> =>
        kcat(
          endpoints,
          { ...properties, 'message.timeout.ms': '3000' },
          ['-P', '-t', 'guarded'],
          'from her\n',
        );
      expect((await produce(alice, listener(1))).code).toBe(1);
      expect((await produce({}, cluster.endpoints)).code).toBe(1);
      await admin.createAcls({
        acl: [AclOperationTypes.WRITE, AclOperationTypes.DESCRIBE].map((operation) => ({
          resourceType: AclResourceTypes.TOPIC,
          resourceName: 'guarded',
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: 'User:alice',
          host: '*',
          operation,
          permissionType: AclPermissionTypes.ALLOW,
        })),
      });
      await expect.poll(async () => (await produce(alice, listener(1))).code, { timeout: 20_000 }).toBe(0);
      expect((await produce({}, cluster.endpoints)).code).toBe(1);
      expect((await kcat(listener(1), alice, ['-C', '-t', 'guarded', '-e', '-q'])).stdout).toBe('');
    } finally {
      await admin.disconnect();
    }
  });
});
