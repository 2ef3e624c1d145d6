/** What the first bytes of an image say that it is, or why it is not taken. */
export type ImageVerdict =
  | {
      readonly kind: 'accepted';
      readonly format: 'raw' | 'qcow2';
      /** What a guest sees. */
      readonly virtualBytes: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

export interface ImageLimits {
  readonly virtualBytesMax: number;
}

/** So much of an image's beginning is to be handed in, or all of a shorter one. */
export const imageHeadBytes = 1_048_576;
