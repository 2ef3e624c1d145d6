import { unreachable } from '../../base/assert.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { refused } from '../../base/refusal.ts';
import { Permission, permissionTypes } from '../api/auth.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { etcdRefusal } from '../refusals.ts';
import { type AuthState, type AuthUser, inOrder, rootName } from './auth-state.ts';
import { type Caller } from './caller.ts';
import { nameBytesMax } from './keys.ts';
import { type AuthChange, authActions } from './protocol.ts';

/** Of a role; each is looked at when the role of a user is put together. */
const permissionsMax = 10_000;
/** Of a user. */
const rolesMax = 1_000;

/**
 * Carries out a change of the log, or says why not; what it decides by is replicated.
 *
 * As in etcd: what is there already is granted again without a word, and while authentication is enabled root stays what it is.
 */
export function applyAuthChange(
  state: AuthState,
  change: AuthChange,
  caller: Caller | undefined,
): MemberRefusal | undefined {
  const { action } = change;
  if (action === authActions.tokenAssign) return assignToken(state, change, caller);
  const refusal = state.refuseAdministration(caller);
  if (refusal !== undefined) return refusal;
  switch (action) {
    case authActions.enable:
      return enable(state);
    case authActions.disable:
      if (state.enabled) state.setEnabled(false);
      return undefined;
    case authActions.userAdd:
    case authActions.userDelete:
    case authActions.userChangePassword:
      return changeUser(state, change);
    case authActions.userGrantRole:
    case authActions.userRevokeRole:
      return changeRolesOfUser(state, change);
    case authActions.roleAdd:
      if (change.role === '') return etcdRefusal('ROLE_NAME_EMPTY');
      if (state.role(change.role) !== undefined) return etcdRefusal('ROLE_EXISTS');
      state.setRole({ name: change.role, permissions: [] });
      return undefined;
    case authActions.roleDelete:
      if (state.enabled && change.role === rootName) return etcdRefusal('INVALID_AUTH_MANAGEMENT');
      if (state.role(change.role) === undefined) return etcdRefusal('ROLE_NOT_FOUND');
      state.deleteRole(change.role);
      return undefined;
    case authActions.roleGrantPermission:
      return grantPermission(state, change);
    case authActions.roleRevokePermission:
      return revokePermission(state, change);
    default:
      return unreachable(action as never);
  }
}

/** What a change says wrong, whatever the state is: found before anything is proposed. */
export function checkAuthChange(change: AuthChange): MemberRefusal | undefined {
  const { action, user, role, permission } = change;
  const known: readonly number[] = Object.values(authActions);
  if (!known.includes(action)) {
    return refused('INVALID_OPERATION', `AuthChange.action is ${action}; it is one of ${known.join(', ')}`);
  }
  for (const [what, name] of [
    ['user', user],
    ['role', role],
  ] as const) {
    const bytes = utf8LengthOf(name);
    if (bytes <= nameBytesMax) continue;
    return refused(
      'NAME_TOO_LONG',
      `the ${what}'s name takes ${bytes} bytes; at most ${nameBytesMax} are allowed`,
    );
  }
  if (permission === undefined) return undefined;
  const types: readonly number[] = Object.values(permissionTypes);
  if (types.includes(permission.type)) return undefined;
  const allowed = Object.entries(permissionTypes).map(([name, number]) => `${number} (${name})`);
  return refused(
    'INVALID_OPERATION',
    `Permission.permType is ${permission.type}; it is one of ${allowed.join(', ')}`,
  );
}

function enable(state: AuthState): MemberRefusal | undefined {
  if (state.enabled) return undefined;
  const root = state.user(rootName);
  if (root === undefined) return etcdRefusal('ROOT_USER_NOT_FOUND');
  if (!root.roles.includes(rootName)) return etcdRefusal('ROOT_ROLE_NOT_GRANTED');
  state.setEnabled(true);
  return undefined;
}

function changeUser(state: AuthState, change: AuthChange): MemberRefusal | undefined {
  const { action, user: name, passwordHash, noPassword } = change;
  const known = state.user(name);
  if (action === authActions.userAdd) {
    if (name === '') return etcdRefusal('USER_NAME_EMPTY');
    if (known !== undefined) return etcdRefusal('USER_EXISTS');
    state.setUser({ name, passwordHash, noPassword, roles: [] });
    return undefined;
  }
  if (action === authActions.userDelete) {
    if (state.enabled && name === rootName) return etcdRefusal('INVALID_AUTH_MANAGEMENT');
    if (known === undefined) return etcdRefusal('USER_NOT_FOUND');
    state.deleteUser(name);
    return undefined;
  }
  if (known === undefined) return etcdRefusal('USER_NOT_FOUND');
  state.setUser({ ...known, passwordHash, noPassword: false });
  state.revokeTokens(name);
  return undefined;
}

function changeRolesOfUser(state: AuthState, change: AuthChange): MemberRefusal | undefined {
  const { action, user: name, role } = change;
  if (action === authActions.userRevokeRole) {
    if (state.enabled && name === rootName && role === rootName) {
      return etcdRefusal('INVALID_AUTH_MANAGEMENT');
    }
    const user = state.user(name);
    if (user === undefined) return etcdRefusal('USER_NOT_FOUND');
    if (!user.roles.includes(role)) return etcdRefusal('ROLE_NOT_GRANTED');
    setRoles(
      state,
      user,
      user.roles.filter((held) => held !== role),
    );
    return undefined;
  }
  const user = state.user(name);
  if (user === undefined) return etcdRefusal('USER_NOT_FOUND');
  // root is granted without there being a role of that name, as in etcd.
  if (role !== rootName && state.role(role) === undefined) return etcdRefusal('ROLE_NOT_FOUND');
  if (user.roles.includes(role)) return undefined;
  if (user.roles.length >= rolesMax) return tooMany('roles of a user', rolesMax);
  setRoles(state, user, [...user.roles, role].sort(inOrder));
  return undefined;
}

function setRoles(state: AuthState, user: AuthUser, roles: readonly string[]): void {
  state.setUser({ ...user, roles });
}

function grantPermission(
  state: AuthState,
  { role: name, permission }: AuthChange,
): MemberRefusal | undefined {
  if (permission === undefined) return etcdRefusal('PERMISSION_NOT_GIVEN');
  const role = state.role(name);
  if (role === undefined) return etcdRefusal('ROLE_NOT_FOUND');
  const given = Permission.create(permission);
  const at = role.permissions.findIndex((known) => isOfSameKeys(known, given));
  if (at < 0 && role.permissions.length >= permissionsMax) {
    return tooMany('permissions of a role', permissionsMax);
  }
  // As in etcd: in the order of their keys, those of one key in the order in which they were granted.
  const permissions = at < 0 ? [...role.permissions, given].sort(byKey) : role.permissions.with(at, given);
  state.setRole({ ...role, permissions });
  return undefined;
}

function revokePermission(
  state: AuthState,
  { role: name, key, rangeEnd }: AuthChange,
): MemberRefusal | undefined {
  const role = state.role(name);
  if (role === undefined) return etcdRefusal('ROLE_NOT_FOUND');
  const permissions = role.permissions.filter((known) => !isOfSameKeys(known, { key, rangeEnd }));
  if (permissions.length === role.permissions.length) return etcdRefusal('PERMISSION_NOT_GRANTED');
  state.setRole({ ...role, permissions });
  return undefined;
}

/** A password was found right under a revision: behind a later change it may not be any more, and is looked at again. */
function assignToken(
  state: AuthState,
  { user, tokenDigest, authRevision }: AuthChange,
  caller: Caller | undefined,
): MemberRefusal | undefined {
  if (caller?.isProcess !== true) return etcdRefusal('PERMISSION_DENIED');
  if (!state.enabled) return etcdRefusal('AUTH_NOT_ENABLED');
  if (authRevision !== state.revision) return etcdRefusal('AUTH_REVISION_OLD');
  if (state.user(user) === undefined) return etcdRefusal('AUTH_FAILED');
  state.assignToken(user, tokenDigest);
  return undefined;
}

function isOfSameKeys(
  left: Pick<Permission, 'key' | 'rangeEnd'>,
  right: Pick<Permission, 'key' | 'rangeEnd'>,
): boolean {
  return left.key === right.key && left.rangeEnd === right.rangeEnd;
}

function byKey(left: Pick<Permission, 'key'>, right: Pick<Permission, 'key'>): number {
  return inOrder(left.key, right.key);
}

function tooMany(what: string, most: number): MemberRefusal {
  return refused('TOO_MANY_GRANTS', `there are ${most} ${what}, the most there can be`);
}
