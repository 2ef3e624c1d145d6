import { permissionTypes } from '../../core/chainfire/api/auth.ts';
import { type MemberView } from '../../core/chainfire/member.ts';

/** What users could do under one auth revision, taken from a member that had come to it. */
export class PermissionsAt {
  readonly #enabled: boolean;
  /** Of users that had the root role: undefined. */
  readonly #grants = new Map<string, readonly Grant[] | undefined>();

  constructor({ auth }: MemberView) {
    this.#enabled = auth.enabled;
    for (const name of auth.userNames()) {
      const held = auth.user(name)?.roles ?? [];
      this.#grants.set(
        name,
        held.includes('root') ? undefined : held.flatMap((role) => grantsOf(auth, role)),
      );
    }
  }

  /**
   * Key by key, by the permissions as they were granted. A range holds more keys than can be listed: its bounds, and those of
   * every permission in it, divide it into parts of which each is allowed as a whole or not at all.
   *
   * @param range `to` undefined: to the end
   */
  allows(
    user: string,
    kind: 'read' | 'write',
    range: { readonly from: string; readonly to: string | undefined },
  ): boolean {
    if (!this.#enabled) return true;
    if (!this.#grants.has(user)) return false;
    const grants = this.#grants.get(user);
    if (grants === undefined) return true;
    const apt = grants.filter((grant) => (kind === 'read' ? grant.reads : grant.writes));
    const inside = (point: string): boolean =>
      point >= range.from && (range.to === undefined || point < range.to);
    const points = [range.from, ...apt.flatMap(({ from, to }) => (to === undefined ? [from] : [from, to]))];
    return points
      .filter(inside)
      .every((point) => apt.some(({ from, to }) => from <= point && (to === undefined || point < to)));
  }
}

interface Grant {
  readonly from: string;
  readonly to: string | undefined;
  readonly reads: boolean;
  readonly writes: boolean;
}

function grantsOf(auth: MemberView['auth'], role: string): readonly Grant[] {
  return (auth.role(role)?.permissions ?? []).map(({ type, key, rangeEnd }) => ({
    from: key,
    to: rangeEnd === '' ? `${key}\0` : rangeEnd === '\0' ? undefined : rangeEnd,
    reads: type !== permissionTypes.write,
    writes: type !== permissionTypes.read,
  }));
}
