import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { Authority, type PemFiles } from '../../../adapters/pki/authority.ts';
import { type ClientCredentials } from '../../../adapters/grpc/client.ts';
import { PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { parseAddress } from '../../../adapters/config/address.ts';
import { type PlasmaEvent, type VmShown } from '../../../core/plasma/api.ts';
import { ConsoleResponse, nodeConsolePath, NodeConsoleRequest } from '../../../core/plasma/wire/console.ts';
import { clientRequest, nodeRequest } from '../../../nodes/pki/requests.ts';
import { Cluster, photonFile } from '../cluster.ts';
import { type CommandResult, LiveCommand, runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';
import { describeWith } from '../requirement.ts';
import { PlasmaProcess } from './plasma-process.ts';
import { bootDisk } from './qemu-subject.ts';

const days = 2;
const hosts = ['127.0.0.1', 'localhost'];
const pollOptions = { timeout: 60_000, interval: 50 };

describeWith(['qemu-system-x86_64', 'qemu-img'], 'a control plane over mutual TLS', () => {
  let chainfire: Cluster;
  let server: PlasmaProcess;
  let agent: PlasmaProcess;
  let ours: Authority;
  let endpoint = '';
  let agentListens = '';
  let ports: readonly string[];
  const further: PlasmaProcess[] = [];

  function ownFiles(name: string): PemFiles {
    return ours.issue(name, nodeRequest({ system: 'plasma', node: name }, hosts, days));
  }

  const trust = (files: PemFiles, ca = ours.certFile): readonly string[] => [
    ...['--cert-file', files.certFile, '--key-file', files.keyFile, '--trusted-ca-file', ca],
  ];

  function agentNamed(name: string, listen: string, metrics: string, tls: readonly string[]): PlasmaProcess {
    return new PlasmaProcess(
      ...['plasma', 'agent', '--name', name, '--data-dir', join(chainfire.dir, name), '--listen', listen],
      ...[
        '--listen-metrics',
        metrics,
        '--servers',
        endpoint,
        '--accelerator',
        'tcg',
        '--on-stop',
        'kill',
        ...tls,
      ],
    );
  }

  beforeAll(async () => {
    let files: PemFiles | undefined;
    chainfire = await Cluster.start(1, ({ dataDir }) => {
      ours ??= Authority.create(join(dataDir, '..', 'pki'), 'ours', days);
      files ??= ours.issue('a', nodeRequest({ system: 'chainfire', node: 'a' }, hosts, days));
      return [...trust(files), '--client-cert-auth', 'true'];
    });
    ports = (await freePorts(10)).map((port) => `127.0.0.1:${port}`);
    const [listen = '', metrics = '', agentListen = '', agentMetrics = ''] = ports;
    endpoint = listen;
    agentListens = agentListen;
    server = new PlasmaProcess(
      ...['plasma', 'server', '--name', 's', '--data-dir', join(chainfire.dir, 's'), '--listen', listen],
      ...[
        '--listen-metrics',
        metrics,
        '--chainfire',
        chainfire.endpoints,
        '--chainfire-ca-file',
        ours.certFile,
      ],
      ...['--operators', 'root', ...trust(ownFiles('s'))],
    );
    await server.start();
    agent = agentNamed('n1', agentListen, agentMetrics, trust(ownFiles('n1')));
    await agent.start();
    for (const user of ['root', 'alice', 'mallory']) ours.issue(user, clientRequest(user, days));
    writeFileSync(join(chainfire.dir, 'tick.raw'), bootDisk());
  });

  afterEach(async () => {
    await Promise.all(further.splice(0).map((one) => one.end('SIGTERM')));
  });

  afterAll(async () => {
    await agent.end('SIGTERM');
    await server.end('SIGKILL');
    await chainfire.remove();
  });

  const pki = (name: string): string => join(chainfire.dir, 'pki', name);

  function flagsOf(user: string): readonly string[] {
    return ['--cacert', ours.certFile, '--cert', pki(`${user}.crt`), '--key', pki(`${user}.key`)];
  }

  /** As a user, in a project. */
  function photon(user: string, project: string, ...args: readonly string[]): Promise<CommandResult> {
    const flags = ['--endpoints', endpoint, '--project', project, '--timeout', '20', ...flagsOf(user)];
    return runCommand(process.execPath, [photonFile, ...args, ...flags]);
  }

  async function eventsOf(project: string): Promise<readonly PlasmaEvent[]> {
    const { stdout } = await photon('root', project, 'vm', 'events', '--json');
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PlasmaEvent);
  }

  test('a user works in the project of his own name, from the image to the console', async () => {
    const { stdout, ...rest } = await photon(
      'alice',
      'alice',
      'image',
      'import',
      join(chainfire.dir, 'tick.raw'),
    );
    expect({ ...rest, digests: /sha256:/.test(stdout) }).toEqual({ code: 0, stderr: '', digests: true });
    const created = await photon(
      'alice',
      'alice',
      'vm',
      'create',
      'web',
      '--image',
      'tick',
      '--memory',
      '16M',
    );
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const state = async (): Promise<string> =>
      (JSON.parse((await photon('alice', 'alice', 'vm', 'show', 'web')).stdout) as VmShown).state;
    await expect.poll(state, pollOptions).toBe('running');
    const asked = [
      'vm',
      'console',
      'web',
      '--endpoints',
      endpoint,
      '--project',
      'alice',
      ...flagsOf('alice'),
    ];
    const console = new LiveCommand(process.execPath, [photonFile, ...asked], {});
    await console.until((said) => said.includes('t 00000003'));
    await console.end('SIGKILL');
    expect(await eventsOf('alice')).toContainEqual(
      expect.objectContaining({ what: 'vmCreate', by: 'photon://user/alice' }) as unknown,
    );
    expect(await photon('alice', 'alice', 'vm', 'delete', 'web')).toMatchObject({ code: 0, stderr: '' });
  });

  test('a user without rights is refused, by name and reason, and that is written down', async () => {
    const refused = await photon('mallory', 'alice', 'vm', 'create', 'mine', '--no-start');
    const reason = 'mallory may ask for the project mallory, not for alice';
    expect(refused).toEqual({ code: 1, stdout: '', stderr: `photon vm create: refused: ${reason}\n` });
    const cordon = await photon('mallory', 'mallory', 'node', 'cordon', 'n1');
    expect(cordon).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('only operators may ask for nodeCordon') as string,
    });
    const listed = await photon('mallory', 'alice', 'vm', 'list');
    expect(listed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(reason) as string });
    expect(await eventsOf('alice')).toContainEqual(
      expect.objectContaining({
        ...{ what: 'denied', by: 'photon://user/mallory', message: `vmCreate: ${reason}` },
      }) as unknown,
    );
    expect(JSON.parse((await photon('root', 'alice', 'vm', 'list', '--json')).stdout)).not.toContainEqual(
      expect.objectContaining({ spec: expect.objectContaining({ name: 'mine' }) as unknown }) as unknown,
    );
  });

  test('an agent that shows another name than that for which it speaks is refused, says so, and is no node', async () => {
    const [, , , , listen = '', metrics = ''] = ports;
    const impostor = agentNamed('n2', listen, metrics, trust(ownFiles('other')));
    further.push(impostor);
    impostor.launch();
    const unready = async (): Promise<string> => {
      const answer = await fetch(`http://${metrics}/ready`).catch(() => undefined);
      return answer === undefined ? '' : answer.text();
    };
    await expect
      .poll(unready, pollOptions)
      .toContain('register: PERMISSION_DENIED: other may not speak for n2');
    await expect.poll(() => impostor.log, pollOptions).toContain('other may not speak for n2');
    const nodes = JSON.parse((await photon('root', 'root', 'node', 'list', '--json')).stdout) as {
      name: string;
    }[];
    expect(nodes.map(({ name }) => name)).toEqual(['n1']);
  });

  test('an agent, or a user, of another authority is not let in, and who speaks plain text neither', async () => {
    const others = Authority.create(join(chainfire.dir, 'others'), 'others', days);
    const files = others.issue('root', clientRequest('root', days));
    const [, , , , , , listen = '', metrics = ''] = ports;
    const foreign = others.issue('n3', nodeRequest({ system: 'plasma', node: 'n3' }, hosts, days));
    const stranger = agentNamed('n3', listen, metrics, trust(foreign, ours.certFile));
    further.push(stranger);
    stranger.launch();
    const unready = async (): Promise<string> => {
      const answer = await fetch(`http://${metrics}/ready`).catch(() => undefined);
      return answer === undefined ? '' : answer.text();
    };
    await expect.poll(unready, pollOptions).toMatch(/register: UNAVAILABLE|register: DEADLINE/);
    const asked = [photonFile, 'node', 'list', '--endpoints', endpoint, '--timeout', '2'];
    const pem = ['--cacert', ours.certFile, '--cert', files.certFile, '--key', files.keyFile];
    expect(await runCommand(process.execPath, [...asked, ...pem])).toMatchObject({ code: 1, stdout: '' });
    expect(await runCommand(process.execPath, [...asked, '--cacert', ours.certFile])).toMatchObject({
      code: 1,
      stdout: '',
    });
    const plain = await runCommand(process.execPath, asked);
    expect(plain).toMatchObject({ code: 1, stdout: '' });
    expect(plain.stderr).toMatch(/^photon node list: no answer: UNAVAILABLE/);
    const nodes = JSON.parse((await photon('root', 'root', 'node', 'list', '--json')).stdout) as {
      name: string;
    }[];
    expect(nodes.map(({ name }) => name)).toEqual(['n1']);
  });

  test('an agent gives its consoles to processes of PlasmaVMC alone', async () => {
    const address = parseAddress(agentListens);
    if (address === undefined) throw new Error('it listens somewhere');
    for (const tls of [undefined, credentials('alice')]) {
      const client = new PlasmaClient({ address, tls });
      await expect(consoleOf(client)).rejects.toThrow(
        tls === undefined ? /UNAVAILABLE/ : /PERMISSION_DENIED: alice may ask for the project alice/,
      );
      client.close();
    }
  });

  async function consoleOf(client: PlasmaClient): Promise<void> {
    const stream = client.stream(nodeConsolePath, NodeConsoleRequest, ConsoleResponse);
    await stream.write({ vm: `vm-${'0'.repeat(32)}`, fenceToken: 1, input: new Uint8Array(0) });
    for await (const said of stream.responses) throw new Error(`it says ${said.output.length} bytes`);
  }

  function credentials(user: string): ClientCredentials {
    const [ca, cert, key] = [ours.certFile, pki(`${user}.crt`), pki(`${user}.key`)].map((file) =>
      readFileSync(file),
    );
    return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  }
});
