import { permissionTypes } from '../../../../core/chainfire/api/auth.ts';
import { WatchCreateRequest, WatchRequest } from '../../../../core/chainfire/api/watch.ts';
import {
  AuthChange,
  authActions,
  Credential,
  credentialKinds,
  processCredential,
} from '../../../../core/chainfire/auth/protocol.ts';
import {
  type MemberConfig,
  type MemberRequest,
  type MemberResponse,
} from '../../../../core/chainfire/member-protocol.ts';
import { TestCluster } from '../cluster.ts';
import { inWords } from '../watch/scene.ts';

/** A user that was proven outside, as by a certificate. */
export function as(name: string, authRevision = 0): Credential {
  return Credential.create({ kind: credentialKinds.user, name, authRevision });
}

export function withToken(digest: string): Credential {
  return Credential.create({ kind: credentialKinds.token, name: digest });
}

/** A cluster, an administrator, and streams whose ends are read at once. */
export class Guarded {
  readonly cluster: TestCluster;
  readonly heard = new Map<number, string[]>();
  #streams = 0;

  constructor(size = 3, config: Partial<MemberConfig> = {}) {
    this.cluster = new TestCluster(size, config);
    this.cluster.onStream = (from, effect) => {
      const lines = this.heard.get(effect.streamId) ?? [];
      this.heard.set(effect.streamId, lines);
      if (effect.kind === 'endStream') return void lines.push(`end ${effect.refusal?.code}`);
      const { cancelReason } = effect.item;
      lines.push(cancelReason === '' ? inWords(effect.item) : `cancelled: ${cancelReason}`);
      this.cluster.step(from, { kind: 'streamDrained', streamId: effect.streamId, bytes: effect.bytes });
    };
    this.cluster.elect();
  }

  /** @returns the refusal's code, or the kind of the answer */
  said(request: MemberRequest, member = 1): string {
    return wordOf(this.cluster.call(member, request));
  }

  change(fields: Partial<AuthChange>, by: Credential | undefined = as('root'), member = 1): string {
    return this.said({ kind: 'authChange', request: AuthChange.create(fields), by }, member);
  }

  /** root, and `ann`, who may read and write what begins with `a/`. */
  enable(): void {
    const steps: readonly Partial<AuthChange>[] = [
      { action: authActions.userAdd, user: 'root' },
      { action: authActions.userGrantRole, user: 'root', role: 'root' },
      { action: authActions.userAdd, user: 'ann' },
      { action: authActions.roleAdd, role: 'of a' },
      {
        action: authActions.roleGrantPermission,
        role: 'of a',
        permission: { type: permissionTypes.readWrite, key: 'a/', rangeEnd: 'a0' },
      },
      { action: authActions.userGrantRole, user: 'ann', role: 'of a' },
      { action: authActions.enable },
    ];
    for (const step of steps) {
      const said = this.change(step, undefined);
      if (said !== 'authChange') throw new Error(`refused: ${said}`);
    }
    this.cluster.quiesce();
  }

  assignToken(user: string, digest: string, member = 1): string {
    const authRevision = this.cluster.member(member).view.auth.revision;
    const fields = { action: authActions.tokenAssign, user, tokenDigest: digest, authRevision };
    return this.change(fields, processCredential, member);
  }

  watch(create: Partial<WatchCreateRequest>, by: Credential | undefined, member = 1): number {
    this.#streams += 1;
    const streamId = this.#streams;
    this.heard.set(streamId, []);
    this.cluster.step(member, {
      kind: 'streamOpened',
      streamId,
      stream: { kind: 'watch', requireLeader: false, by },
    });
    const request = WatchRequest.create({ create: WatchCreateRequest.create(create) });
    this.cluster.step(member, { kind: 'streamReceived', streamId, request });
    return streamId;
  }
}

export function wordOf(response: MemberResponse): string {
  return response.kind === 'refused' ? response.code : response.kind;
}
