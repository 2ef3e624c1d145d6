import { afterAll, beforeAll, expect, test } from 'vitest';

import { type CommandResult, etcdctl } from './command.ts';
import { fieldsOf } from './protobuf-shape.ts';
import { describeWith } from './requirement.ts';
import { type Side, Twins } from './twins.ts';

const formats = ['simple', 'json', 'fields', 'protobuf', 'table'];

describeWith(
  ['etcdctl', 'etcd'],
  'etcdctl, asking every member, cannot tell three of Chainfire from three etcds',
  () => {
    let twins: Twins;
    beforeAll(async () => {
      twins = await Twins.start([], [], 3);
      // A store that has held nothing has no size and no hash.
      for (const endpoints of [twins.cluster.endpoints, twins.etcd.endpoint]) {
        expect(await etcdctl(endpoints, ['put', 'first', 'key'])).toMatchObject({ code: 0 });
      }
    });
    afterAll(() => twins?.stop());

    test.each(
      [
        ['endpoint', 'health'],
        ['endpoint', 'status'],
        ['endpoint', 'hashkv'],
        ['member', 'list'],
      ].map((command) => [command.join(' '), command] as const),
    )(
      '%s of the members that are named, and of those that they name, in every format',
      async (_, command) => {
        await twins.same(async (side) => {
          const said = [];
          for (const format of formats) {
            said.push(inShape(await side.run(...command, '-w', format)));
            if (command[0] === 'endpoint')
              said.push(inShape(await side.at().run(...command, '--cluster', '-w', format)));
          }
          return said;
        });
      },
    );

    test('members that are not there are named, and the others answer', async () => {
      await twins.same((side) => {
        const some = side.at(`127.0.0.1:1,${side.endpoints}`);
        const ask = async (at: Side, ...args: readonly string[]): Promise<object> =>
          inShape(await at.run(...args, '--command-timeout=5s'));
        return Promise.all([
          ask(some, 'endpoint', 'health'),
          ask(some, 'endpoint', 'status'),
          ask(some, 'endpoint', 'hashkv'),
          ask(some, 'defrag'),
          ask(side.at('127.0.0.1:1'), 'endpoint', 'status', '--cluster'),
        ]);
      });
    });

    test('defrag of every member that the cluster has', async () => {
      await twins.same(async (side) => inShape(await side.at().run('defrag', '--cluster')));
    });

    test('leadership is handed to the member that is named, if it is asked of the leader, and back', async () => {
      await twins.same(async (side) => {
        const leader = await roleOf(side, 'leader');
        const follower = await roleOf(side, 'follower');
        const said = [
          await side.at(follower.endpoint).run('move-leader', leader.id).then(inShape),
          await side.run('move-leader', follower.id).then(inShape),
        ];
        const next = await roleOf(side, 'leader');
        expect(next).toEqual(follower);
        said.push(await side.at(next.endpoint).run('move-leader', leader.id).then(inShape));
        expect(await roleOf(side, 'leader')).toEqual(leader);
        for (const id of ['no hex', '1234']) said.push(inShape(await side.run('move-leader', id)));
        said.push(inShape(await side.run('move-leader')));
        return said;
      });
    });

    test('hashes of one revision are the same at every member', async () => {
      await twins.same(async (side) => {
        for (const value of ['1', '2', '3']) await side.run('put', 'k', value);
        const { stdout } = await side.run('get', 'k', '-w', 'json');
        const { revision } = (JSON.parse(stdout) as { readonly header: { readonly revision: number } })
          .header;
        // Linearizable: every member has come so far.
        for (const endpoint of side.endpoints.split(',')) await side.at(endpoint).run('get', 'k');
        const hashes = await side.run('endpoint', 'hashkv', `--rev=${revision}`);
        expect(
          new Set(
            hashes.stdout
              .trim()
              .split('\n')
              .map((line) => line.split(', ')[1]),
          ).size,
        ).toBe(1);
        return inShape(hashes);
      });
    });
  },
);

interface Member {
  readonly endpoint: string;
  readonly id: string;
}

async function roleOf(side: Side, role: 'leader' | 'follower'): Promise<Member> {
  for (;;) {
    const { stdout } = await side.run('endpoint', 'status');
    const members = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(', '))
      .map(([endpoint = '', id = '', , , isLeader]) => ({
        endpoint,
        id: side.idOf(id),
        isLeader: isLeader === 'true',
      }));
    // While an election goes on nobody says that it leads.
    if (members.filter(({ isLeader }) => isLeader).length !== 1) continue;
    const found = members.find(({ isLeader }) => isLeader === (role === 'leader'));
    if (found !== undefined) return { endpoint: found.endpoint, id: found.id };
  }
}

/** What is said, but for what is each member's own, and in whatever order. */
function inShape({ command, code, stdout, stderr }: CommandResult & { readonly command: string }): object {
  if (command.endsWith('protobuf') && code === 0) return { code, fields: fieldsOf(stdout) };
  const shape = (text: string): readonly string[] =>
    text
      .split('\n')
      .map((line) =>
        line
          .replace(/(https?:\/\/)?127\.0\.0\.1:\d+/g, '(address)')
          .replace(/\b(reference-\d|[abc])\b(?=[", |])/g, '(name)')
          .replace(/<id \d+>|\b\d[\d.]*( ?([kM]?B|µs|ms|s)\b)?/g, '(number)')
          // Of a member list we tell the revision, too.
          .replace(
            /("member_id":\(number\)),"revision":\(number\)(,"raft_term":\(number\)\},"members")/,
            '$1$2',
          )
          .replace(/[-+]{3,}/g, '---')
          .replace(/ {2,}/g, ' '),
      )
      .sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
  return { code, stdout: shape(stdout), stderr: shape(stderr) };
}
