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
import { Permission } from '../api/auth.ts';
import { ResponseHeader } from '../api/kv.ts';

/** What an `AuthChange` does. The numbers are in logs. */
export const authActions = {
  enable: 1,
  disable: 2,
  userAdd: 3,
  userDelete: 4,
  userChangePassword: 5,
  userGrantRole: 6,
  userRevokeRole: 7,
  roleAdd: 8,
  roleDelete: 9,
  roleGrantPermission: 10,
  roleRevokePermission: 11,
  /** Makes a token of `user` known to every member. Of processes alone: whoever asks has seen that the password is right. */
  tokenAssign: 12,
} as const;

/**
 * A change of users, roles or permissions, as it goes into the log. It holds no password and no token: whoever took the
 * password from the client has made a hash of it that only a long search could undo, and of tokens there are digests.
 */
export const AuthChange = message('AuthChange', {
  action: enumeration(1),
  user: text(2),
  role: text(3),
  /** As the adapter wrote it, for its own eyes: the machine never looks into it. */
  passwordHash: text(4),
  noPassword: bool(5),
  permission: nested(6, () => Permission),
  key: latin1(7),
  rangeEnd: latin1(8),
  tokenDigest: text(9),
  /** What the auth revision was when the password was found right. */
  authRevision: uint64(10),
});
export type AuthChange = Infer<typeof AuthChange>;

export const authQuestions = {
  status: 1,
  userGet: 2,
  userList: 3,
  roleGet: 4,
  roleList: 5,
  /** The hash of a user's password. Of processes alone. */
  password: 6,
  /** Whether the caller has the root role: for calls that the machine itself does not carry out. */
  root: 7,
} as const;

export const AuthQuery = message('AuthQuery', { question: enumeration(1), user: text(2), role: text(3) });
export type AuthQuery = Infer<typeof AuthQuery>;

/** Answers to all of them; each fills in what it was asked for. */
export const AuthAnswer = message('AuthAnswer', {
  header: nested(1, () => ResponseHeader),
  enabled: bool(2),
  authRevision: uint64(3),
  names: repeated(text(4)),
  permissions: repeated(nested(5, () => Permission)),
  /** Of `password`: undefined where there is no such user. */
  passwordHash: text(6),
  noPassword: bool(7),
});
export type AuthAnswer = Infer<typeof AuthAnswer>;

export const credentialKinds = { token: 1, user: 2, invalid: 3, process: 4 } as const;

/**
 * How a caller shows who it is. What needs a key or a socket to be believed was verified by the adapter: a signed token, a
 * client's certificate. Tokens of the log are looked up in the machine.
 *
 * - `token`: `name` is the digest of a token.
 * - `user`: `name` is a user that was proven outside; `authRevision` is what the proof names, 0: of now.
 * - `invalid`: something was shown, and it proves nothing.
 * - `process`: no client at all, but the member's own process. Never made of anything that a client sends.
 */
export const Credential = message('Credential', {
  kind: enumeration(1),
  name: text(2),
  authRevision: uint64(3),
});
export type Credential = Infer<typeof Credential>;

/** The member's own process: it may do everything. */
export const processCredential: Credential = Credential.create({ kind: credentialKinds.process });
export const invalidCredential: Credential = Credential.create({ kind: credentialKinds.invalid });
