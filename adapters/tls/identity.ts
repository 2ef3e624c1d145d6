/** Who a process is, by its certificate: `photon://<system>/<node>` among its names. */
export interface Identity {
  readonly system: string;
  readonly node: string;
}

export function identityUri({ system, node }: Identity): string {
  return `photon://${system}/${node}`;
}

const uriPattern = /^URI:photon:\/\/([a-z]+)\/([A-Za-z0-9][A-Za-z0-9._-]{0,62})$/;

/** @param subjectAltName as Node gives it; the first name of this kind counts, undefined where there is none */
export function identityOf(subjectAltName: string | undefined): Identity | undefined {
  for (const name of (subjectAltName ?? '').split(', ')) {
    const [, system, node] = uriPattern.exec(name) ?? [];
    if (system !== undefined && node !== undefined) return { system, node };
  }
  return undefined;
}
