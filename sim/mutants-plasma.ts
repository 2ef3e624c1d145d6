import { type Mutant } from './mutant.ts';

/** Bugs of the VM platform: what others have had, or what it would have without one of its rules. */
export const plasmaMutants: readonly Mutant[] = [
  {
    name: 'plasma-lease-counted-from-reply',
    about: 'An agent counts its lease from when it was told of it, which may be long after the server has.',
    file: 'core/plasma/agent/server-session.ts',
    anchor: 'if (this.#take(call, response)) this.#lastRefusal',
    replacement: 'if (this.#take({ ...call, sentAtUs: nowUs }, response)) this.#lastRefusal',
    caughtBy: ['never-twice', 'capacity-reused-late'],
    scenarios: ['plasma-slow-answers'],
  },
  {
    name: 'plasma-node-lost-without-margin',
    about:
      "A node's virtual machines are placed elsewhere as soon as its lease is over by the server's own clock.",
    file: 'core/plasma/control-plane/settings.ts',
    anchor:
      'return nodeLeaseTtlUs + Math.ceil((nodeLeaseTtlUs * 2 * clockDriftPpmMax) / 1_000_000) + killTimeUs;',
    replacement: 'return nodeLeaseTtlUs + 0 * (clockDriftPpmMax + killTimeUs);',
    caughtBy: ['never-twice', 'capacity-reused-late'],
    scenarios: ['plasma-clock-drift'],
  },
  {
    name: 'plasma-no-inventory',
    about:
      'An agent that starts does not look at what runs there: it says that nothing does, and starts it again.',
    file: 'core/plasma/agent/inventory.ts',
    anchor: 'for (const one of found.instances) {',
    replacement: 'for (const one of found.instances.slice(found.instances.length)) {',
    caughtBy: ['inventory-first', 'never-twice', 'capacity-reused-late', 'liveness', 'invariant'],
    scenarios: ['plasma-agent-crash', 'plasma'],
  },
  {
    name: 'plasma-deposed-leader-commits',
    about:
      'Commits compare neither the term nor the number of the last one: who was deposed goes on deciding.',
    file: 'core/plasma/control-plane/commits.ts',
    anchor: "compares: [{ kind: 'createRevision', key: leader, equals: this.#term }, number],",
    replacement: 'compares: number === undefined ? [number] : [],',
    caughtBy: ['terms-fenced', 'answered-alike', 'never-twice', 'capacity-kept', 'one-vm-a-request'],
    scenarios: ['plasma-leader-deposed', 'plasma'],
  },
  {
    name: 'plasma-stale-token-opens',
    about: 'A disk is opened under whatever token is named, and the newest is the one that came last.',
    file: 'core/plasma/storage/disk-plan.ts',
    anchor: 'if (row.vm === undefined || row.vm === vm) return fenceToken < row.newest;',
    replacement: 'if (row.vm === undefined || row.vm === vm) return fenceToken < 0;',
    caughtBy: ['newest-token-writes', 'invariant'],
    scenarios: ['plasma-late-opening'],
  },
  {
    name: 'plasma-source-continues',
    about:
      'The source of a migration that is to hand over goes on running instead: QEMU lets it, and both run.',
    file: 'core/plasma/agent/next-step.ts',
    anchor: "return now.mayStart || !mustStop(vm) ? { kind: 'handOver' } : kill;",
    replacement: "return now.mayStart || !mustStop(vm) ? { kind: 'cancelMigration' } : kill;",
    also: [
      {
        file: 'core/plasma/agent/next-step.ts',
        anchor: "if (process.phase !== 'handingOver' || process.handOverDueUs === undefined) return kill;",
        replacement:
          "if (process.phase === 'running') return wait; if (process.handOverDueUs === undefined) return kill;",
      },
    ],
    caughtBy: ['never-twice'],
    scenarios: ['plasma-migration-cut'],
  },
  {
    name: 'plasma-create-not-deduplicated',
    about: 'A request to make a virtual machine is carried out each time that it is asked.',
    file: 'core/plasma/control-plane/mutations.ts',
    anchor: 'if (before !== undefined) {',
    replacement: "if (before !== undefined && request.kind !== 'vmCreate') {",
    caughtBy: ['one-vm-a-request', 'answered-alike'],
    scenarios: ['plasma-create-retried'],
  },
  {
    name: 'plasma-capacity-freed-at-the-request',
    about: 'What a virtual machine takes is free as soon as somebody has asked for it to be stopped.',
    file: 'core/plasma/control-plane/vm-life.ts',
    anchor: "return toldSince(placement, row.generation, withoutProcess) ? { ...row, counts: 'disk' } : row;",
    replacement: "return { ...row, counts: 'disk' };",
    caughtBy: ['capacity-reused-late'],
    scenarios: ['plasma-tight-rules', 'plasma'],
  },
  {
    name: 'plasma-anti-affinity-of-others-ignored',
    about:
      'Anti-affinity is looked at only when the one that asks for it is scheduled: another comes to it later.',
    file: 'core/plasma/placement/node-filter.ts',
    anchor: 'for (const each of this.#away) if (markAt(each, slot) !== 0) return false;',
    replacement: 'for (const each of this.#away) if ((markAt(each, slot) & byOwnRule) !== 0) return false;',
    caughtBy: ['rules-kept', 'invariant'],
    scenarios: ['plasma-drain', 'plasma-tight-rules', 'plasma'],
  },
  {
    name: 'plasma-unknown-is-killed',
    about:
      'A server that has not read what the store has takes it for empty, and has what it does not know killed.',
    file: 'core/plasma/control-plane/desired.ts',
    anchor: "fenceToken <= proof.fenceToken ? 'kill' : 'orphan'",
    replacement: "fenceToken <= proof.fenceToken ? 'kill' : 'kill'",
    also: [
      {
        file: 'core/plasma/control-plane/takeover.ts',
        anchor: "for (const row of found.vms) memory.load('vms', row);",
        replacement: '',
      },
    ],
    caughtBy: ['removed-on-evidence', 'liveness', 'capacity-kept', 'rules-kept'],
    scenarios: ['plasma', 'plasma-agent-crash', 'plasma-create-retried'],
  },
  {
    name: 'plasma-disk-removed-before-the-commit',
    about:
      'The data of a shared disk are removed as soon as somebody leads who has decided that it is deleted.',
    file: 'core/plasma/control-plane/leader.ts',
    anchor: 'this.#commits.begin(this.#memory.takeBatch());',
    replacement:
      'const batch = this.#memory.takeBatch(); this.#removals.onCommitted(batch); this.#commits.begin(batch);',
    caughtBy: ['removed-on-evidence'],
    scenarios: ['plasma-disk-deleted'],
  },
  {
    name: 'plasma-disk-name-used-again',
    about: 'A shared disk has on the storage node the name of the one that was deleted before it.',
    file: 'core/plasma/control-plane/catalogue-requests.ts',
    anchor: 'const candidate = turn === 0 ? `${name}.${revision}` :',
    replacement: 'const candidate = turn === 0 ? name :',
    caughtBy: ['liveness'],
    scenarios: ['plasma-disk-deleted'],
  },
  {
    name: 'plasma-fetch-begins-anew',
    about: 'An agent that starts fetches an image from its beginning, whatever of it is there.',
    file: 'core/plasma/images/image-fetch.ts',
    anchor: 'this.#partialBytes = options.partialBytes;',
    replacement: 'this.#partialBytes = 0 * options.partialBytes;',
    caughtBy: ['fetch-resumed'],
    scenarios: ['plasma-image-fetch-cut'],
  },
  {
    name: 'plasma-wrong-image-kept',
    about:
      'What was fetched and turned out to be another image stays there, and is found to be wrong each time.',
    file: 'core/plasma/images/image-fetch.ts',
    anchor: 'if (event.wrong) this.#onWrong(event.reason);',
    replacement: 'if (event.wrong) this.#giveUp(event.reason);',
    caughtBy: ['liveness'],
    scenarios: ['plasma-image-fetch-cut'],
  },
  {
    name: 'plasma-image-removed-in-use',
    about: 'An image goes from the catalogue although there are virtual machines on it.',
    file: 'core/plasma/control-plane/catalogue-requests.ts',
    anchor: 'spec.disks.some((disk) => disk.image === image.digest)',
    replacement: 'spec.disks.some((disk) => disk.image === image.name)',
    caughtBy: ['images-whole'],
    scenarios: ['plasma-image-fetch-cut'],
  },
  {
    name: 'plasma-operation-begun-again',
    about: 'An agent that starts begins again what was begun when it died, whatever has come of it.',
    file: 'core/plasma/agent/inventory.ts',
    anchor: 'vm.operations = known.operations.map(withoutDoubt);',
    replacement:
      "vm.operations = known.operations.filter(({ outcome }) => outcome !== 'begun').map(withoutDoubt);",
    caughtBy: ['operations-once'],
    scenarios: ['plasma-snapshots'],
  },
  {
    name: 'plasma-snapshots-of-a-lost-node',
    about: 'What is placed anew is said to have the snapshots that lie on the node where it was.',
    file: 'core/plasma/control-plane/vm-life.ts',
    anchor: 'snapshots: [],',
    replacement: 'snapshots: row.snapshots,',
    caughtBy: ['operations-once'],
    scenarios: ['plasma-snapshots'],
  },
  {
    name: 'plasma-shutdown-is-a-failure',
    about: 'A guest that has shut down is started again when it is only to be after failures.',
    file: 'core/plasma/agent/restart-policy.ts',
    anchor: "return policy === 'always';",
    replacement: "return policy !== 'never';",
    caughtBy: ['restarts-kept'],
    scenarios: ['plasma-guests-end'],
  },
  {
    name: 'plasma-restarts-at-once',
    about: 'What has ended by itself is started again without a wait, as often as it likes to end.',
    file: 'core/plasma/agent/end-step.ts',
    anchor:
      'vm.startNotBeforeUs = nowUs + doubled(settings.restartUsMin, settings.restartUsMax, vm.restartsInRow);',
    replacement:
      'vm.startNotBeforeUs = nowUs + 0 * doubled(settings.restartUsMin, settings.restartUsMax, 0);',
    caughtBy: ['restarts-kept'],
    scenarios: ['plasma-guests-end'],
  },
  {
    name: 'plasma-panic-left-standing',
    about: 'A guest that has panicked stands for ever where it is to be started again after failures.',
    file: 'core/plasma/agent/next-step.ts',
    anchor: "if (desired.spec.restartPolicy === 'never') return operate(vm, desired);",
    replacement: "if (desired.spec.restartPolicy !== 'always') return operate(vm, desired);",
    caughtBy: ['liveness'],
    scenarios: ['plasma-guests-end'],
  },
];
