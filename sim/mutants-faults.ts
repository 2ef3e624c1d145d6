import { type Mutant } from './mutant.ts';

/** Bugs in what is made of disks that lose and of clocks that jump. */
export const faultMutants: readonly Mutant[] = [
  {
    name: 'wall-clock-leases',
    about: 'Leases are counted by the wall clock: a jump ends them early, or keeps them.',
    file: 'core/chainfire/member.ts',
    anchor: 'this.#wallClockUs = event.wallUs;',
    replacement: 'this.#wallClockUs = event.wallUs;\n        this.#leases.wallClock(event.wallUs - nowUs);',
    also: [
      {
        file: 'core/chainfire/lease/leases.ts',
        anchor: '  /** The table has moved:',
        replacement:
          '  #firstAheadUs: number | undefined;\n\n' +
          '  wallClock(aheadUs: number): void {\n' +
          '    this.#firstAheadUs ??= aheadUs;\n' +
          '    this.#deadlines.aheadUs = aheadUs - this.#firstAheadUs;\n  }\n\n' +
          '  /** The table has moved:',
      },
      {
        file: 'core/chainfire/lease/lease-deadlines.ts',
        anchor: '  restart(nowUs: number): void {',
        replacement:
          '  aheadUs = 0;\n\n  restart(plainUs: number): void {\n    const nowUs = plainUs + this.aheadUs;',
      },
      {
        file: 'core/chainfire/lease/lease-deadlines.ts',
        anchor: 'return this.#heap.peek()?.dueUs ?? Infinity;',
        replacement: 'return (this.#heap.peek()?.dueUs ?? Infinity) - this.aheadUs;',
      },
      {
        file: 'core/chainfire/lease/lease-deadlines.ts',
        anchor: '  nextOverdue(nowUs: number): Lease | undefined {',
        replacement:
          '  nextOverdue(plainUs: number): Lease | undefined {\n    const nowUs = plainUs + this.aheadUs;',
      },
      {
        file: 'core/chainfire/lease/lease-deadlines.ts',
        anchor: '  putOff(againUs: number): void {',
        replacement: '  putOff(plainUs: number): void {\n    const againUs = plainUs + this.aheadUs;',
      },
    ],
    caughtBy: ['lease-not-early', 'lease-not-late', 'lock-exclusion', 'liveness'],
    scenarios: ['wall-clock-jumps', 'swarm'],
  },
  {
    name: 'damage-read-back-is-trusted',
    about:
      'What is read back from the log for a follower, or to be applied, is taken as it is, without its checksum.',
    file: 'core/storage/record-log.ts',
    anchor: 'const payload = itself ? intactPayload(bytes, 0, header) : undefined;',
    replacement: 'const payload = bytes.subarray(frameHeaderBytes);',
    caughtBy: [
      'thrown',
      'log-matching',
      'state-machine-safety',
      'invariant',
      'linearizability',
      'convergence',
    ],
    scenarios: ['misdirected-write', 'swarm'],
  },
  {
    name: 'failed-flush-counts-as-stored',
    about:
      'The ordered store goes on after a flush that did not fit, and says that it has stored what it has not.',
    file: 'sim/disk/store.ts',
    anchor: '        this.onFailed();\n        return;',
    replacement:
      '        this.#pending.splice(0, upTo - this.#storedSeq);\n' +
      '        this.#storedSeq = upTo;\n' +
      '        this.onStored(upTo);\n' +
      '        return;',
    caughtBy: [
      'thrown',
      'invariant',
      'data-lost',
      'state-machine-safety',
      'convergence',
      'durability',
      'linearizability',
    ],
    scenarios: ['store-full', 'swarm'],
  },
];
