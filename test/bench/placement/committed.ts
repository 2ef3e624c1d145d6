import { seededPrng } from '../../../sim/prng.ts';
import { etcd, photon, RunningSystem } from '../chainfire/systems.ts';
import { cpuUs } from '../chainfire/usage.ts';
import { makeDir, removeDir } from '../chainfire/work-dir.ts';
import { benchNodes, benchVm } from './cluster.ts';
import { type Answered, answered, create } from './creates.ts';
import { PlasmaServerProcess } from './plasma-server.ts';
import { bytesOf, type CreateRows, rawTxns, rowsOfCreate } from './raw-txns.ts';
import { SimulatedAgents } from './simulated-agents.ts';

export interface CommittedSettings {
  readonly dir: string;
  readonly nodes: number;
  /** From one renewal of a node's lease to the next. */
  readonly renewSeconds: number;
  /** Agents wait to hear what is wanted of their nodes. */
  readonly watching: boolean;
  readonly creates: number;
  /** Creates under way at once, one measurement each. */
  readonly underWay: readonly number[];
  readonly withEtcd: boolean;
}

/** One line of the table. */
export interface Committed extends Answered {
  readonly what: string;
  readonly underWay: number;
  readonly perCommit: number;
  /** CPU time for each create. */
  readonly cpuUs: {
    readonly server: number;
    readonly leader: number;
    readonly store: number;
    readonly load: number;
  };
}

export interface CommittedResults {
  readonly nodes: number;
  readonly registeredPerSecond: number;
  readonly renewalsPerSecond: number;
  readonly toldPerSecond: number;
  /** How often a node was given up: its lease was not renewed in time. */
  readonly nodesLost: number;
  /** For which no node was found. */
  readonly pending: number;
  readonly bytesOfCreate: number;
  readonly rows: readonly Committed[];
}

/** Enough that no rack is out of bounds for the next of an application. */
const apps = 10_000;
const warmUpCreates = 6_000;
const warmUpUnderWay = 64;
/** As many as one commit of the control plane holds. */
const batchedPerTxn = 42;
const rawUnderWay = 64;

/** Creates through a server of the control plane, durable in three members of Chainfire before each answer. */
export async function measureCommitted(
  settings: CommittedSettings,
  say: (text: string) => void,
): Promise<CommittedResults> {
  const dir = makeDir(settings.dir);
  try {
    const store = await RunningSystem.start(photon, dir);
    const server = await PlasmaServerProcess.start(
      dir,
      store.places.map(({ client }) => client),
    );
    try {
      return await throughServer(settings, store, server, say);
    } finally {
      await server.stop();
      await store.stopMembers();
    }
  } finally {
    removeDir(dir);
  }
}

async function throughServer(
  settings: CommittedSettings,
  store: RunningSystem,
  server: PlasmaServerProcess,
  say: (text: string) => void,
): Promise<CommittedResults> {
  const agents = new SimulatedAgents(server.client(), settings.renewSeconds);
  try {
    say(`registering ${settings.nodes} nodes`);
    const startMs = performance.now();
    await agents.register(benchNodes(settings.nodes));
    const registeredPerSecond = (settings.nodes * 1_000) / (performance.now() - startMs);
    if (settings.watching) agents.watch();
    const prng = seededPrng('committed placements');
    const client = server.client();
    let made = 0;
    const createOne = (): Promise<void> => create(client, benchVm(prng, (made += 1), apps));
    say('warming up');
    await answered(warmUpCreates, warmUpUnderWay, createOne);
    const rows: Committed[] = [];
    const [renewals, told, fromMs] = [agents.renewals, agents.desired, performance.now()];
    for (const underWay of settings.underWay) {
      say(`${settings.creates} creates, ${underWay} at once`);
      const commits = await server.metric('commits_total');
      const result = await withCpu(store, server.pid, settings.creates, () =>
        answered(settings.creates, underWay, createOne),
      );
      const perCommit = settings.creates / ((await server.metric('commits_total')) - commits);
      rows.push({ ...result, what: 'creates', underWay, perCommit });
    }
    const seconds = (performance.now() - fromMs) / 1_000;
    const rates = [agents.renewals - renewals, agents.desired - told].map((each) => each / seconds);
    if (agents.failure !== undefined) throw agents.failure;
    const pending = await server.metric('vms_pending');
    const nodesLost = agents.lost;
    agents.stop();
    await server.stop();
    const ofCreate = await rowsOfCreate((await store.leader()).calls);
    rows.push(...(await yardsticks(store, ofCreate, settings.creates, say)));
    if (settings.withEtcd) rows.push(...(await throughEtcd(settings, ofCreate, say)));
    return {
      ...{
        nodes: settings.nodes,
        registeredPerSecond,
        nodesLost,
        pending,
        bytesOfCreate: bytesOf(ofCreate),
        rows,
      },
      ...{ renewalsPerSecond: rates[0] ?? 0, toldPerSecond: rates[1] ?? 0 },
    };
  } finally {
    agents.stop();
  }
}

async function throughEtcd(
  settings: CommittedSettings,
  rows: CreateRows,
  say: (text: string) => void,
): Promise<readonly Committed[]> {
  const dir = makeDir(settings.dir);
  try {
    const store = await RunningSystem.start(etcd, dir);
    const results = await yardsticks(store, rows, settings.creates, say);
    await store.stopMembers();
    return results;
  } finally {
    removeDir(dir);
  }
}

/** What the store takes without a control plane: a transaction a create, and as many in one as a commit holds, one at a time. */
async function yardsticks(
  store: RunningSystem,
  rows: CreateRows,
  creates: number,
  say: (text: string) => void,
): Promise<readonly Committed[]> {
  const { name } = store.kind;
  const { calls } = await store.leader();
  await rawTxns(calls, rows, { creates: 2_000, perTxn: 1, underWay: rawUnderWay, run: 'warm-up' });
  const results: Committed[] = [];
  for (const [perTxn, underWay] of [
    [1, rawUnderWay],
    [batchedPerTxn, 1],
  ] as const) {
    say(`${name}: ${creates} raw, ${perTxn} a transaction, ${underWay} at once`);
    const shape = { creates, perTxn, underWay, run: `of ${perTxn}` };
    const result = await withCpu(store, undefined, creates, () => rawTxns(calls, rows, shape));
    const what = `${name === 'photon' ? 'Chainfire' : name}, raw${perTxn === 1 ? '' : `, ${perTxn} together`}`;
    results.push({ ...result, perSecond: creates / result.seconds, what, underWay, perCommit: perTxn });
  }
  return results;
}

async function withCpu(
  store: RunningSystem,
  server: number | undefined,
  creates: number,
  run: () => Promise<Answered>,
): Promise<Answered & Pick<Committed, 'cpuUs'>> {
  const { pid: leader } = await store.leader();
  const used = (): readonly number[] => [
    server === undefined ? 0 : cpuUs(server),
    cpuUs(leader),
    store.members.reduce((sum, { pid }) => sum + cpuUs(pid), 0),
    cpuUs(process.pid),
  ];
  const before = used();
  const result = await run();
  const [ofServer = 0, ofLeader = 0, ofStore = 0, ofLoad = 0] = used().map(
    (each, at) => (each - (before[at] ?? 0)) / creates,
  );
  return { ...result, cpuUs: { server: ofServer, leader: ofLeader, store: ofStore, load: ofLoad } };
}
