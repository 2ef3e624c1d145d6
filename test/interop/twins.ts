import { expect } from 'vitest';

import { Cluster } from './cluster.ts';
import { type CommandResult, etcdctl, LiveCommand } from './command.ts';
import { type EtcdServer, startEtcd } from './etcd-server.ts';

/** Ids that are drawn: leases, and the keys that locks and elections name after them. */
const drawnId = /\b[0-9a-f]{9,16}\b/g;

/** One of the two that are compared. What it says is made the same only where any two clusters must differ. */
export class Side {
  readonly name: 'ours' | 'theirs';
  readonly endpoints: string;
  /** In the order in which they were first seen. */
  readonly ids: string[] = [];

  constructor(name: 'ours' | 'theirs', endpoints: string) {
    this.name = name;
    this.endpoints = endpoints;
  }

  /** Runs etcdctl to its end. `{1}` in an argument is the first id that was seen. */
  async run(...args: readonly string[]): Promise<CommandResult & { readonly command: string }> {
    const result = await etcdctl(this.endpoints, this.#withIds(args));
    return { command: args.join(' '), ...this.normalised(result) };
  }

  /** Runs etcdctl with something on its standard input. */
  async runWith(input: string, ...args: readonly string[]): Promise<CommandResult> {
    return this.normalised(await etcdctl(this.endpoints, this.#withIds(args), input));
  }

  start(...args: readonly string[]): LiveCommand {
    return LiveCommand.etcdctl(this.endpoints, this.#withIds(args));
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

/** Three of our members and one etcd, who are told the same and must answer the same. */
export class Twins {
  readonly cluster: Cluster;
  readonly etcd: EtcdServer;

  private constructor(cluster: Cluster, etcd: EtcdServer) {
    this.cluster = cluster;
    this.etcd = etcd;
  }

  /** @param flags for our members, `etcdFlags` for etcd */
  static async start(flags: readonly string[] = [], etcdFlags: readonly string[] = []): Promise<Twins> {
    const etcd = await startEtcd(etcdFlags);
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
    const [ours, theirs] = await Promise.all([
      scenario(new Side('ours', this.cluster.endpoints)),
      scenario(new Side('theirs', this.etcd.endpoint)),
    ]);
    expect(ours).toEqual(theirs);
  }

  async stop(): Promise<void> {
    await Promise.all([this.etcd.stop(), this.cluster.remove()]);
  }
}
