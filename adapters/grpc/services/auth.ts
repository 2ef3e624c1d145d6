import {
  AuthDisableRequest,
  AuthEnableRequest,
  AuthenticateRequest,
  AuthenticateResponse,
  AuthHeaderResponse,
  AuthRoleAddRequest,
  AuthRoleDeleteRequest,
  AuthRoleGetRequest,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionRequest,
  AuthRoleListRequest,
  AuthRoleListResponse,
  AuthRoleRevokePermissionRequest,
  AuthStatusRequest,
  AuthStatusResponse,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
  AuthUserDeleteRequest,
  AuthUserGetRequest,
  AuthUserGetResponse,
  AuthUserGrantRoleRequest,
  AuthUserListRequest,
  AuthUserListResponse,
  AuthUserRevokeRoleRequest,
} from '../../../core/chainfire/api/auth.ts';
import {
  type AuthAnswer,
  AuthChange,
  authActions,
  AuthQuery,
  authQuestions,
} from '../../../core/chainfire/auth/protocol.ts';
import { type Passwords } from '../../auth/passwords.ts';
import { type TokenProvider } from '../../auth/token-provider.ts';
import { type CallContext, type Codec, type Method, type Service, unary } from '../service.ts';
import { authenticate } from './authenticate.ts';
import { ask, type MemberPort } from './member-port.ts';

const name = 'etcdserverpb.Auth';

/**
 * etcd's Auth service. Passwords go no further than this: the member is given their hashes, and asked for them when somebody
 * shows a password.
 */
export function authService(
  member: MemberPort,
  given: { readonly passwords: Passwords; readonly tokens: TokenProvider },
): Service {
  const { passwords } = given;
  return {
    name,
    methods: [
      unary(`/${name}/Authenticate`, AuthenticateRequest, AuthenticateResponse, (request, context) =>
        authenticate(member, request, { ...given, context }),
      ),
      unary(`/${name}/UserAdd`, AuthUserAddRequest, AuthHeaderResponse, async (request, context) => {
        const noPassword = request.options?.noPassword === true;
        const passwordHash = noPassword ? '' : await passwords.hash(request.password);
        return change(
          member,
          { action: authActions.userAdd, user: request.name, passwordHash, noPassword },
          context,
        );
      }),
      unary(
        `/${name}/UserChangePassword`,
        AuthUserChangePasswordRequest,
        AuthHeaderResponse,
        async ({ name: user, password }, context) => {
          const passwordHash = await passwords.hash(password);
          return change(member, { action: authActions.userChangePassword, user, passwordHash }, context);
        },
      ),
      ...changes(member),
      ...queries(member),
    ],
  };
}

/** Calls that are one change as they are. */
function changes(member: MemberPort): readonly Method[] {
  const { enable, disable, userDelete, userGrantRole, userRevokeRole } = authActions;
  const { roleAdd, roleDelete, roleGrantPermission, roleRevokePermission } = authActions;
  const changing = <Request>(
    method: string,
    codec: Codec<Request>,
    of: (request: Request) => Partial<AuthChange>,
  ): Method =>
    unary(`/${name}/${method}`, codec, AuthHeaderResponse, (request, context) =>
      change(member, of(request), context),
    );
  return [
    changing('AuthEnable', AuthEnableRequest, () => ({ action: enable })),
    changing('AuthDisable', AuthDisableRequest, () => ({ action: disable })),
    changing('UserDelete', AuthUserDeleteRequest, (request) => ({ action: userDelete, user: request.name })),
    changing('UserGrantRole', AuthUserGrantRoleRequest, ({ user, role }) => ({
      action: userGrantRole,
      user,
      role,
    })),
    changing('UserRevokeRole', AuthUserRevokeRoleRequest, (request) => ({
      action: userRevokeRole,
      user: request.name,
      role: request.role,
    })),
    changing('RoleAdd', AuthRoleAddRequest, (request) => ({ action: roleAdd, role: request.name })),
    changing('RoleDelete', AuthRoleDeleteRequest, ({ role }) => ({ action: roleDelete, role })),
    changing('RoleGrantPermission', AuthRoleGrantPermissionRequest, (request) => ({
      action: roleGrantPermission,
      role: request.name,
      permission: request.permission,
    })),
    changing('RoleRevokePermission', AuthRoleRevokePermissionRequest, ({ role, key, rangeEnd }) => ({
      action: roleRevokePermission,
      role,
      key,
      rangeEnd,
    })),
  ];
}

function queries(member: MemberPort): readonly Method[] {
  const { status, userGet, userList, roleGet, roleList } = authQuestions;
  return [
    unary(`/${name}/AuthStatus`, AuthStatusRequest, AuthStatusResponse, (_, context) =>
      query(member, { question: status }, context),
    ),
    unary(`/${name}/UserGet`, AuthUserGetRequest, AuthUserGetResponse, async (request, context) => {
      const { header, names } = await query(member, { question: userGet, user: request.name }, context);
      return { header, roles: names };
    }),
    unary(`/${name}/UserList`, AuthUserListRequest, AuthUserListResponse, async (_, context) => {
      const { header, names } = await query(member, { question: userList }, context);
      return { header, users: names };
    }),
    unary(`/${name}/RoleGet`, AuthRoleGetRequest, AuthRoleGetResponse, ({ role }, context) =>
      query(member, { question: roleGet, role }, context),
    ),
    unary(`/${name}/RoleList`, AuthRoleListRequest, AuthRoleListResponse, async (_, context) => {
      const { header, names } = await query(member, { question: roleList }, context);
      return { header, roles: names };
    }),
  ];
}

function change(member: MemberPort, fields: Partial<AuthChange>, context: CallContext): Promise<AuthAnswer> {
  return ask<'authChange'>(member, { kind: 'authChange', request: AuthChange.create(fields) }, context);
}

function query(member: MemberPort, fields: Partial<AuthQuery>, context: CallContext): Promise<AuthAnswer> {
  return ask<'authQuery'>(member, { kind: 'authQuery', request: AuthQuery.create(fields) }, context);
}
