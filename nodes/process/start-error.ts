/** The member cannot start as it was told to, or on the data that it finds; trying again helps only where `mayPass` says so. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
