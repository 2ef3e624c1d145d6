/** Why an image is not taken, or not given. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: 'INVALID' | 'NOT_FOUND' | 'REFUSED' | 'WRONG_DIGEST' | 'OUT_OF_PLACE' | 'UNREADABLE';

  constructor(code: ImageError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
