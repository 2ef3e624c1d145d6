import { afterEach, expect, test } from 'vitest';

import { type PlasmaRefusal, type PlasmaRequest, type PlasmaResponse } from '../../../core/plasma/api.ts';
import { exitCodes } from '../../../nodes/exit.ts';
import { PlasmaSession, withPlasma } from '../../../nodes/plasma-tools/session.ts';
import { freePorts } from '../../interop/ports.ts';
import { optionsFor, ScriptedServer } from './scripted-server.ts';

const servers: ScriptedServer[] = [];
const sessions: PlasmaSession[] = [];

afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  for (const server of servers.splice(0)) await server.stop();
});

async function listening(answer: (request: PlasmaRequest) => PlasmaResponse): Promise<ScriptedServer> {
  const server = await ScriptedServer.listen(answer);
  servers.push(server);
  return server;
}

function sessionWith(endpoints: readonly string[], timeoutSeconds?: number): PlasmaSession {
  const session = new PlasmaSession(optionsFor(endpoints.join(','), timeoutSeconds), 'a test');
  sessions.push(session);
  return session;
}

function committed(request: PlasmaRequest): PlasmaResponse {
  const operationId = 'operationId' in request ? request.operationId : '';
  return { kind: 'committed', operationId, revision: 7, vm: undefined };
}

function refusal(code: PlasmaRefusal['code'], leader?: number): PlasmaRefusal {
  return { kind: 'refused', code, message: `it is ${code}`, leader };
}

const cordon = { kind: 'nodeCordon', node: 'n1' } as const;

test('whoever leads is asked, under the same operation id', async () => {
  const follower = await listening(() => refusal('NOT_LEADER', 1));
  const leader = await listening(committed);
  const session = sessionWith([follower.address, leader.address]);
  expect(await session.mutate(cordon)).toMatchObject({ kind: 'committed', revision: 7 });
  await session.mutate(cordon);
  const [first, second] = leader.asked;
  expect(follower.asked).toEqual([first]);
  expect(first).toMatchObject({ ...cordon, project: 'blue' });
  expect(second).not.toEqual(first);
});

test('a leader who is named by his address is asked there, also where he was not named to the command', async () => {
  const follower = await listening(() => refusal('NOT_LEADER', 2));
  const leader = await listening(committed);
  follower.servers = ['10.0.0.1:7070', follower.address, leader.address];
  const session = sessionWith([follower.address]);
  await session.mutate(cordon);
  expect(follower.asked).toEqual(leader.asked);
});

test('what may be asked again is, under the same operation id, until it is done', async () => {
  const said: PlasmaResponse[] = [refusal('UNAVAILABLE'), refusal('TOO_MANY_REQUESTS')];
  const server = await listening((request) => said.shift() ?? committed(request));
  await sessionWith([server.address]).mutate(cordon, 'mine');
  expect(server.asked).toHaveLength(3);
  expect(new Set(server.asked.map((one) => JSON.stringify(one))).size).toBe(1);
  expect(server.asked[0]).toMatchObject({ operationId: 'mine' });
});

test('a refusal that time does not change ends the command with its message', async () => {
  const server = await listening(() => refusal('QUOTA_EXCEEDED'));
  await expect(sessionWith([server.address]).mutate(cordon)).rejects.toMatchObject({
    message: 'refused: it is QUOTA_EXCEEDED',
    exitCode: exitCodes.failed,
  });
  expect(server.asked).toHaveLength(1);
});

test('a server that is not there is passed over', async () => {
  const [port = 0] = await freePorts(1);
  const server = await listening(committed);
  const session = sessionWith([`127.0.0.1:${port}`, server.address]);
  expect(await session.mutate(cordon)).toMatchObject({ kind: 'committed' });
});

test('without an answer a query has failed, and of a change nobody knows', async () => {
  const [port = 0] = await freePorts(1);
  const session = sessionWith([`127.0.0.1:${port}`], 1);
  await expect(session.ask({ kind: 'nodeList' })).rejects.toMatchObject({
    message: expect.stringMatching(/^no answer: /) as string,
    exitCode: exitCodes.failed,
  });
  await expect(session.mutate(cordon)).rejects.toMatchObject({
    message: expect.stringMatching(/^nobody knows whether it was done: /) as string,
    exitCode: exitCodes.unknown,
  });
});

test('a failure names its command', async () => {
  const server = await listening(() => refusal('NOT_FOUND'));
  const asking = withPlasma(optionsFor(server.address), 'photon node cordon', async (session) => {
    await session.mutate(cordon);
  });
  await expect(asking).rejects.toMatchObject({
    message: 'photon node cordon: refused: it is NOT_FOUND',
    exitCode: exitCodes.failed,
  });
});
