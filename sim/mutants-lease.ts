import { type Mutant } from './mutant.ts';

const leaseScenarios = ['lease-across-leader-change-under-drift', 'keepalive-storm', 'swarm'] as const;
const lockScenarios = ['lock-under-partition', 'swarm'] as const;

/** Bugs in leases, in the client that keeps them, in locks that lie on them, and in reads on a leader's own lease. */
export const leaseMutants: readonly Mutant[] = [
  {
    name: 'lease-without-drift',
    about: 'A lease lasts as long as the member’s clock says, without what that may be fast.',
    file: 'core/chainfire/lease/lease-deadlines.ts',
    anchor: 'lease.ttlSeconds * usPerSecond + lease.ttlSeconds * this.#clockDriftPpmMax;',
    replacement: 'lease.ttlSeconds * usPerSecond;',
    caughtBy: ['lease-not-early', 'lock-exclusion'],
    scenarios: leaseScenarios,
  },
  {
    name: 'renewals-count-for-the-leader-alone',
    about:
      'Members count from a renewal only if they lead when it is applied: a new leader ignores those before (etcd 15247).',
    file: 'core/chainfire/lease/leases.ts',
    anchor: 'this.#deadlines.restart(nowUs);',
    replacement:
      'const before = [...this.#table.leases()].map((lease) => [lease, lease.deadlineUs]);\n' +
      '    this.#deadlines.restart(nowUs);\n' +
      "    if (this.#raftView.role !== 'leader') {\n" +
      '      for (const [lease, deadlineUs] of before) if (deadlineUs !== Infinity) lease.deadlineUs = deadlineUs;\n' +
      '    }',
    caughtBy: ['lease-not-early'],
    scenarios: leaseScenarios,
  },
  {
    name: 'expiry-outside-the-log',
    about: 'A member ends leases that it finds overdue by itself, without the log.',
    file: 'core/chainfire/lease/leases.ts',
    anchor: 'this.#expiry.settle(nowUs, this.#state);',
    replacement:
      'const overdue = this.#deadlines.nextOverdue(nowUs);\n    if (overdue !== undefined) this.#table.expire({ ids: [overdue.id], term: 0, appliedIndex: overdue.renewedIndex }, 0);',
    caughtBy: ['lease-agreement', 'state-machine-safety', 'convergence'],
    scenarios: leaseScenarios,
  },
  {
    name: 'snapshot-without-leases',
    about: 'A member that has installed a snapshot goes on with the leases that it had.',
    file: 'core/chainfire/apply.ts',
    anchor: 'this.#leases.reload(this.#store);',
    replacement: '',
    caughtBy: ['lease-agreement', 'convergence', 'state-machine-safety'],
    scenarios: ['crash-during-snapshot-install', 'late-snapshots', 'swarm'],
  },
  {
    name: 'renewal-answered-before-commit',
    about: 'A keepalive is answered when it is taken, before its renewal is in the log.',
    file: 'core/chainfire/lease/leases.ts',
    anchor: 'this.#renewals.add({ requestId, id, deadlineUs });',
    replacement:
      "this.#renewals.add({ requestId, id, deadlineUs });\n    const ttlSeconds = this.#table.get(id)?.ttlSeconds ?? 0;\n    this.#reply(requestId, { kind: 'leaseKeepAlive', response: { header: this.#answers.header(this.#mvcc.revision), id, ttlSeconds } });",
    caughtBy: ['lease-not-early', 'lock-exclusion'],
    scenarios: leaseScenarios,
  },
  {
    name: 'keeper-counts-from-the-answer',
    about: 'A client counts the time to live of its lease from the answer, not from when it asked.',
    file: 'core/chainfire/client/leases.ts',
    anchor: 'this.#onKeptAlive(lease, response.response.ttlSeconds, sentUs);',
    replacement: 'this.#onKeptAlive(lease, response.response.ttlSeconds, Math.max(sentUs, this.#nowUs));',
    caughtBy: ['lock-exclusion'],
    scenarios: ['swarm', 'lock-under-partition'],
  },
  {
    name: 'lock-without-predecessor',
    about: 'A lock is taken by whoever has entered the queue.',
    file: 'core/chainfire/client/recipes/queue.ts',
    anchor: 'if (before === undefined) this.#acquire(response.header);',
    replacement: 'if (before === undefined || before.version > 0) this.#acquire(response.header);',
    caughtBy: ['lock-exclusion'],
    scenarios: lockScenarios,
  },
  {
    name: 'lock-without-a-second-look',
    about:
      'Whoever waits takes the lock when the key before its own is deleted, whoever stands in front of that one.',
    file: 'core/chainfire/client/recipes/queue.ts',
    anchor: "this.#effects.push({ kind: 'unwatch' });\n    this.#look();",
    replacement: "this.#effects.push({ kind: 'unwatch' });\n    this.#acquire(undefined);",
    caughtBy: ['lock-exclusion'],
    scenarios: lockScenarios,
  },
  {
    name: 'lease-read-without-drift',
    about:
      'A leader reads on its lease for as long as its own clock says that the promise lasts (dissertation §6.4.1).',
    file: 'core/raft/lease.ts',
    anchor: 'return Math.floor((wholeUs * (million - clockDriftPpmMax)) / (million + clockDriftPpmMax)) - 1;',
    replacement: 'return wholeUs;',
    caughtBy: ['linearizability', 'revisions'],
    scenarios: ['leaseholder-cut-off', 'process-pause-with-stale-reads', 'swarm'],
  },
  {
    name: 'lease-counted-from-the-answer',
    about: 'A leader counts its lease from the answer to a heartbeat, not from when that was sent.',
    file: 'core/raft/lease.ts',
    anchor: 'const untilUs = promise.sentUs + countableUs',
    replacement: 'const untilUs = state.nowUs + countableUs',
    caughtBy: ['linearizability', 'revisions'],
    scenarios: ['process-pause-with-stale-reads', 'leaseholder-cut-off', 'swarm'],
  },
  {
    name: 'ttl-reset-by-an-election',
    about: 'Whenever a leader is found, every lease begins its time to live anew (etcd 9888).',
    file: 'core/chainfire/lease/leases.ts',
    anchor: 'this.#renewals.leaderFound();',
    replacement: 'this.#renewals.leaderFound();\n    this.#table.renewAll();',
    also: [
      {
        file: 'core/chainfire/lease/lease-table.ts',
        anchor: '  get size(): number {',
        replacement:
          '  renewAll(): void {\n    for (const lease of this.#leases.values()) this.#renewed.add(lease);\n  }\n\n  get size(): number {',
      },
    ],
    caughtBy: ['lease-not-late'],
    scenarios: ['leases-under-elections'],
  },
  {
    name: 'expiry-spares-nobody',
    about:
      'A lease ends as its leader had found it, though it was renewed in the log behind what the leader had seen (etcd 15247).',
    file: 'core/chainfire/lease/lease-table.ts',
    anchor: 'if (lease === undefined || lease.renewedIndex > appliedIndex) continue;',
    replacement: 'if (lease === undefined || appliedIndex < 0) continue;',
    caughtBy: ['lease-not-early', 'lock-exclusion'],
    scenarios: ['keepalive-storm', 'lease-across-leader-change-under-drift'],
  },
];
