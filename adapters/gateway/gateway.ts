import { type IncomingMessage, type ServerResponse } from 'node:http';

import { type MountHooks } from '../grpc/mount.ts';
import { type Method, type Service, type UnaryMethod } from '../grpc/service.ts';
import { StatusError, type StatusName } from '../grpc/status.ts';
import { answerJson, answerPlain, answerStatus, jsonType, streamError } from './http-answers.ts';
import { HttpCall } from './http-call.ts';
import { type JsonKind } from './json-kinds.ts';
import { parseJson } from './json-text.ts';
import { jsonMessageNamed } from './messages.ts';
import { eachValue, firstValue, unreadable } from './request-body.ts';
import { type Route, routeOf } from './routes.ts';

export interface GatewayOptions {
  /** The same as gRPC's: what is not among them is refused by name. */
  readonly services: readonly Service[];
  /** A longer request, and each of a stream's, is refused. In JSON: bytes take a third more than on the wire. */
  readonly requestBytesMax: number;
  readonly hooks: MountHooks;
}

/** A method with its messages in JSON. */
interface JsonMethod {
  readonly method: Method;
  readonly request: JsonKind<unknown>;
  readonly response: JsonKind<unknown>;
}

/**
 * etcd's JSON gateway: its methods as POSTs of JSON, its streams as JSON values one behind the other. It stands on the same
 * handlers as gRPC and knows nothing of what they do.
 */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #methods = new Map<string, JsonMethod>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    for (const method of options.services.flatMap((service) => service.methods)) {
      const request = jsonMessageNamed(method.request.name);
      const response = jsonMessageNamed(method.response.name);
      if (request !== undefined && response !== undefined) {
        this.#methods.set(method.path, { method, request, response });
      }
    }
  }

  /** Answers a request for a path below `/v3`. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): void {
    const route = routeOf(path);
    if (route === undefined) {
      answerPlain(response, 404);
      return;
    }
    if (request.method !== 'POST') {
      answerPlain(response, 405, { allow: 'POST' });
      return;
    }
    const found = this.#methods.get(route.method);
    if (found === undefined) {
      request.resume();
      const name = route.method.slice(1).replace('/', '.');
      answerStatus(
        response,
        new StatusError('UNIMPLEMENTED', `${name} is not served by this version of Chainfire`),
      );
      return;
    }
    const { method } = found;
    if (method.kind === 'unary') void this.#unary(found, method, request, response);
    else void this.#stream(found, route, request, response);
  }

  async #unary(
    json: JsonMethod,
    method: UnaryMethod<unknown, unknown>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { hooks, requestBytesMax } = this.#options;
    const startMs = performance.now();
    hooks.onStarted?.(method.path, method.kind);
    let code: StatusName = 'OK';
    let asked: unknown;
    let requestBytes = 0;
    let responseBytes = 0;
    let call: HttpCall | undefined;
    try {
      call = new HttpCall(request, response, hooks.identify);
      const body = await firstValue(request, requestBytesMax);
      requestBytes = body === undefined ? 0 : Buffer.byteLength(body);
      asked = parsed(json, body);
      const answer = json.response.print(await method.handle(asked, call));
      call.end();
      responseBytes = answerJson(response, 200, answer);
    } catch (error) {
      const status = this.#statusOf(method.path, unreadable(error, 'INVALID_ARGUMENT'), call);
      code = status.code;
      if (!response.destroyed) answerStatus(response, status);
    }
    const durationMs = performance.now() - startMs;
    const peer = (): string => call?.peer ?? 'unknown';
    hooks.onCompleted?.({
      path: method.path,
      code,
      durationMs,
      request: asked,
      requestBytes,
      responseBytes,
      peer,
    });
  }

  async #stream(
    json: JsonMethod,
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { hooks } = this.#options;
    const { path, kind } = json.method;
    const startMs = performance.now();
    hooks.onStarted?.(path, kind);
    let code: StatusName = 'OK';
    let call: HttpCall | undefined;
    try {
      call = new HttpCall(request, response, hooks.identify);
      await this.#run(json, route, call, request, response);
      call.end();
      response.end();
    } catch (error) {
      const status = this.#statusOf(path, unreadable(error, 'UNKNOWN'), call);
      code = status.code;
      if (response.headersSent) response.end(streamError(status));
      else if (!response.destroyed) answerStatus(response, status);
    }
    const durationMs = performance.now() - startMs;
    const peer = (): string => call?.peer ?? 'unknown';
    const nothing = { request: undefined, requestBytes: 0, responseBytes: 0 };
    hooks.onCompleted?.({ path, code, durationMs, ...nothing, peer });
  }

  async #run(
    json: JsonMethod,
    route: Route,
    call: HttpCall,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { method } = json;
    const { requestBytesMax } = this.#options;
    const write = (value: unknown, taken: () => void): void => {
      if (!response.headersSent) response.writeHead(200, jsonType);
      response.write(`${JSON.stringify({ result: json.response.print(value) })}\n`, (error) => {
        if (!error) taken();
      });
    };
    if (method.kind === 'serverStream') {
      const asked = parsed(json, await firstValue(request, requestBytesMax));
      await writeEach(method.handle(asked, call), write, call);
      return;
    }
    const requests = route.oneRequest
      ? onlyFirst(json, request, requestBytesMax)
      : each(json, request, requestBytesMax);
    if (method.kind === 'push') await method.handle(requests, { write }, call);
    else if (method.kind === 'duplex') await writeEach(method.handle(requests, call), write, call);
  }

  #statusOf(path: string, error: unknown, call: HttpCall | undefined): StatusError {
    if (call?.signal.aborted === true) return call.cancelled;
    if (error instanceof StatusError) return error;
    this.#options.hooks.onDefect(path, error);
    return new StatusError('INTERNAL', `${path}: internal error`);
  }
}

/** No body, and null, stand for a message with nothing in it. */
function parsed(json: JsonMethod, body: string | undefined): unknown {
  const value = body === undefined ? {} : (parseJson(body) ?? {});
  return json.request.parse(value, json.method.request.name, 0);
}

async function* onlyFirst(
  json: JsonMethod,
  request: IncomingMessage,
  bytesMax: number,
): AsyncGenerator<unknown> {
  // Not all of the body: a client may leave it open for as long as it listens.
  const first = await eachValue(request, bytesMax).next();
  request.resume();
  yield parsed(json, first.done === true ? undefined : first.value);
}

async function* each(json: JsonMethod, request: IncomingMessage, bytesMax: number): AsyncGenerator<unknown> {
  for await (const body of eachValue(request, bytesMax)) yield parsed(json, body);
}

/** Each item once the transport has taken the one before. */
async function writeEach(
  responses: AsyncIterable<unknown>,
  write: (value: unknown, taken: () => void) => void,
  call: HttpCall,
): Promise<void> {
  for await (const response of responses) {
    if (call.signal.aborted) return;
    await new Promise<void>((resolve) => {
      call.signal.addEventListener('abort', resolve);
      write(response, () => {
        call.signal.removeEventListener('abort', resolve);
        resolve();
      });
    });
  }
}
