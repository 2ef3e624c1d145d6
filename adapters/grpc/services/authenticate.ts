import { type AuthenticateRequest, type AuthenticateResponse } from '../../../core/chainfire/api/auth.ts';
import {
  AuthChange,
  authActions,
  AuthQuery,
  authQuestions,
  processCredential,
} from '../../../core/chainfire/auth/protocol.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { type Infer } from '../../../core/wire/protobuf.ts';
import { type Passwords } from '../../auth/passwords.ts';
import { type TokenProvider } from '../../auth/token-provider.ts';
import { statusOfRefusal } from '../errors.ts';
import { type CallContext } from '../service.ts';
import { StatusError } from '../status.ts';
import { type MemberPort } from './member-port.ts';

/** Users may change while a password is looked at, and it is looked at again; more often than this they hardly do. */
const triesMax = 8;

/**
 * A token for a name and a password. The password is looked at here, outside of the machine, against the hash as it stood
 * under an auth revision; what follows names that revision, and the log refuses it behind another change.
 */
export async function authenticate(
  member: MemberPort,
  { name, password }: Infer<typeof AuthenticateRequest>,
  given: { readonly passwords: Passwords; readonly tokens: TokenProvider; readonly context: CallContext },
): Promise<Infer<typeof AuthenticateResponse>> {
  const { passwords, tokens, context } = given;
  for (let left = triesMax; left > 0; left -= 1) {
    const query = AuthQuery.create({ question: authQuestions.password, user: name });
    const known = await askAsProcess(member, { kind: 'authQuery', request: query }, context);
    if (known.kind === 'refused') throw statusOfRefusal(known);
    const { header, enabled, authRevision, passwordHash, noPassword } = known.response;
    if (!enabled) throw refusal('AUTH_NOT_ENABLED');
    if (noPassword) {
      throw new StatusError(
        'UNKNOWN',
        'auth: authentication failed, password was given for no password user',
      );
    }
    if (!(await passwords.matches(password, passwordHash))) throw refusal('AUTH_FAILED');
    const issued = tokens.issue(name, authRevision);
    if (issued === undefined) {
      throw new StatusError(
        'FAILED_PRECONDITION',
        'this member has a public key only: it verifies tokens, and makes none',
      );
    }
    if (issued.digest === undefined) return { header, token: issued.token };
    const change = AuthChange.create({
      action: authActions.tokenAssign,
      user: name,
      tokenDigest: issued.digest,
      authRevision,
    });
    const assigned = await askAsProcess(member, { kind: 'authChange', request: change }, context);
    if (assigned.kind !== 'refused') return { header: assigned.response.header, token: issued.token };
    if (assigned.code !== 'AUTH_REVISION_OLD') throw statusOfRefusal(assigned);
  }
  throw refusal('AUTH_REVISION_OLD');
}

type AuthResponse = Extract<MemberResponse, { readonly kind: 'authQuery' | 'authChange' | 'refused' }>;

function refusal(code: 'AUTH_NOT_ENABLED' | 'AUTH_FAILED' | 'AUTH_REVISION_OLD'): StatusError {
  return statusOfRefusal({ kind: 'refused', code, message: '' });
}

function askAsProcess(
  member: MemberPort,
  request: Extract<MemberRequest, { readonly kind: 'authQuery' | 'authChange' }>,
  { signal }: CallContext,
): Promise<AuthResponse> {
  return member.request({ ...request, by: processCredential }, signal) as Promise<AuthResponse>;
}
