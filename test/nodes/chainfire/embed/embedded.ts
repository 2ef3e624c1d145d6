import { expect } from 'vitest';

import { ClusterBuilder } from '../../../../nodes/chainfire/embed/cluster-builder.ts';
import { type EmbeddedMember } from '../../../../nodes/chainfire/embed/embedded-member.ts';
import { type ClusterEvent } from '../../../../nodes/chainfire/embed/member-events.ts';
import { freePorts } from '../../../interop/ports.ts';

/** A member in memory, and whatever it has told. */
export interface Told {
  readonly name: string;
  readonly member: EmbeddedMember;
  readonly events: ClusterEvent[];
}

/** Members of one process that a test has started; `stop` is for whoever cleans up. */
export class EmbeddedMembers {
  readonly #told: Told[] = [];

  async start(name: string, say: (builder: ClusterBuilder) => ClusterBuilder): Promise<Told> {
    const events: ClusterEvent[] = [];
    const builder = new ClusterBuilder().name(name).inMemory().settings({ logLevel: 'fatal' });
    const member = say(builder.onAny((event) => void events.push(event))).build();
    const told = { name, member, events };
    this.#told.push(told);
    await member.start();
    return told;
  }

  /** Named a, b, c …, each with a port for clients. */
  async cluster(size: number): Promise<readonly Told[]> {
    const ports = await freePorts(size);
    const addresses = Object.fromEntries(
      ports.map((port, at) => [String.fromCharCode(0x61 + at), `127.0.0.1:${port}`]),
    );
    const told = await Promise.all(
      Object.entries(addresses).map(([name, address]) =>
        this.start(name, (builder) =>
          builder.initialCluster(addresses).listenPeers(address).listenClients('127.0.0.1:0'),
        ),
      ),
    );
    await Promise.all(told.map(({ member }) => member.ready));
    return told;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#told.splice(0).map(({ member }) => member.stop()));
  }
}

/** The one of them that all of them take for the leader, and the rest. */
export async function leaderOf(
  members: readonly Told[],
): Promise<{ readonly leader: Told; readonly followers: readonly Told[] }> {
  const named = (): readonly (string | undefined)[] =>
    members.map(({ member }) => member.status().cluster?.leader?.name);
  await expect
    .poll(() => members.some(({ name }) => name === named()[0]) && new Set(named()).size === 1, {
      timeout: 30_000,
    })
    .toBe(true);
  const name = named()[0];
  const leader = members.find((told) => told.name === name);
  if (leader === undefined) throw new Error(`nobody is ${name}`);
  return { leader, followers: members.filter((told) => told !== leader) };
}
