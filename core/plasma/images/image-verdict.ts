export type ImageFormat = 'raw' | 'qcow2';

/** What the first bytes of an image say that it is, or why it is not taken. */
export type ImageVerdict =
  | {
      readonly kind: 'accepted';
      readonly format: ImageFormat;
      /** What a guest sees. */
      readonly virtualBytes: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

export interface ImageLimits {
  readonly virtualBytesMax: number;
}
