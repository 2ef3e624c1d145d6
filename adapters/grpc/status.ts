/** gRPC's status codes, by the names of its specification. */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type StatusName = keyof typeof statusCodes;

/** How a handler refuses a call: the status that goes on the wire, with trailers for machines to read. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: StatusName;
  /** Trailing metadata, lower-case names, ASCII values. */
  readonly trailers: Readonly<Record<string, string>>;

  constructor(code: StatusName, message: string, trailers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.trailers = trailers;
  }
}

export function statusName(code: number): StatusName {
  for (const [name, value] of Object.entries(statusCodes)) if (value === code) return name as StatusName;
  return 'UNKNOWN';
}
