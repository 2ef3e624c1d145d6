import {
  aclOperations,
  anyName,
  clusterName,
  patternTypes,
  permissionTypes,
  resourceTypes,
} from '../metadata/acl-numbers.ts';

export type Operation = Exclude<
  keyof typeof aclOperations,
  'unknown' | 'any' | 'all' | 'createTokens' | 'describeTokens'
>;
export type ResourceKind = 'topic' | 'group' | 'cluster' | 'transactionalId';

/** A line of the access-control lists. */
export interface AclLine {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  /** `User:name`, or `User:*` for everybody. */
  readonly principal: string;
  /** `*` for everywhere. */
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

export interface Caller {
  readonly principal: string;
  readonly host: string;
}

export interface AuthorizationOptions {
  readonly authorizes: boolean;
  readonly superUsers: readonly string[];
  readonly allowEveryoneIfNoAcl: boolean;
}

/** What an allowance of these lets one do besides. Denials imply nothing. */
const impliedBy: Partial<Record<number, readonly number[]>> = {
  [aclOperations.describe]: [
    aclOperations.read,
    aclOperations.write,
    aclOperations.delete,
    aclOperations.alter,
  ],
  [aclOperations.describeConfigs]: [aclOperations.alterConfigs],
};

const operationsOf: Record<ResourceKind, readonly Operation[]> = {
  topic: ['read', 'write', 'create', 'delete', 'alter', 'describe', 'describeConfigs', 'alterConfigs'],
  group: ['read', 'delete', 'describe'],
  cluster: [
    'create',
    'alter',
    'describe',
    'clusterAction',
    'describeConfigs',
    'alterConfigs',
    'idempotentWrite',
  ],
  transactionalId: ['write', 'describe'],
};

/**
 * Who may do what, by the rules of Kafka's StandardAuthorizer: super users everything; otherwise a denial that matches
 * decides, then an allowance that matches; where no line speaks of the resource at all, a setting.
 */
export class Authorization {
  readonly #options: AuthorizationOptions;
  readonly #superUsers: ReadonlySet<string>;
  /** By type and exact name, `*` included. */
  #literal = new Map<string, AclLine[]>();
  #prefixed = new Map<string, AclLine[]>();
  /** Lengths that prefixes have, for each type: a name is looked up once for each. */
  #prefixLengths = new Map<number, number[]>();
  #lines: readonly AclLine[] = [];

  constructor(options: AuthorizationOptions) {
    this.#options = options;
    this.#superUsers = new Set(options.superUsers);
  }

  /** The lists are these from now on. */
  replace(lines: Iterable<AclLine>): void {
    this.#lines = [...lines];
    this.#literal = new Map();
    this.#prefixed = new Map();
    this.#prefixLengths = new Map();
    for (const line of this.#lines) {
      const isPrefix = line.patternType === patternTypes.prefixed;
      const table = isPrefix ? this.#prefixed : this.#literal;
      const key = keyOf(line.resourceType, line.resourceName);
      const known = table.get(key);
      if (known === undefined) table.set(key, [line]);
      else known.push(line);
      if (!isPrefix) continue;
      const lengths = this.#prefixLengths.get(line.resourceType) ?? [];
      if (!lengths.includes(line.resourceName.length)) lengths.push(line.resourceName.length);
      this.#prefixLengths.set(line.resourceType, lengths);
    }
  }

  /** False where everybody may do everything. */
  get authorizes(): boolean {
    return this.#options.authorizes;
  }

  allows(caller: Caller, operation: Operation, kind: ResourceKind, name: string): boolean {
    if (!this.#options.authorizes || this.#superUsers.has(caller.principal)) return true;
    const wanted = aclOperations[operation];
    const type = resourceTypes[kind];
    const verdict: Verdict = { spoken: false, denied: false, allowed: false };
    judge(verdict, this.#literal.get(keyOf(type, name)), caller, wanted);
    if (name !== anyName) judge(verdict, this.#literal.get(keyOf(type, anyName)), caller, wanted);
    for (const length of this.#prefixLengths.get(type) ?? []) {
      if (length > name.length) continue;
      judge(verdict, this.#prefixed.get(keyOf(type, name.slice(0, length))), caller, wanted);
    }
    if (verdict.denied) return false;
    if (verdict.allowed) return true;
    return !verdict.spoken && this.#options.allowEveryoneIfNoAcl;
  }

  /** On the cluster itself. */
  allowsCluster(caller: Caller, operation: Operation): boolean {
    return this.allows(caller, operation, 'cluster', clusterName);
  }

  /**
   * Whether there is a resource of the kind on which the caller may do this (KIP-679): an allowance that no denial covers
   * with a name as wide or wider.
   */
  allowsSome(caller: Caller, operation: Operation, kind: ResourceKind): boolean {
    if (!this.#options.authorizes || this.#superUsers.has(caller.principal)) return true;
    const wanted = aclOperations[operation];
    const type = resourceTypes[kind];
    const relevant = this.#lines.filter(
      (line) => line.resourceType === type && isFor(line, caller) && decides(line, wanted),
    );
    const denials = relevant.filter(({ permissionType }) => permissionType === permissionTypes.deny);
    if (denials.some((line) => isEverything(line))) return false;
    if (this.#options.allowEveryoneIfNoAcl) return true;
    return relevant.some(
      (line) =>
        line.permissionType === permissionTypes.allow && !denials.some((denial) => covers(denial, line)),
    );
  }

  /** A bit for each operation that the caller may do, by its number (KIP-430). */
  operationBits(caller: Caller, kind: ResourceKind, name: string): number {
    let bits = 0;
    for (const operation of operationsOf[kind]) {
      if (this.allows(caller, operation, kind, name)) bits |= 1 << aclOperations[operation];
    }
    return bits;
  }
}

interface Verdict {
  /** A line is of the resource, whoever it is for. */
  spoken: boolean;
  denied: boolean;
  allowed: boolean;
}

function judge(
  verdict: Verdict,
  lines: readonly AclLine[] | undefined,
  caller: Caller,
  wanted: number,
): void {
  if (lines === undefined) return;
  verdict.spoken = true;
  for (const line of lines) {
    if (!isFor(line, caller) || !decides(line, wanted)) continue;
    if (line.permissionType === permissionTypes.deny) verdict.denied = true;
    else verdict.allowed = true;
  }
}

function isFor({ principal, host }: AclLine, caller: Caller): boolean {
  if (host !== '*' && host !== caller.host) return false;
  return principal === caller.principal || principal === 'User:*';
}

function decides({ operation, permissionType }: AclLine, wanted: number): boolean {
  if (operation === aclOperations.all || operation === wanted) return true;
  return permissionType === permissionTypes.allow && (impliedBy[wanted]?.includes(operation) ?? false);
}

function isEverything({ patternType, resourceName }: AclLine): boolean {
  if (patternType === patternTypes.prefixed) return resourceName === '';
  return resourceName === anyName;
}

/** The denial is of every name that the allowance is of. */
function covers(denial: AclLine, allowance: AclLine): boolean {
  if (isEverything(denial)) return true;
  if (denial.patternType === patternTypes.prefixed) {
    return allowance.resourceName !== anyName && allowance.resourceName.startsWith(denial.resourceName);
  }
  return allowance.patternType !== patternTypes.prefixed && allowance.resourceName === denial.resourceName;
}

function keyOf(type: number, name: string): string {
  return `${type}:${name}`;
}
