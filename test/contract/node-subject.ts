import { groupId, type NodeId } from '../../core/base/ids.ts';
import { type Machine } from '../../core/base/machine.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type GroupMessage } from '../../core/raft/types.ts';
import { type StorageBackend } from '../../core/storage/backend.ts';

export const nodeTables = ['rows', 'meta'] as const;

/** Some nodes under a runner, joined by a network, with a clock each. What an implementation of the ports is to the suite. */
export interface NodeSubject {
  readonly nodes: readonly NodeId[];
  /** The machine of the node's present process. */
  machine(node: NodeId): Puppet;
  store(node: NodeId): StorageBackend;
  /** Gives the node an event of its own, so that its script is asked. */
  poke(node: NodeId): void;
  /** Lets the world go on until `done`. Rejects when it stands still, or goes on for very long, before that. */
  until(done: () => boolean): Promise<void>;
  /** Ends the node's process without warning. */
  kill(node: NodeId): Promise<void>;
  /** Another process on the same disk. */
  start(node: NodeId): Promise<void>;
  close(): Promise<void>;
}

/** Does at every event what its script says, and remembers what it was given, and when. */
export class Puppet implements Machine<MemberEvent, MemberEffect> {
  deadlineUs = Infinity;
  readonly events: { readonly event: MemberEvent; readonly nowUs: number }[] = [];
  script: (event: MemberEvent, nowUs: number) => readonly MemberEffect[] = () => [];

  step(event: MemberEvent, nowUs: number): readonly MemberEffect[] {
    this.events.push({ event, nowUs });
    return this.script(event, nowUs);
  }

  ofKind<Kind extends MemberEvent['kind']>(kind: Kind): readonly Extract<MemberEvent, { kind: Kind }>[] {
    return this.events
      .map(({ event }) => event)
      .filter((event): event is Extract<MemberEvent, { kind: Kind }> => event.kind === kind);
  }

  /** At the next poke, and only then. */
  once(act: (nowUs: number) => readonly MemberEffect[]): void {
    this.script = (event, nowUs) => {
      if (event.kind !== 'requested') return [];
      this.script = () => [];
      return act(nowUs);
    };
  }
}

/** A message that can be told from every other, with a payload that is known from its number. */
export function numbered(number: number, payloadBytes = 0): GroupMessage {
  const payload = Uint8Array.from({ length: payloadBytes }, (_, at) => (at * 7 + number) & 0xff);
  return {
    group: groupId(1),
    message: { kind: 'proposalForwarded', term: 1, boot: 1, forwardSeq: number, proposals: [payload] },
  };
}

export function numberOf({ message }: GroupMessage): number {
  return message.kind === 'proposalForwarded' ? message.forwardSeq : 0;
}
