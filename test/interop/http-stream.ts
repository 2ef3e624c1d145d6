import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';

/** A POST whose body and whose answer both go on: JSON values, one a line. */
export class HttpStream {
  readonly #request: ClientRequest;
  readonly #answer: Promise<IncomingMessage>;
  #lines: AsyncIterator<string> | undefined;

  private constructor(sent: ClientRequest, answer: Promise<IncomingMessage>) {
    this.#request = sent;
    this.#answer = answer;
  }

  static async open(url: string): Promise<HttpStream> {
    const sent = request(url, { method: 'POST', headers: { 'content-type': 'application/json' } });
    const answer = once(sent, 'response').then(([message]) => message as IncomingMessage);
    // Closed by this side, it ends with an error that nobody waits for.
    answer.catch(() => undefined);
    sent.on('error', () => undefined);
    sent.flushHeaders();
    await once(sent, 'socket');
    return new HttpStream(sent, answer);
  }

  write(text: string): void {
    this.#request.write(text);
  }

  endRequests(): void {
    this.#request.end();
  }

  /** The next value of the answer. @throws when it has ended */
  async next(): Promise<unknown> {
    this.#lines ??= linesOf(await this.#answer);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the answer has ended');
    return JSON.parse(line.value) as unknown;
  }

  close(): void {
    this.#request.destroy();
  }
}

async function* linesOf(message: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of message as AsyncIterable<Buffer>) {
    const lines = (rest + piece.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
