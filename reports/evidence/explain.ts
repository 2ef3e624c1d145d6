import { chronikExplanations } from './explain-chronik.ts';
import { plasmaExplanations } from './explain-plasma.ts';
import { type Explanation } from './explanation.ts';

const raftFigure3 = 'Raft (Ongaro, 2014), figure 3.2';
const runnerContract = "the runner's contract (core/base/effects.ts)";
const etcdWatch = "etcd's guarantees of watches (API guarantees, v3)";
const etcdKv = "etcd's guarantees of its key-value API (v3)";
const simulator = 'the simulator itself';
const swimPaper = 'SWIM (Das, Gupta, Motivala, 2002) with Lifeguard (Dadgar, Phillips, Currey, 2017)';

const table: Readonly<Record<string, Explanation>> = {
  ...chronikExplanations,
  ...plasmaExplanations,
  'vote-once': {
    sentence: 'A member votes for at most one candidate in a term, crashes and restarts between included.',
    source: 'Raft (Ongaro, 2014), section 3.4 and 3.8',
  },
  'election-safety': {
    sentence: 'A term has at most one leader, in the whole life of the cluster.',
    source: `${raftFigure3}: Election Safety`,
  },
  'leader-append-only': {
    sentence:
      'While a member leads a term it only adds to its log, and neither overwrites nor deletes in it.',
    source: `${raftFigure3}: Leader Append-Only`,
  },
  'log-matching': {
    sentence: 'Two logs that have an entry of the same index and term are the same up to there.',
    source: `${raftFigure3}: Log Matching`,
  },
  'conflict-before-cut': {
    sentence: "A member cuts its log only where an entry of it conflicts with the leader's.",
    source: 'Raft (Ongaro, 2014), section 3.5',
  },
  'durable-log': {
    sentence:
      'What a member called durable, and what it acknowledged to a leader, is in its log after a restart.',
    source: 'Raft (Ongaro, 2014), section 3.8: persisted state',
  },
  'commit-quorum': {
    sentence: 'When an entry is committed, a quorum of the voters holds it on disk.',
    source: 'Raft (Ongaro, 2014), section 3.6.2; in joint configurations section 4.3',
  },
  'configuration-in-force': {
    sentence: 'A member goes by the newest configuration in its log, committed or not, until it is cut away.',
    source: 'Raft (Ongaro, 2014), section 4.1',
  },
  'configuration-changes': {
    sentence:
      'Configurations change one at a time, each through a joint one, and an id that has left never comes back.',
    source: 'Raft (Ongaro, 2014), sections 4.1 and 4.3; raft-dev, 2015, on single-server changes',
  },
  'election-quorum': {
    sentence: 'Whoever leads a term was elected by a quorum of the voters that its log names.',
    source: 'Raft (Ongaro, 2014), sections 3.4 and 4.3',
  },
  'leader-completeness': {
    sentence: 'Whoever leads a term has every entry that was committed in an earlier one.',
    source: `${raftFigure3}: Leader Completeness`,
  },
  'match-never-falls': {
    sentence: 'What a leader knows a member to hold never becomes less while that member lives.',
    source: 'Raft (Ongaro, 2014), figure 3.1: matchIndex increases monotonically',
  },
  'commit-and-term-monotonic': {
    sentence:
      'In the life of a process its term, commit index, applied index and revisions never fall, and it applies nothing ' +
      'that is not committed and on its own disk.',
    source: 'Raft (Ongaro, 2014), figure 3.1, and the order of the two disks (design, section 1)',
  },
  'state-machine-safety': {
    sentence: 'Members that have applied up to the same index have applied the same entries.',
    source: `${raftFigure3}: State Machine Safety`,
  },
  'lease-agreement': {
    sentence: 'Members that have applied up to the same index know the same leases.',
    source: 'leases are replicated state (etcd v3, lease API)',
  },
  'namespace-usage': {
    sentence:
      'What a member says that a namespace holds is what its keys come to, and the same on every member at the same applied index.',
    source: 'quotas are decided by replicated state (docs/namespaces.md)',
  },
  'namespace-limits': {
    sentence: 'No write takes a namespace beyond a limit, and none is refused that would not.',
    source: 'quotas are decided by replicated state (docs/namespaces.md)',
  },
  'member-answers': {
    sentence:
      'A member answers no revision that it has not come to, and in the life of a process never an older one than before.',
    source: etcdKv,
  },
  revisions: {
    sentence:
      'Every revision belongs to one write, none is skipped, and nobody is shown one before its write began.',
    source: etcdKv,
  },
  linearizability: {
    sentence:
      'There is one order of all operations, in agreement with the clock, in which a single etcd would have given every answer.',
    source: 'Herlihy and Wing, "Linearizability" (1990), as etcd promises it of its key-value API',
  },
  undecided: {
    sentence:
      'The search for an order of the operations was given up before it had found one or shown that there is none.',
    source: 'the linearizability checker: what it cannot decide is never taken for right',
  },
  'serializable-reads': {
    sentence:
      'A serializable read, or one of an old revision, shows the store just as it was at the revision that it names.',
    source: etcdKv,
  },
  truth: {
    sentence: 'A member that has applied a revision has a record of what it changed.',
    source: 'the layout of the store (core/chainfire/mvcc/keys.ts)',
  },
  'watch-ordered': {
    sentence: 'A watch delivers its events in the order of their revisions.',
    source: `${etcdWatch}: ordered`,
  },
  'watch-atomic': {
    sentence: 'The events of one revision come to a watch together.',
    source: `${etcdWatch}: atomic`,
  },
  'watch-unique': {
    sentence: 'A watch delivers no event twice.',
    source: `${etcdWatch}: unique`,
  },
  'watch-faithful': {
    sentence: 'A watch delivers only what has happened to the keys that it watches, just as it has happened.',
    source: etcdWatch,
  },
  'watch-reliable': {
    sentence: 'A watch leaves out no event between two that it delivers.',
    source: `${etcdWatch}: reliable`,
  },
  'watch-bookmarkable': {
    sentence: 'After a report of progress a watch delivers nothing of the revisions that the report covers.',
    source: `${etcdWatch}: bookmarkable`,
  },
  'watch-prev-kv': {
    sentence: 'An event that carries the key as it was before carries it as the revision before had it.',
    source: "etcd's watch API: prev_kv",
  },
  'retained-history': {
    sentence:
      'Compaction that nobody asked for leaves as much of the history as the cluster is told to keep.',
    source: "etcd's automatic compaction (--auto-compaction-retention)",
  },
  'watch-compaction': {
    sentence: 'A watch is told that history was compacted only where what it lacks really is gone.',
    source: "etcd's watch API: compact_revision",
  },
  'lease-not-early': {
    sentence:
      'A lease, and the keys on it, live at least as long as the client was told, counted from its last renewal.',
    source: "etcd's lease API, under the clock drift that members were told to allow for",
  },
  'lease-not-late': {
    sentence:
      'A lease that nobody keeps alive ends within its time to live and what clocks and elections may add to that.',
    source: "etcd's lease API, under the clock drift that members were told to allow for",
  },
  'lock-exclusion': {
    sentence: 'A lock never has two holders at once, and fencing tokens rise from holder to holder.',
    source: "etcd's lock recipe (v3lock), held against the clock of the world",
  },
  'backup-exact': {
    sentence:
      'A backup is the state of one member at one revision: nothing is missing, nothing is of another.',
    source: "etcd's disaster recovery: a snapshot is a point in time",
  },
  'backup-not-older': {
    sentence: 'A backup holds whatever the member that gives it had told anybody before.',
    source: "etcd's disaster recovery: a snapshot is of what the member has applied",
  },
  'restored-state': {
    sentence:
      'A cluster that is made from a backup starts as the backup was, with its own members, every lease with its whole time before it.',
    source: "etcd's disaster recovery: restoring a cluster",
  },
  'restored-history': {
    sentence:
      'Where everything from before counts as compacted, a watch that is resumed from before is told so, and nothing else.',
    source: "etcd's disaster recovery: restoring with a revision bump",
  },
  durability: {
    sentence: 'Nothing that was acknowledged is lost, whatever crashed, all members at once included.',
    source: etcdKv,
  },
  convergence: {
    sentence: 'At the end all members that can speak to each other are the same.',
    source: 'state machine replication: equal logs, equal states',
  },
  liveness: {
    sentence:
      'A majority that is healed elects a leader, answers every call and catches up within a bound, whatever else stays broken.',
    source: 'the liveness phase of the simulator (design, section 4)',
  },
  'gated-effect': {
    sentence: 'Nothing leaves a process that depends on what its disk has not got yet.',
    source: runnerContract,
  },
  'sync-order': {
    sentence: "The sync numbers of a process's writes rise.",
    source: runnerContract,
  },
  'member-stopped': {
    sentence: 'A member stops of itself only where it was removed from its cluster.',
    source: 'the effect `stop` (core/base/effects.ts)',
  },
  'data-lost': {
    sentence:
      'A member finds at its start what it had on its disk, unless the disk was damaged beyond what can be repaired.',
    source: "recovery of the log, under the simulator's atlas of faults",
  },
  'unexplained-disk-failure': {
    sentence: 'A process is ended by its disk only where a fault has struck that disk.',
    source: simulator,
  },
  invariant: {
    sentence: 'An assertion of a member holds: it would rather stop than go on wrong.',
    source: 'the assertion at the top of the stack in the detail',
  },
  thrown: {
    sentence: 'A machine throws nothing but broken assertions, whatever it is given.',
    source: 'the shape of machines (docs/machine-shape.md)',
  },
  codec: {
    sentence: 'What one member writes to the wire every member and client reads.',
    source: "the wire's codecs (core/raft/message-codec.ts, core/wire)",
  },
  stream: {
    sentence: 'A member speaks only on streams that a client has opened and that it has not ended itself.',
    source: runnerContract,
  },
  nondeterminism: {
    sentence: 'The same code, scenario and seed give the same run, down to the last bit.',
    source: 'the one idea of the design (section 3): a second run is compared by its hash',
  },
  'replay-equal': {
    sentence: 'The machine of a recording, given again what it was given, does again what it did.',
    source: 'the one idea of the design (section 3), held against a real process',
  },
  idle: {
    sentence: 'A run has done what its scenario is there to show; one that has not proves nothing.',
    source: "the scenario's floors (docs/writing-a-scenario.md)",
  },
  'alarms-heeded': {
    sentence:
      'What an alarm forbids does not happen while it stands: no put without space, no change of keys that differ.',
    source: "etcd's alarms NOSPACE and CORRUPT (v3), decided where the log is applied",
  },
  'alarms-agree': {
    sentence: 'Members that have applied up to the same index have the same alarms.',
    source: "the simulator's checker of replicated alarms (docs/alarms.md)",
  },
  'corruption-found': {
    sentence:
      'A comparison of the members names whoever has another store than the others, within a bound, and nobody else.',
    source: "the simulator's checker of comparisons (docs/alarms.md)",
  },
  'allowed-answers': {
    sentence: 'Nobody is given, or does, what no state of users and roles allowed while it was asked.',
    source: "etcd's role-based access control (v3), decided where the log is applied",
  },
  'swim-accuracy': {
    sentence: 'Nobody undisturbed declares a member dead that runs, is not slow and can be reached by all.',
    source: swimPaper,
  },
  'swim-completeness': {
    sentence: 'A member that is gone is known to be gone by every member that runs, within a bound.',
    source: swimPaper,
  },
  'swim-convergence': {
    sentence: 'When everything is healed, all who run hold the same to be members, alive, within a bound.',
    source: swimPaper,
  },
  'swim-incarnations': {
    sentence: 'An incarnation that is known of a member never falls, and the member itself has come to it.',
    source: `${swimPaper}, section 4.2`,
  },
  'swim-load': {
    sentence:
      'Datagrams, and how many a member sends in a period, are bounded, and every rumor comes to an end.',
    source: swimPaper,
  },
};

/** Every invariant that has an explanation. */
export const explainedInvariants: readonly string[] = Object.keys(table);

/** What a violation's invariant says, in one sentence, and where it is from. */
export function explain(violation: { readonly invariant: string }): Explanation {
  const explanation = Object.hasOwn(table, violation.invariant) ? table[violation.invariant] : undefined;
  return (
    explanation ?? {
      sentence: `The checker named ${violation.invariant} found something that must not be; see its header.`,
      source: `sim/checkers/${violation.invariant}.ts`,
    }
  );
}
