/** `OTHERS_RECORDING`: the directory holds what another node recorded. */
export type RecorderErrorCode = 'OTHERS_RECORDING';

/** A recording that cannot be begun where it was asked for. */
export class RecorderError extends Error {
  override readonly name = 'RecorderError';
  readonly code: RecorderErrorCode;

  constructor(code: RecorderErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
