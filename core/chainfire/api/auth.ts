import {
  bool,
  enumeration,
  type Infer,
  latin1,
  message,
  nested,
  repeated,
  text,
  uint64,
} from '../../wire/protobuf.ts';
import { ResponseHeader } from './kv.ts';

/**
 * The messages of etcd's Auth service, as clients send and get them. Passwords are in some of these; the adapter that takes
 * them in makes hashes of them, and the member sees `AuthChange` and `AuthQuery` only.
 */
export const permissionTypes = { read: 0, write: 1, readWrite: 2 } as const;

export const Permission = message('Permission', {
  type: enumeration(1),
  key: latin1(2),
  rangeEnd: latin1(3),
});
export type Permission = Infer<typeof Permission>;

export const UserAddOptions = message('UserAddOptions', { noPassword: bool(1) });

export const AuthEnableRequest = message('AuthEnableRequest', {});
export const AuthDisableRequest = message('AuthDisableRequest', {});
export const AuthStatusRequest = message('AuthStatusRequest', {});
export const AuthenticateRequest = message('AuthenticateRequest', { name: text(1), password: text(2) });
export const AuthUserAddRequest = message('AuthUserAddRequest', {
  name: text(1),
  password: text(2),
  options: nested(3, () => UserAddOptions),
});
export const AuthUserGetRequest = message('AuthUserGetRequest', { name: text(1) });
export const AuthUserListRequest = message('AuthUserListRequest', {});
export const AuthUserDeleteRequest = message('AuthUserDeleteRequest', { name: text(1) });
export const AuthUserChangePasswordRequest = message('AuthUserChangePasswordRequest', {
  name: text(1),
  password: text(2),
});
export const AuthUserGrantRoleRequest = message('AuthUserGrantRoleRequest', { user: text(1), role: text(2) });
export const AuthUserRevokeRoleRequest = message('AuthUserRevokeRoleRequest', {
  name: text(1),
  role: text(2),
});
export const AuthRoleAddRequest = message('AuthRoleAddRequest', { name: text(1) });
export const AuthRoleGetRequest = message('AuthRoleGetRequest', { role: text(1) });
export const AuthRoleListRequest = message('AuthRoleListRequest', {});
export const AuthRoleDeleteRequest = message('AuthRoleDeleteRequest', { role: text(1) });
export const AuthRoleGrantPermissionRequest = message('AuthRoleGrantPermissionRequest', {
  name: text(1),
  permission: nested(2, () => Permission),
});
export const AuthRoleRevokePermissionRequest = message('AuthRoleRevokePermissionRequest', {
  role: text(1),
  key: latin1(2),
  rangeEnd: latin1(3),
});

/** What eleven of the calls answer with: AuthEnable, UserAdd, RoleDelete … */
export const AuthHeaderResponse = message('AuthHeaderResponse', { header: nested(1, () => ResponseHeader) });
export const AuthStatusResponse = message('AuthStatusResponse', {
  header: nested(1, () => ResponseHeader),
  enabled: bool(2),
  authRevision: uint64(3),
});
export const AuthenticateResponse = message('AuthenticateResponse', {
  header: nested(1, () => ResponseHeader),
  token: text(2),
});
export const AuthUserGetResponse = message('AuthUserGetResponse', {
  header: nested(1, () => ResponseHeader),
  roles: repeated(text(2)),
});
export const AuthUserListResponse = message('AuthUserListResponse', {
  header: nested(1, () => ResponseHeader),
  users: repeated(text(2)),
});
export const AuthRoleGetResponse = message('AuthRoleGetResponse', {
  header: nested(1, () => ResponseHeader),
  permissions: repeated(nested(2, () => Permission)),
});
export const AuthRoleListResponse = message('AuthRoleListResponse', {
  header: nested(1, () => ResponseHeader),
  roles: repeated(text(2)),
});
