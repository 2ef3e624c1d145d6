import { type Mutant } from './mutant.ts';

const watchScenarios = ['watch-resumed-across-compaction', 'swarm'] as const;

/** Bugs in watches: in the members that serve them, and in the client machine that resumes them. */
export const watchMutants: readonly Mutant[] = [
  {
    name: 'watch-resumed-late',
    about: 'A watch whose stream was lost goes on one revision behind the next.',
    file: 'core/chainfire/client/watches.ts',
    anchor: 'startRevision: watch.nextRevision,',
    replacement: 'startRevision: watch.announced ? watch.nextRevision + 1 : watch.nextRevision,',
    caughtBy: ['watch-reliable', 'watch-bookmarkable', 'watch-atomic'],
    scenarios: watchScenarios,
  },
  {
    name: 'watch-resumed-early',
    about:
      'A watch whose stream was lost goes on with the last revision that it has delivered, and delivers it again.',
    file: 'core/chainfire/client/watches.ts',
    anchor: 'watch.nextRevision = Math.max(watch.nextRevision, revision + 1);',
    replacement: 'watch.nextRevision = Math.max(watch.nextRevision, revision);',
    caughtBy: ['watch-unique', 'watch-ordered'],
    scenarios: watchScenarios,
  },
  {
    name: 'slow-watch-loses-events',
    about: 'Events for a stream that is full are dropped, and the watch goes on (etcd 17529).',
    file: 'core/chainfire/watch/hub.ts',
    anchor: 'if (stream.isFull) return this.#park(watch, chunk.firstRevision);',
    replacement: 'if (stream.isFull) continue;',
    caughtBy: ['watch-reliable', 'watch-bookmarkable', 'watch-atomic'],
    scenarios: watchScenarios,
  },
  {
    name: 'parked-watch-goes-on-late',
    about: 'A watch whose stream was full goes on behind the revision for which there was no room.',
    file: 'core/chainfire/watch/hub.ts',
    anchor: 'watch.next = next;\n    watch.stream.parked.add(watch);',
    replacement: 'watch.next = next + 1;\n    watch.stream.parked.add(watch);',
    caughtBy: ['watch-reliable', 'watch-bookmarkable', 'watch-atomic'],
    scenarios: watchScenarios,
  },
  {
    name: 'revision-split',
    about: 'Responses are cut between events, so that a revision comes in two that do not belong together.',
    file: 'core/chainfire/watch/response.ts',
    anchor:
      'for (let event = events[end]; event?.revision === revision; event = events[end]) {\n      revisionBytes',
    replacement:
      'for (let event = events[end]; event?.revision === revision && end === at; event = events[end]) {\n      revisionBytes',
    caughtBy: ['watch-atomic'],
    scenarios: watchScenarios,
  },
  {
    name: 'progress-ahead-of-events',
    about: 'An answer to a request for progress overtakes events of watches that lag (etcd 15220).',
    file: 'core/chainfire/watch/hub.ts',
    anchor: 'if (!stream.progressWanted || stream.behindCount > 0 || stream.isFull) return;',
    replacement: 'if (!stream.progressWanted || stream.isFull) return;',
    caughtBy: ['watch-bookmarkable'],
    scenarios: watchScenarios,
  },
  {
    name: 'previous-of-another-revision',
    about: 'What a key was before, read from history, is the oldest there is of it.',
    file: 'core/chainfire/watch/history.ts',
    anchor: 'to: indexKey(key, revision), reverse: true, limit: 1',
    replacement: 'to: indexKey(key, revision), reverse: false, limit: 1',
    caughtBy: ['watch-prev-kv'],
    scenarios: watchScenarios,
  },
  {
    name: 'compaction-drops-a-deletion',
    about:
      'Compaction frees the deletion at the compacted revision itself, at which a watch may begin (etcd 18089, 19179).',
    file: 'core/chainfire/mvcc/compaction.ts',
    anchor: 'if (isTombstone(record) && mainRevisionOf(revision) < compactRevision) {',
    replacement: 'if (isTombstone(record) && mainRevisionOf(revision) <= compactRevision) {',
    caughtBy: ['watch-reliable', 'watch-bookmarkable', 'watch-atomic'],
    scenarios: watchScenarios,
  },
  {
    name: 'compaction-passed-over',
    about: 'A watch that compaction has overtaken goes on behind it, and nobody is told.',
    file: 'core/chainfire/watch/catch-up.ts',
    anchor: 'if (watch.next < compactRevision) overtaken.push(watch);',
    replacement: 'watch.next = Math.max(watch.next, compactRevision);',
    caughtBy: ['watch-reliable', 'watch-bookmarkable'],
    scenarios: watchScenarios,
  },
  {
    name: 'snapshot-passed-over',
    about: 'Watches at the present stay there when a snapshot moves it on.',
    file: 'core/chainfire/watch/hub.ts',
    anchor:
      "for (const watch of this.#live.watches()) this.#setPlace(watch, 'behind');\n      this.#catchUp.adopt(this.#live);\n      this.#live = new Cohort(revision + 1);",
    replacement: '',
    caughtBy: ['watch-reliable', 'watch-bookmarkable'],
    scenarios: ['late-snapshots', 'crash-during-snapshot-install', 'swarm'],
  },
  {
    name: 'watch-travels-back',
    about: 'A watch whose stream was lost begins again where it had first begun (etcd 15271).',
    file: 'core/chainfire/client/watches.ts',
    anchor: "if (watch.state !== 'paused') watch.state = 'waiting';",
    replacement:
      "if (watch.state !== 'paused') watch.state = 'waiting';\n" +
      '      if (watch.target.startRevision > 0) watch.nextRevision = watch.target.startRevision;',
    caughtBy: ['watch-unique', 'watch-ordered', 'watch-bookmarkable', 'watch-compaction'],
    scenarios: watchScenarios,
  },
  {
    name: 'parked-watch-goes-on-early',
    about:
      'A watch at the present whose stream is full is told once more of what went into it last (as in etcd 17247).',
    file: 'core/chainfire/watch/hub.ts',
    anchor:
      "present(watch.cohort, 'a watch that is told something is in a cohort').remove(watch);\n    watch.next = next;",
    replacement:
      'const early = watch.cohort === this.#live ? 1 : 0;\n' +
      '    watch.cohort?.remove(watch);\n' +
      '    watch.next = next - early;',
    caughtBy: ['watch-unique', 'watch-ordered'],
    scenarios: ['starved-watch-streams', ...watchScenarios],
  },
  {
    name: 'future-watch-served-now',
    about: 'A watch that begins at a revision to come is told of what happens before it (etcd 20221).',
    file: 'core/chainfire/watch/hub.ts',
    anchor: 'if (watch.next > this.#live.cursor) {',
    replacement: 'if (watch.next < 0) {',
    also: [
      {
        file: 'core/chainfire/watch/hub.ts',
        anchor: 'watch.next === this.#live.cursor',
        replacement: 'watch.next >= this.#live.cursor',
      },
      {
        file: 'core/chainfire/watch/hub.ts',
        anchor: 'events.filter(({ revision }) => revision >= watch.next)',
        replacement: 'events',
      },
    ],
    caughtBy: ['watch-faithful', 'watch-ordered', 'watch-bookmarkable'],
    scenarios: ['starved-watch-streams', ...watchScenarios],
  },
];
