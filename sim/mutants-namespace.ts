import { type Mutant } from './mutant.ts';

const scenarios = ['namespaces-under-fire'] as const;
const countingScenarios = ['namespaces-counted-under-fire'] as const;
/** A sum that is wrong falls below nothing sooner or later. */
const usage = ['namespace-usage', 'invariant'] as const;

/** Bugs in what namespaces hold, and may hold. */
export const namespaceMutants: readonly Mutant[] = [
  {
    name: 'snapshot-without-namespaces',
    about: 'A member that has installed a snapshot goes on with the namespaces, and the sums, that it had.',
    file: 'core/chainfire/apply.ts',
    anchor: 'this.#namespaces.reload();',
    replacement: '',
    caughtBy: usage,
    scenarios,
  },
  {
    name: 'expiry-gives-nothing-back',
    about: 'Keys that go with their lease go on counting in their namespace.',
    file: 'core/chainfire/mvcc/mvcc.ts',
    anchor: 'if (this.#accounts?.isEmpty === false) this.#accounts.deleted(key, row);',
    replacement:
      'if (this.#accounts?.isEmpty === false && leaseOfRecord(row) === 0n) this.#accounts.deleted(key, row);',
    caughtBy: usage,
    scenarios,
  },
  {
    name: 'quota-by-who-was-asked',
    about:
      'Only the member that was asked holds a put to the limits; the others apply it as it stands in the log.',
    file: 'core/chainfire/apply.ts',
    anchor: 'const response = this.#execute(command);',
    replacement:
      'Object.assign(command, { isOwn: command.member === proposer.member });\n' +
      '    const response = this.#execute(command);',
    also: [
      {
        file: 'core/chainfire/apply.ts',
        anchor: 'executePut(mvcc, this.#leaseExists, command.put, this.#quota)',
        replacement:
          "executePut(mvcc, this.#leaseExists, command.put, 'isOwn' in command && command.isOwn ? this.#quota : undefined)",
      },
    ],
    caughtBy: ['state-machine-safety', 'namespace-limits'],
    scenarios,
  },
  {
    name: 'quota-before-the-log',
    about:
      'Limits are held against what was there when a batch of entries came, not what each of them meets.',
    file: 'core/chainfire/namespace/quota.ts',
    anchor: 'if (added > 0 && namespace[measure] + added > limit) return { namespace, measure, added };',
    replacement:
      'const row = this.#mvcc.store.get(namespaceTable, namespaceKey(namespace.id));\n' +
      '        const before = row === undefined ? 0 : decodeNamespace(row)[measure];\n' +
      '        if (added > 0 && before + added > limit) return { namespace, measure, added };',
    also: [
      {
        file: 'core/chainfire/namespace/quota.ts',
        anchor: "import { rangeOfPrefix } from './prefixes.ts';",
        replacement:
          "import { rangeOfPrefix } from './prefixes.ts';\n" +
          "import { namespaceKey, namespaceTable } from './keys.ts';\n" +
          "import { decodeNamespace } from './namespace.ts';",
      },
    ],
    caughtBy: ['namespace-limits', 'state-machine-safety'],
    scenarios,
  },
  {
    name: 'txn-by-gross',
    about: 'A transaction is judged by what it puts, whatever room it makes.',
    file: 'core/chainfire/namespace/quota.ts',
    anchor:
      'if (deletes.length > 0 && this.#excess(growth) !== undefined) this.#addDeletes(growth, deletes);',
    replacement: '',
    caughtBy: ['namespace-limits'],
    scenarios,
  },
  {
    name: 'txn-beyond-the-quota',
    about: 'Transactions are held to no limit.',
    file: 'core/chainfire/apply.ts',
    anchor: 'executeTxn(mvcc, this.#leaseExists, command.txn, this.#quota)',
    replacement: 'executeTxn(mvcc, this.#leaseExists, command.txn)',
    caughtBy: ['namespace-limits'],
    scenarios,
  },
  {
    name: 'lease-keys-not-written',
    about: 'How many keys a lease has in a namespace is lost with every batch.',
    file: 'core/chainfire/namespace/namespaces.ts',
    anchor: 'for (const [key, count] of this.#leaseKeys) {',
    replacement: 'for (const [key, count] of new Map<string, number>()) {',
    caughtBy: usage,
    scenarios,
  },
  {
    name: 'counted-behind-the-cursor',
    about:
      'A change behind the place that counting has reached counts at once, and again when its turn comes.',
    file: 'core/chainfire/namespace/namespace.ts',
    anchor: 'return this.countedTo === undefined || key < this.countedTo;',
    replacement: 'return key.length >= 0;',
    caughtBy: usage,
    scenarios: countingScenarios,
  },
];
