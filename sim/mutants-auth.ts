import { type Mutant } from './mutant.ts';

const authScenarios = ['users-under-fire'] as const;

/** Bugs in who may do what. */
export const authMutants: readonly Mutant[] = [
  {
    name: 'watch-outlives-its-permission',
    about: 'A watch goes on when its user may no longer read what it watches.',
    file: 'core/chainfire/watch/hub.ts',
    anchor: 'if (!this.#authority.moved(nowUs)) return;',
    replacement: 'this.#authority.moved(nowUs);\n    if (nowUs >= 0) return;',
    caughtBy: ['allowed-answers'],
    scenarios: authScenarios,
  },
  {
    name: 'permission-of-the-first-branch',
    about: 'Of a transaction only the branch that is taken when all compares hold needs a permission.',
    file: 'core/chainfire/auth/accesses.ts',
    anchor: 'return this.#branch(txn.success) ?? this.#branch(txn.failure);',
    replacement: 'return this.#branch(txn.success);',
    caughtBy: ['allowed-answers'],
    scenarios: authScenarios,
  },
  {
    name: 'snapshot-without-users',
    about: 'A member that has installed a snapshot goes on with the users that it had.',
    file: 'core/chainfire/apply.ts',
    anchor: 'this.#auth.reload(this.#store);',
    replacement: '',
    caughtBy: ['allowed-answers', 'state-machine-safety', 'convergence'],
    scenarios: authScenarios,
  },
  {
    name: 'auth-by-who-was-asked',
    about: 'Whether authentication is enabled changes at the member that was asked alone (etcd 14571).',
    file: 'core/chainfire/apply.ts',
    anchor: 'const response = this.#execute(command);',
    replacement:
      'const isForeign = command.authChange?.action === 1 && command.member !== proposer.member;\n' +
      '    const response = isForeign ? undefined : this.#execute(command);',
    caughtBy: ['state-machine-safety', 'convergence', 'allowed-answers'],
    scenarios: authScenarios,
  },
];
