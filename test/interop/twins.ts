import { expect } from 'vitest';

import { Cluster } from './cluster.ts';
import { type CommandResult, etcdctl, LiveCommand } from './command.ts';
import { recordCompared } from './compared-commands.ts';
import { type EtcdServer, startEtcd } from './etcd-server.ts';

/** Ids that are drawn: leases, and the keys that locks and elections name after them. */
const drawnId = /\b[0-9a-f]{9,16}\b/g;

/** One of the two that are compared. What it says is made the same only where any two clusters must differ. */
export class Side {
  readonly name: 'ours' | 'theirs';
  readonly endpoints: string;
  /** In the order in which they were first seen. */
  readonly ids: string[] = [];
  /** What it was given, and what tells whether that worked. */
  readonly #given: (readonly [args: readonly string[], worked: () => boolean])[];

  constructor(name: 'ours' | 'theirs', endpoints: string, given: Side | undefined = undefined) {
    this.name = name;
    this.endpoints = endpoints;
    this.#given = given === undefined ? [] : given.#given;
  }

  /** The same where only one member may be asked, or other ones: what it is given is counted here. */
  at(endpoints = this.endpoints.split(',')[0] ?? ''): Side {
    return new Side(this.name, endpoints, this);
  }

  get given(): readonly { readonly args: readonly string[]; readonly worked: boolean }[] {
    return this.#given.map(([args, worked]) => ({ args, worked: worked() }));
  }

  /** Runs etcdctl to its end. `{1}` in an argument is the first id that was seen. */
  async run(...args: readonly string[]): Promise<CommandResult & { readonly command: string }> {
    return { command: args.join(' '), ...(await this.#ended(args)) };
  }

  /** Runs etcdctl with something on its standard input. */
  runWith(input: string, ...args: readonly string[]): Promise<CommandResult> {
    return this.#ended(args, { input });
  }

  /** Runs etcdctl where it takes its time. */
  runFor(timeoutMs: number, ...args: readonly string[]): Promise<CommandResult> {
    return this.#ended(args, { timeoutMs });
  }

  start(...args: readonly string[]): LiveCommand {
    const command = LiveCommand.etcdctl(this.endpoints, this.#withIds(args));
    this.#given.push([args, () => command.worked]);
    return command;
  }

  async #ended(
    args: readonly string[],
    { input, timeoutMs }: { readonly input?: string; readonly timeoutMs?: number } = {},
  ): Promise<CommandResult> {
    const result = await etcdctl(this.endpoints, this.#withIds(args), input, timeoutMs);
    this.#given.push([args, () => result.code === 0]);
    return this.normalised(result);
  }

  normalised(result: CommandResult): CommandResult {
    return {
      code: result.code,
      stdout: this.text(result.stdout),
      // The client's own log lines say the same with times in them; what is meant for people stays.
      stderr: this.text(
        result.stderr
          .split('\n')
          .filter((line) => !line.startsWith('{"level"'))
          .join('\n'),
      ),
    };
  }

  /** What stands behind `<id 1>`; what is no such name stands for itself. */
  idOf(name: string): string {
    const number = /^<id (\d+)>$/.exec(name)?.[1];
    return number === undefined ? name : (this.ids[Number(number) - 1] ?? '');
  }

  text(output: string): string {
    return output
      .replace(/"(cluster_id|member_id|raft_term)":[0-9]+/g, '"$1":0')
      .replace(/"(ClusterID|MemberID|RaftTerm)" : [0-9]+/g, '"$1" : 0')
      .replace(drawnId, (id) => {
        if (!this.ids.includes(id)) this.ids.push(id);
        return `<id ${this.ids.indexOf(id) + 1}>`;
      });
  }

  #withIds(args: readonly string[]): readonly string[] {
    return args.map((arg) =>
      arg.replace(/\{(\d+)\}/g, (_, number) => this.ids[Number(number) - 1] ?? '(none)'),
    );
  }
}

/** Three of our members, and one etcd or three, who are told the same and must answer the same. */
export class Twins {
  readonly cluster: Cluster;
  readonly etcd: EtcdServer;

  private constructor(cluster: Cluster, etcd: EtcdServer) {
    this.cluster = cluster;
    this.etcd = etcd;
  }

  /** @param flags for our members, `etcdFlags` for etcd, of which there are so many as `etcds` says */
  static async start(
    flags: readonly string[] = [],
    etcdFlags: readonly string[] = [],
    etcds = 1,
  ): Promise<Twins> {
    const etcd = await startEtcd(etcdFlags, etcds);
    try {
      return new Twins(await Cluster.start(3, flags), etcd);
    } catch (error) {
      await etcd.stop();
      throw error;
    }
  }

  /** Plays the same with both, and compares what came of it. Ids are counted anew. */
  async same(scenario: (side: Side) => Promise<unknown>): Promise<void> {
    this.cluster.showLogsOnFailure();
    const side = new Side('ours', this.cluster.endpoints);
    const [ours, theirs] = await Promise.all([
      scenario(side),
      scenario(new Side('theirs', this.etcd.endpoint)),
    ]);
    expect(ours).toEqual(theirs);
    recordCompared(side.given);
  }

  async stop(): Promise<void> {
    await Promise.all([this.etcd.stop(), this.cluster.remove()]);
  }
}
