import { type Mutant } from './mutant.ts';

/** Bugs of gossip: mistakes in SWIM and in what Lifeguard added to it. */
export const gossipMutants: readonly Mutant[] = [
  {
    name: 'gossip-refutation-not-raised',
    about:
      'Who is suspected says that it is alive in the same incarnation, which overrides no suspicion (SWIM §4.2).',
    file: 'core/swim/beliefs.ts',
    anchor: 'incarnation: Math.min(incarnation + 1, incarnationMax)',
    replacement: 'incarnation: Math.min(incarnation, incarnationMax)',
    caughtBy: ['swim-accuracy'],
    scenarios: ['swim-lossy-with-a-slow-member', 'swim-flapping'],
  },
  {
    name: 'gossip-late-suspicion-unanswered',
    about:
      'Who is suspected of an earlier incarnation takes it for settled; the one that missed its answer waits on, and kills.',
    file: 'core/swim/beliefs.ts',
    anchor: 'if (!this.#outbox.broadcasts.has(rumor.name)) this.announce();',
    replacement: 'if (!isLive(rumor) && !this.#outbox.broadcasts.has(rumor.name)) this.announce();',
    caughtBy: ['swim-accuracy'],
    scenarios: ['swim-lossy-with-a-slow-member'],
  },
  {
    name: 'gossip-suspicion-without-time',
    about: 'A suspect is dead at once: one probe that was lost kills (SWIM without its suspicion mechanism).',
    file: 'core/swim/member-table.ts',
    anchor: 'return startedUs + suspicionTimeoutUs({ minUs, maxUs, wanted, confirmed: by.length - 1 });',
    replacement:
      'return startedUs + 0 * suspicionTimeoutUs({ minUs, maxUs, wanted, confirmed: by.length - 1 });',
    caughtBy: ['swim-accuracy'],
    scenarios: ['swim-lossy-with-a-slow-member', 'swim-flapping'],
  },
  {
    name: 'gossip-death-overrides-newer-life',
    about: 'Dead is dead, whatever the incarnation: old news of a death kill who has long refuted them.',
    file: 'core/swim/beliefs.ts',
    anchor: 'if (rumor.incarnation !== known.incarnation) return rumor.incarnation > known.incarnation;',
    replacement:
      "if (rumor.incarnation !== known.incarnation) return rumor.state === 'dead' || rumor.incarnation > known.incarnation;",
    caughtBy: ['swim-incarnations', 'swim-accuracy'],
    scenarios: ['swim-flapping', 'swim-partition-and-heal'],
  },
  {
    name: 'gossip-without-end',
    about: 'A rumor is sent for as long as there is room for it: the group never gets quiet.',
    file: 'core/swim/broadcast-queue.ts',
    anchor: 'if (broadcast.sent >= sentMax) this.#waiting.delete(name);',
    replacement: 'if (broadcast.sent < 0 * sentMax) this.#waiting.delete(name);',
    caughtBy: ['swim-load'],
    scenarios: ['swim-crash-of-one', 'swim-join-of-many'],
  },
  {
    name: 'gossip-datagrams-without-bound',
    about: 'Everything that is new goes along, whether it fits or not.',
    file: 'core/swim/broadcast-queue.ts',
    anchor: 'if (broadcast.message.length > room) continue;',
    replacement: '',
    caughtBy: ['swim-load', 'invariant'],
    scenarios: ['swim-join-of-many'],
  },
  {
    name: 'gossip-relay-vouches',
    about: 'Who is asked to look at a third says that it is there without having looked: the dead live on.',
    file: 'core/swim/prober.ts',
    anchor: 'this.#relays.add(this.#seq, asked);\n    this.#ping(target, targetAddress, this.#seq);',
    replacement:
      "this.#relays.add(this.#seq, asked);\n    if (targetAddress !== '') this.#outbox.send(from, [{ kind: 'ack', seq: message.seq, from: target }]);",
    caughtBy: ['swim-completeness'],
    scenarios: ['swim-crash-of-one', 'swim-partition-and-heal'],
  },
  {
    name: 'gossip-dead-not-sought',
    about: 'Nobody looks for those it takes for dead: a partition that lasted is never healed.',
    file: 'core/swim/state-sync.ts',
    anchor: 'let left = alone ? seedsAskedMax : 1;',
    replacement: 'let left = alone ? seedsAskedMax : 0;',
    caughtBy: ['swim-convergence'],
    scenarios: ['swim-partition-and-heal'],
  },
  {
    name: 'gossip-earlier-life-ignored',
    about: 'Who starts again does not outbid what it said in its earlier life: the others go on with that.',
    file: 'core/swim/beliefs.ts',
    anchor: 'if (newer || other) this.#raiseAbove(rumor.incarnation);',
    replacement: 'if (other && !newer) this.#raiseAbove(rumor.incarnation);',
    caughtBy: ['swim-convergence'],
    scenarios: ['swim-flapping', 'swim-crash-of-one'],
  },
];
