/**
 * Three members of one cluster inside this process, which say what happens to them.
 *
 * In a checkout: `node --conditions=photon-source docs/examples/embedded-cluster.ts [PORT PORT PORT]`
 */
import { ClusterBuilder, type EmbeddedMember } from 'photoncloud/chainfire';
import { connect } from 'photoncloud/chainfire/client';

const ports = process.argv.length === 5 ? process.argv.slice(2) : ['2380', '2382', '2384'];
const addresses = Object.fromEntries(ports.map((port, at) => ['abc'.charAt(at), `127.0.0.1:${port}`]));

const say = (name: string, text: string): void => console.log(`${name}: ${text}`);

function memberNamed(name: string): EmbeddedMember {
  return new ClusterBuilder()
    .name(name)
    .inMemory()
    .initialCluster(addresses)
    .listenPeers(addresses[name] ?? '')
    .listenClients('127.0.0.1:0')
    .on('leaderChanged', ({ leader }) => say(name, `leaderChanged to ${leader?.name ?? 'nobody'}`))
    .on('becameLeader', ({ term }) => say(name, `becameLeader of term ${term}`))
    .on('lostLeadership', ({ term }) => say(name, `lostLeadership of term ${term}`))
    .on('clusterReady', () => say(name, 'clusterReady'))
    .onPrefixChanged('config/', ({ kind, entry }) =>
      say(name, `prefixChanged: ${kind} ${entry.key}${kind === 'put' ? ` ${entry.value}` : ''}`),
    )
    .onKeyDeleted('config/color', ({ revision }) => say(name, `keyDeleted at revision ${revision}`))
    .build();
}

/** The next write that this member has heard of, as one that has a key of its own for it would wait for it. */
function heard(member: EmbeddedMember, key: string): Promise<void> {
  return new Promise((resolve) => {
    member.onKeyChanged(key, () => resolve(), { fromRevision: 1 });
  });
}

const members = Object.keys(addresses).map(memberNamed);
await Promise.all(members.map((member) => member.start()));
await Promise.all(members.map(({ ready }) => ready));

// Any member takes writes. This one is asked by calls, without a socket.
await members[0]?.client.put('config/color', 'blue');
await Promise.all(members.map((member) => heard(member, 'config/color')));

const leader = members.find((member) => member.status().cluster?.role === 'leader');
if (leader === undefined) throw new Error('a cluster that is ready has a leader');
say('program', `stops the leader, ${leader.name}`);
const others = members.filter((member) => member !== leader);
const successor = Promise.race(
  others.map((member) => new Promise<void>((resolve) => member.on('becameLeader', () => resolve()))),
);
await leader.stop();
await successor;

// And this is any client of etcd's, over a socket.
const client = connect({
  endpoints: others.map(({ clientAddress }) => clientAddress ?? ''),
  timeoutMs: 20_000,
});
await client.delete('config/color');
await client.put('config/done', 'yes');
await Promise.all(others.map((member) => heard(member, 'config/done')));
client.close();

say('program', 'stops the others');
await Promise.all(others.map((member) => member.stop()));
