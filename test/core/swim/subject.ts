import { defaultSwimOptions, type SwimConfig, type SwimOptions } from '../../../core/swim/config.ts';
import { decodeDatagram, encodeDatagram, encodeMessage } from '../../../core/swim/datagram-codec.ts';
import { SwimNode } from '../../../core/swim/node.ts';
import {
  type MemberRecord,
  type Rumor,
  type SwimEffect,
  type SwimMessage,
} from '../../../core/swim/types.ts';
import { seededPrng } from '../../../sim/prng.ts';

export const cluster = 'test';

/** What a member is, by its name alone: its gossip address is `name:1`. */
export function recordOf(name: string, changes: Partial<MemberRecord> = {}): MemberRecord {
  return {
    name,
    state: 'alive',
    incarnation: 0,
    gossipAddress: `${name}:1`,
    clientAddress: `${name}:2`,
    peerAddress: `${name}:3`,
    note: '',
    ...changes,
  };
}

export function rumorOf(name: string, changes: Partial<Rumor> = {}): Rumor {
  return { ...recordOf(name), from: name, ...changes };
}

/** A machine under test, `a` by name, with its own clock; what it sends is given decoded. */
export class Subject {
  readonly config: SwimConfig;
  node: SwimNode;
  nowUs = 0;

  constructor(options: Partial<SwimOptions> = {}, seeds: readonly string[] = [], seed = 'subject') {
    const { name, gossipAddress, clientAddress, peerAddress, note } = recordOf('a');
    const self = { name, gossipAddress, clientAddress, peerAddress, note };
    this.config = { ...defaultSwimOptions, ...options, cluster, self, seeds };
    this.node = new SwimNode(this.config, seededPrng(seed), 0);
  }

  /** Introduces others. */
  meet(...names: readonly string[]): readonly Said[] {
    return names.flatMap((name) => this.hear(rumorOf(name)));
  }

  hear(rumor: Rumor): readonly Said[] {
    return this.receive(rumor.from, { kind: 'rumor', rumor });
  }

  /** @param from name of the sender */
  receive(from: string, ...messages: readonly SwimMessage[]): readonly Said[] {
    const datagram = encodeDatagram(cluster, messages.map(encodeMessage));
    return opened(this.node.step({ kind: 'received', from: `${from}:1`, datagram }, this.nowUs));
  }

  leave(): readonly Said[] {
    return opened(this.node.step({ kind: 'leave' }, this.nowUs));
  }

  /** Ticks at every deadline up to this time. */
  runUntil(timeUs: number): readonly Said[] {
    const said: Said[] = [];
    while (this.node.deadlineUs <= timeUs) {
      this.nowUs = Math.max(this.nowUs, this.node.deadlineUs);
      said.push(...opened(this.node.step({ kind: 'tick' }, this.nowUs)));
    }
    this.nowUs = Math.max(this.nowUs, timeUs);
    return said;
  }

  stateOf(name: string): string | undefined {
    const known = this.node.others.find(({ record }) => record.name === name);
    return known === undefined ? undefined : `${known.record.state}@${known.record.incarnation}`;
  }
}

/** An effect; of a datagram the messages. */
export type Said =
  | Exclude<SwimEffect, { kind: 'send' }>
  | { readonly kind: 'sent'; readonly to: string; readonly messages: readonly SwimMessage[] };

export function opened(effects: readonly SwimEffect[]): readonly Said[] {
  return effects.map((effect): Said => {
    if (effect.kind !== 'send') return effect;
    return { kind: 'sent', to: effect.to, messages: decodeDatagram(effect.datagram).messages };
  });
}

/** Of one kind, whatever datagram they were in; with where that went. */
export function sentOf<Kind extends SwimMessage['kind']>(
  said: readonly Said[],
  kind: Kind,
): readonly { readonly to: string; readonly message: Extract<SwimMessage, { kind: Kind }> }[] {
  return said.flatMap((effect) => {
    if (effect.kind !== 'sent') return [];
    return effect.messages.flatMap((message) => {
      if (message.kind !== kind) return [];
      return { to: effect.to, message: message as Extract<SwimMessage, { kind: Kind }> };
    });
  });
}

export function changesIn(said: readonly Said[]): readonly string[] {
  return said.flatMap((effect) => {
    return effect.kind === 'memberChanged' ? `${effect.member.name} ${effect.change}` : [];
  });
}
