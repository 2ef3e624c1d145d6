import { Counter, Gauge, type Registry } from 'prom-client';

import { type MemberChange, type MemberRecord, memberStates } from '../../core/swim/types.ts';
import { type GossipCounts } from '../swim/udp-gossip.ts';

/** What a scrape reads of gossip; every number as of now, or since the process started. */
export interface GossipObservation {
  /** The others that are remembered. */
  readonly members: readonly Pick<MemberRecord, 'name' | 'state'>[];
  readonly changes: ReadonlyMap<MemberChange, number>;
  readonly counts: GossipCounts;
  readonly healthScore: number;
}

const changes: readonly MemberChange[] = ['joined', 'updated', 'suspected', 'trusted', 'died', 'left'];

/** What gossip holds of the others: hints, as it says itself. */
export class GossipMetrics {
  /** @param observe asked at every scrape */
  constructor(registry: Registry, observe: () => GossipObservation) {
    const registers = [registry];
    new Gauge({
      name: 'photon_chainfire_gossip_members',
      help: 'Other members that gossip knows, by what it holds of them: alive, suspect, dead, left',
      labelNames: ['state'],
      registers,
      collect() {
        const { members } = observe();
        for (const state of memberStates)
          this.set({ state }, members.filter((member) => member.state === state).length);
      },
    });
    new Gauge({
      name: 'photon_chainfire_gossip_member_state',
      help: 'Always 1; what gossip holds of the other member is a label',
      labelNames: ['member', 'state'],
      registers,
      collect() {
        this.reset();
        for (const { name, state } of observe().members) this.set({ member: name, state }, 1);
      },
    });
    new Counter({
      name: 'photon_chainfire_gossip_changes_total',
      help: 'What gossip has told of other members: joined, updated, suspected, trusted, died, left',
      labelNames: ['change'],
      registers,
      collect() {
        this.reset();
        const told = observe().changes;
        for (const change of changes) this.inc({ change }, told.get(change) ?? 0);
      },
    });
    new Counter({
      name: 'photon_chainfire_gossip_dropped_datagrams_total',
      help: 'Datagrams of gossip that were of no use: of another cluster, damaged, not signed, or not sent',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        const { foreign, damaged, unsigned, unsent } = observe().counts;
        for (const [reason, count] of Object.entries({ foreign, damaged, unsigned, unsent }))
          this.inc({ reason }, count);
      },
    });
    new Gauge({
      name: 'photon_chainfire_gossip_health_score',
      help: '0 while the member keeps up with gossip; the more, the slower it has found itself to be',
      registers,
      collect() {
        this.set(observe().healthScore);
      },
    });
  }
}
