import { type Prng } from '../core/base/prng.ts';
import { permissionTypes } from '../core/chainfire/api/auth.ts';
import { AuthChange, authActions, Credential, credentialKinds } from '../core/chainfire/auth/protocol.ts';
import { type MemberRequest } from '../core/chainfire/member-protocol.ts';
import { type WorkloadPlan } from './types.ts';

/** Of the administrator and of every other user; few, so that the same one is changed and used at once. */
const administrator = 'root';
const users = ['ann', 'bob', 'eve'] as const;
const roles = ['red', 'green'] as const;

/** In the order in which they have to happen; drawn again and again, so that all of them do. */
const beginnings: readonly Partial<AuthChange>[] = [
  { action: authActions.userAdd, user: administrator },
  { action: authActions.userGrantRole, user: administrator, role: administrator },
  { action: authActions.enable },
];

/** Whom a client speaks for; undefined in a plan without users. */
export function userOfClient(plan: WorkloadPlan, client: number): Credential | undefined {
  if ((plan.mix.auth ?? 0) === 0) return undefined;
  const names = [administrator, ...users];
  const name = names[client % names.length] ?? administrator;
  return Credential.create({ kind: credentialKinds.user, name });
}

/**
 * What an administrator does next: users and roles come and go, permissions are given and taken, and now and then nobody is
 * asked any more who they are. Most of it is refused, since it is done already; it need not be right to be carried out alike.
 */
export function drawAuthChange(
  prng: Prng,
  drawSpan: () => { readonly key: string; readonly rangeEnd: string },
): MemberRequest {
  const by = Credential.create({ kind: credentialKinds.user, name: administrator });
  return { kind: 'authChange', request: AuthChange.create(drawFields(prng, drawSpan)), by };
}

function drawFields(
  prng: Prng,
  drawSpan: () => { readonly key: string; readonly rangeEnd: string },
): Partial<AuthChange> {
  if (prng.chance(1, 3)) return beginnings[prng.below(beginnings.length)] ?? {};
  const user = users[prng.below(users.length)] ?? users[0];
  const role = roles[prng.below(roles.length)] ?? roles[0];
  const { key, rangeEnd } = drawSpan();
  switch (prng.below(16)) {
    case 0:
    case 1:
      return { action: authActions.userAdd, user };
    case 2:
    case 3:
      return { action: authActions.roleAdd, role };
    case 4:
      return { action: authActions.userDelete, user };
    case 5:
      return { action: authActions.roleDelete, role };
    case 6:
    case 7:
    case 8:
      return { action: authActions.userGrantRole, user, role };
    case 9:
      return { action: authActions.userRevokeRole, user, role };
    case 10:
    case 11:
    case 12:
      return {
        action: authActions.roleGrantPermission,
        role,
        permission: { type: prng.below(Object.keys(permissionTypes).length), key, rangeEnd },
      };
    case 13:
    case 14:
      return { action: authActions.roleRevokePermission, role, key, rangeEnd };
    default:
      return { action: prng.chance(1, 4) ? authActions.disable : authActions.enable };
  }
}
