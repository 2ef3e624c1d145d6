/** One change of one key, as it was carried out. */
export interface Change {
  /** Main revision. */
  readonly revision: number;
  readonly key: string;
  readonly record: Uint8Array;
  /** What the key had before; undefined: nothing. */
  readonly previous: Uint8Array | undefined;
}
