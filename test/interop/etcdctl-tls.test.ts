import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Authority, type PemFiles } from '../../adapters/pki/authority.ts';
import { clientRequest, nodeRequest } from '../../nodes/pki/requests.ts';
import { Cluster } from './cluster.ts';
import { etcdctl } from './command.ts';
import { recordCompared } from './compared-commands.ts';
import { type EtcdServer, startEtcd } from './etcd-server.ts';
import { describeWith } from './requirement.ts';

const days = 2;

describeWith(['etcdctl', 'etcd'], 'etcdctl over TLS cannot tell a Chainfire member from etcd', () => {
  let dir: string;
  let cluster: Cluster;
  let etcd: EtcdServer;
  let authority: Authority;
  let foreign: Authority;
  let operator: PemFiles;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'photon-etcdctl-tls-'));
    authority = Authority.create(join(dir, 'ours'), 'ours', days);
    foreign = Authority.create(join(dir, 'others'), 'others', days);
    operator = authority.issue('operator', clientRequest('operator', days));
    const { certFile, keyFile } = authority.issue(
      'a',
      nodeRequest({ system: 'chainfire', node: 'a' }, ['127.0.0.1'], days),
    );
    const flags = [
      ...['--cert-file', certFile, '--key-file', keyFile],
      ...['--trusted-ca-file', authority.certFile],
    ];
    etcd = await startEtcd([...flags, '--client-cert-auth']);
    cluster = await Cluster.start(1, [...flags, '--client-cert-auth', 'true']);
  });
  afterAll(async () => {
    await Promise.all([cluster?.remove(), etcd?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  test('certificates that are good, that are missing, that are others’, and none at all', async () => {
    cluster.showLogsOnFailure();
    const showing = ['--cert', operator.certFile, '--key', operator.keyFile];
    const trusting = ['--cacert', authority.certFile];
    const stranger = foreign.issue('operator', clientRequest('operator', days));
    const shortly = ['--command-timeout=3s'];
    const transcript: readonly (readonly string[])[] = [
      [...trusting, ...showing, 'put', 'k', 'v'],
      [...trusting, ...showing, 'get', 'k'],
      [...trusting, ...showing, '--insecure-transport=false', 'get', 'k', '--hex'],
      ['--insecure-skip-tls-verify', ...showing, 'get', 'k'],
      [
        ...trusting,
        ...showing,
        '--keepalive-time=1s',
        '--keepalive-timeout=2s',
        '--dial-timeout=4s',
        'get',
        'k',
      ],
      [...trusting, ...showing, '--debug', 'get', 'k'],
      [...trusting, 'get', 'k', ...shortly],
      [...showing, 'get', 'k', ...shortly],
      ['--cacert', foreign.certFile, ...showing, 'get', 'k', ...shortly],
      [...trusting, '--cert', stranger.certFile, '--key', stranger.keyFile, 'get', 'k', ...shortly],
      [...trusting, '--cert', operator.certFile, '--key', stranger.keyFile, 'get', 'k'],
      [...trusting, '--cert', operator.certFile, 'get', 'k'],
      ['--cacert', '/no/such/file', ...showing, 'get', 'k'],
    ];
    const play = (endpoint: string): Promise<readonly object[]> =>
      Promise.all(
        transcript.slice(1).map(async (args) => {
          const { code, stdout, stderr } = await etcdctl(endpoint, args);
          const lines = stderr.split('\n').filter((line) => line.startsWith('Error'));
          return { args, code, stdout, lines };
        }),
      );
    const [put = []] = transcript;
    for (const endpoint of [cluster.endpoints, etcd.endpoint]) {
      expect(await etcdctl(`https://${endpoint}`, put)).toMatchObject({ code: 0 });
    }
    const [ours, theirs] = await Promise.all([
      play(`https://${cluster.endpoints}`),
      play(`https://${etcd.endpoint}`),
    ]);
    expect(ours).toEqual(theirs);
    recordCompared(transcript.map((args, at) => ({ args, worked: at < 6 })));
    expect(ours.slice(0, 5)).toMatchObject(Array.from({ length: 5 }, () => ({ code: 0 })));
  });
});
