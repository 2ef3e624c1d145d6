import * as api from '../../core/chainfire/api/auth.ts';
import { base64Latin1, bool, enumeration, list, text, uint64 } from './json-kinds.ts';
import { jsonMessage, named, nested } from './json-message.ts';
import { ResponseHeader } from './kv-messages.ts';

/** The messages of the Auth service in JSON. */
const header = nested(() => ResponseHeader);
const name = text;
const role = text;
const password = text;

export const Permission = jsonMessage(api.Permission, {
  type: named('permType', enumeration('authpb.Permission_Type', { READ: 0, WRITE: 1, READWRITE: 2 })),
  key: base64Latin1,
  rangeEnd: base64Latin1,
});
export const UserAddOptions = jsonMessage(api.UserAddOptions, { noPassword: bool });

export const AuthEnableRequest = jsonMessage(api.AuthEnableRequest, {});
export const AuthDisableRequest = jsonMessage(api.AuthDisableRequest, {});
export const AuthStatusRequest = jsonMessage(api.AuthStatusRequest, {});
export const AuthenticateRequest = jsonMessage(api.AuthenticateRequest, { name, password });
export const AuthUserAddRequest = jsonMessage(api.AuthUserAddRequest, {
  name,
  password,
  options: nested(() => UserAddOptions),
});
export const AuthUserGetRequest = jsonMessage(api.AuthUserGetRequest, { name });
export const AuthUserListRequest = jsonMessage(api.AuthUserListRequest, {});
export const AuthUserDeleteRequest = jsonMessage(api.AuthUserDeleteRequest, { name });
export const AuthUserChangePasswordRequest = jsonMessage(api.AuthUserChangePasswordRequest, {
  name,
  password,
});
export const AuthUserGrantRoleRequest = jsonMessage(api.AuthUserGrantRoleRequest, { user: text, role });
export const AuthUserRevokeRoleRequest = jsonMessage(api.AuthUserRevokeRoleRequest, { name, role });
export const AuthRoleAddRequest = jsonMessage(api.AuthRoleAddRequest, { name });
export const AuthRoleGetRequest = jsonMessage(api.AuthRoleGetRequest, { role });
export const AuthRoleListRequest = jsonMessage(api.AuthRoleListRequest, {});
export const AuthRoleDeleteRequest = jsonMessage(api.AuthRoleDeleteRequest, { role });
export const AuthRoleGrantPermissionRequest = jsonMessage(api.AuthRoleGrantPermissionRequest, {
  name,
  permission: named(
    'perm',
    nested(() => Permission),
  ),
});
export const AuthRoleRevokePermissionRequest = jsonMessage(api.AuthRoleRevokePermissionRequest, {
  role,
  key: base64Latin1,
  rangeEnd: base64Latin1,
});

export const AuthHeaderResponse = jsonMessage(api.AuthHeaderResponse, { header });
export const AuthStatusResponse = jsonMessage(api.AuthStatusResponse, {
  header,
  enabled: bool,
  authRevision: named('authRevision', uint64),
});
export const AuthenticateResponse = jsonMessage(api.AuthenticateResponse, { header, token: text });
export const AuthUserGetResponse = jsonMessage(api.AuthUserGetResponse, { header, roles: list(text) });
export const AuthUserListResponse = jsonMessage(api.AuthUserListResponse, { header, users: list(text) });
export const AuthRoleGetResponse = jsonMessage(api.AuthRoleGetResponse, {
  header,
  permissions: named('perm', list(nested(() => Permission))),
});
export const AuthRoleListResponse = jsonMessage(api.AuthRoleListResponse, { header, roles: list(text) });
