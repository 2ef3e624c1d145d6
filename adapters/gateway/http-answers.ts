import { STATUS_CODES, type ServerResponse } from 'node:http';

import { statusCodes, type StatusError, type StatusName } from '../grpc/status.ts';

/** HTTP's status for each of gRPC's, as etcd's gateway has them. */
const httpStatuses: Readonly<Record<StatusName, number>> = {
  OK: 200,
  CANCELLED: 408,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 412,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

export const jsonType = { 'content-type': 'application/json' } as const;

/** @returns how many bytes it has */
export function answerJson(response: ServerResponse, status: number, json: unknown): number {
  const body = Buffer.from(JSON.stringify(json));
  response.writeHead(status, { ...jsonType, 'content-length': body.length }).end(body);
  return body.length;
}

export function answerStatus(response: ServerResponse, { code, message }: StatusError): void {
  answerJson(response, httpStatuses[code], { error: message, message, code: statusCodes[code] });
}

/** How a stream says that it ended badly, its own status having gone out long before. */
export function streamError({ code, message }: StatusError): string {
  const status = httpStatuses[code];
  return `${JSON.stringify({
    error: {
      grpc_code: statusCodes[code],
      http_code: status,
      message,
      http_status: STATUS_CODES[status],
    },
  })}\n`;
}

/** What is no call at all: a path that is not there, a method that is not taken. */
export function answerPlain(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
  response.end(`${STATUS_CODES[status] ?? ''}\n`);
}
