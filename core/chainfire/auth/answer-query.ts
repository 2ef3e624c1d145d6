import { unreachable } from '../../base/assert.ts';
import { refused } from '../../base/refusal.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { etcdRefusal } from '../refusals.ts';
import { type AuthState } from './auth-state.ts';
import { type Caller } from './caller.ts';
import { AuthAnswer, type AuthQuery, authQuestions } from './protocol.ts';

/**
 * What may be known of users and roles. As in etcd, everybody may ask for their own user and for the roles that they hold, and
 * only the root role for more. What the hash of a password is, nobody learns but the process that checks passwords.
 */
export function answerAuthQuery(
  state: AuthState,
  { question, user: userName, role: roleName }: AuthQuery,
  caller: Caller | undefined,
): AuthAnswer | MemberRefusal {
  const denied = state.refuseAdministration(caller);
  switch (question) {
    case authQuestions.status:
    case authQuestions.root:
      return denied ?? answer(state);
    case authQuestions.userList:
      return denied ?? answer(state, { names: state.userNames() });
    case authQuestions.roleList:
      return denied ?? answer(state, { names: state.roleNames() });
    case authQuestions.userGet: {
      if (denied !== undefined && !(isOf(denied) && caller?.user === userName)) return denied;
      const user = state.user(userName);
      return user === undefined ? etcdRefusal('USER_NOT_FOUND') : answer(state, { names: user.roles });
    }
    case authQuestions.roleGet: {
      const holds = caller !== undefined && state.hasRole(caller.user, roleName);
      if (denied !== undefined && !(isOf(denied) && holds)) return denied;
      const role = state.role(roleName);
      if (role === undefined) return etcdRefusal('ROLE_NOT_FOUND');
      return answer(state, { permissions: role.permissions });
    }
    case authQuestions.password: {
      if (caller?.isProcess !== true) return etcdRefusal('PERMISSION_DENIED');
      const user = state.user(userName);
      return answer(state, { passwordHash: user?.passwordHash ?? '', noPassword: user?.noPassword ?? false });
    }
    default:
      return unreachable(question as never);
  }
}

/** What a query says wrong, whatever the state is. */
export function checkAuthQuery({ question }: AuthQuery): MemberRefusal | undefined {
  const known: readonly number[] = Object.values(authQuestions);
  if (known.includes(question)) return undefined;
  return refused('INVALID_OPERATION', `AuthQuery.question is ${question}; it is one of ${known.join(', ')}`);
}

/** The caller is known, and is not the administrator: what is its own it may still ask for. */
function isOf({ code }: MemberRefusal): boolean {
  return code === 'PERMISSION_DENIED';
}

function answer(state: AuthState, given: Partial<AuthAnswer> = {}): AuthAnswer {
  return AuthAnswer.create({ enabled: state.enabled, authRevision: state.revision, ...given });
}
