/** The member cannot start as it was told to, or on the data that it finds; trying again does not help. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
