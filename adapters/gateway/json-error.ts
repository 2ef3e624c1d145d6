/** JSON that cannot be the message that belongs there; the text says where and what is allowed. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}
