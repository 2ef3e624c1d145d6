import { latin1FromBytes, noBytes } from '../../base/bytes.ts';
import { utf8FromText } from '../../base/utf8.ts';
import { type StorageBackend, type StoreWrite } from '../../storage/backend.ts';
import { bool, type Infer, message, nested, repeated, text, uint64 } from '../../wire/protobuf.ts';
import { type WireWriter } from '../../wire/writer.ts';
import { Permission, permissionTypes } from '../api/auth.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { keyRange } from '../mvcc/key-range.ts';
import { etcdRefusal } from '../refusals.ts';
import { type Access, type Authorizer, type Caller } from './caller.ts';
import { authTable, commonKey, rolePrefix, userPrefix } from './keys.ts';
import { covers, merged, type Span } from './ranges.ts';

export const AuthUser = message('AuthUser', {
  name: text(1),
  passwordHash: text(2),
  noPassword: bool(3),
  /** In order. */
  roles: repeated(text(4)),
});
export type AuthUser = Infer<typeof AuthUser>;

export const AuthRole = message('AuthRole', {
  name: text(1),
  /** In the order of their first keys, each range once. */
  permissions: repeated(nested(2, () => Permission)),
});
export type AuthRole = Infer<typeof AuthRole>;

const AuthCommon = message('AuthCommon', { enabled: bool(1), revision: uint64(2) });

/** The user and the role that may do everything. */
export const rootName = 'root';
/** As etcd counts. */
const firstAuthRevision = 1;

/** What became of tokens by an entry: for the member's own table of them. */
export type TokenNews =
  | { readonly kind: 'assigned'; readonly user: string; readonly digest: string }
  /** All of the user's. */
  | { readonly kind: 'revoked'; readonly user: string }
  | { readonly kind: 'cleared' };

interface Spans {
  readonly isRoot: boolean;
  readonly read: readonly Span[];
  readonly write: readonly Span[];
}

/**
 * Users, roles and permissions, as entries of the log have made them: part of the replicated state, all of it in memory, as
 * rows of `auth` are in the store. It is the authorizer that a member has of its own: role-based, as etcd's.
 *
 * Every change raises the auth revision. A caller is known under a revision, and is refused behind a later change: what it
 * was found to be may not be so any more. So what decides is the place in the log, the same for every member.
 */
export class AuthState implements Authorizer {
  readonly #mix: (bytes: Uint8Array) => void;
  readonly #users = new Map<string, AuthUser>();
  readonly #roles = new Map<string, AuthRole>();
  #enabled = false;
  #revision = firstAuthRevision;
  /** Rows that changed and are not written. */
  #writes: StoreWrite[] = [];
  #news: TokenNews[] = [];
  #version = 0;
  /** What users may do, put together from their roles when it is asked for. */
  readonly #spans = new Map<string, Spans>();

  /** @param mix takes what changes into the checksum of everything applied */
  constructor(store: Pick<StorageBackend, 'range'>, mix: (bytes: Uint8Array) => void) {
    this.#mix = mix;
    this.#load(store);
  }

  /** Takes everything from the store, which was replaced by a snapshot. */
  reload(store: Pick<StorageBackend, 'range'>): void {
    this.#load(store);
    this.#version += 1;
    this.#news = [{ kind: 'cleared' }];
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Rises whenever what somebody may do may be another, in this life of the member; no part of what is replicated. */
  get version(): number {
    return this.#version;
  }

  /** Anything was ever changed. */
  get isUsed(): boolean {
    return this.#enabled || this.#revision !== firstAuthRevision;
  }

  user(name: string): AuthUser | undefined {
    return this.#users.get(name);
  }

  role(name: string): AuthRole | undefined {
    return this.#roles.get(name);
  }

  userNames(): readonly string[] {
    return [...this.#users.keys()].sort(inOrder);
  }

  roleNames(): readonly string[] {
    return [...this.#roles.keys()].sort(inOrder);
  }

  refuse(caller: Caller | undefined, { kind, range }: Access): MemberRefusal | undefined {
    if (!this.#enabled || caller?.isProcess === true) return undefined;
    const refusal = this.#refuseCaller(caller);
    if (refusal !== undefined) return refusal;
    const spans = this.#spansOf(caller?.user ?? '');
    const mayDo = spans !== undefined && (spans.isRoot || covers(spans[kind], range));
    return mayDo ? undefined : etcdRefusal('PERMISSION_DENIED');
  }

  refuseAdministration(caller: Caller | undefined): MemberRefusal | undefined {
    if (!this.#enabled || caller?.isProcess === true) return undefined;
    const refusal = this.#refuseCaller(caller);
    if (refusal !== undefined) return refusal;
    return this.#spansOf(caller?.user ?? '')?.isRoot === true ? undefined : etcdRefusal('PERMISSION_DENIED');
  }

  hasRole(user: string, role: string): boolean {
    return this.#users.get(user)?.roles.includes(role) === true;
  }

  /** All of it, for checksums: the same on all members at the same applied index. */
  writeTo(writer: WireWriter): void {
    AuthCommon.write(writer, { enabled: this.#enabled, revision: this.#revision });
    for (const name of this.userNames()) AuthUser.write(writer, this.#users.get(name) as AuthUser);
    for (const name of this.roleNames()) AuthRole.write(writer, this.#roles.get(name) as AuthRole);
  }

  /** Rows that changed since the last call. */
  takeWrites(): readonly StoreWrite[] {
    const writes = this.#writes;
    if (writes.length > 0) this.#writes = [];
    return writes;
  }

  /** What became of tokens since the last call. */
  takeNews(): readonly TokenNews[] {
    const news = this.#news;
    if (news.length > 0) this.#news = [];
    return news;
  }

  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    this.#news.push({ kind: 'cleared' });
    this.#changed();
  }

  setUser(user: AuthUser): void {
    this.#users.set(user.name, user);
    this.#write(userPrefix + keyOfName(user.name), AuthUser.encode(user));
    this.#changed();
  }

  deleteUser(name: string): void {
    this.#users.delete(name);
    this.#write(userPrefix + keyOfName(name), undefined);
    this.revokeTokens(name);
    this.#changed();
  }

  setRole(role: AuthRole): void {
    this.#roles.set(role.name, role);
    this.#write(rolePrefix + keyOfName(role.name), AuthRole.encode(role));
    this.#changed();
  }

  /** From its users too: all of it is one change. */
  deleteRole(name: string): void {
    for (const holder of this.userNames()) {
      const user = this.#users.get(holder);
      if (user?.roles.includes(name) !== true) continue;
      const roles = user.roles.filter((role) => role !== name);
      this.#users.set(holder, { ...user, roles });
      this.#write(userPrefix + keyOfName(holder), AuthUser.encode({ ...user, roles }));
    }
    this.#roles.delete(name);
    this.#write(rolePrefix + keyOfName(name), undefined);
    this.#changed();
  }

  assignToken(user: string, digest: string): void {
    this.#news.push({ kind: 'assigned', user, digest });
  }

  revokeTokens(user: string): void {
    this.#news.push({ kind: 'revoked', user });
  }

  #refuseCaller(caller: Caller | undefined): MemberRefusal | undefined {
    if (caller === undefined || caller.user === '') return etcdRefusal('USER_NAME_EMPTY');
    return caller.authRevision < this.#revision ? etcdRefusal('AUTH_REVISION_OLD') : undefined;
  }

  #load(store: Pick<StorageBackend, 'range'>): void {
    this.#users.clear();
    this.#roles.clear();
    this.#spans.clear();
    this.#enabled = false;
    this.#revision = firstAuthRevision;
    this.#writes = [];
    for (const [key, row] of store.range(authTable, { from: '' })) {
      if (key === commonKey) {
        const { enabled, revision } = AuthCommon.decode(row);
        this.#enabled = enabled;
        this.#revision = revision;
      } else if (key.startsWith(userPrefix)) {
        const user = AuthUser.decode(row);
        this.#users.set(user.name, user);
      } else {
        const role = AuthRole.decode(row);
        this.#roles.set(role.name, role);
      }
    }
  }

  #changed(): void {
    this.#revision += 1;
    this.#version += 1;
    this.#spans.clear();
    this.#write(commonKey, AuthCommon.encode({ enabled: this.#enabled, revision: this.#revision }));
  }

  #write(key: string, value: Uint8Array | undefined): void {
    this.#mix(value ?? noBytes);
    this.#writes.push({ table: authTable, key, value });
  }

  #spansOf(name: string): Spans | undefined {
    const known = this.#spans.get(name);
    if (known !== undefined) return known;
    const user = this.#users.get(name);
    if (user === undefined) return undefined;
    const spans = this.#spansFrom(user.roles);
    this.#spans.set(name, spans);
    return spans;
  }

  #spansFrom(roles: readonly string[]): Spans {
    const read: Span[] = [];
    const write: Span[] = [];
    for (const role of roles) {
      for (const { type, key, rangeEnd } of this.#roles.get(role)?.permissions ?? []) {
        const span = keyRange(key, rangeEnd);
        if (type !== permissionTypes.write) read.push(span);
        if (type !== permissionTypes.read) write.push(span);
      }
    }
    return { isRoot: roles.includes(rootName), read: merged(read), write: merged(write) };
  }
}

/** Of names, wherever a list is put in order. */
export function inOrder(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function keyOfName(name: string): string {
  return latin1FromBytes(utf8FromText(name));
}
