import { type Socket } from 'node:net';

import { holdOpening, type OpeningJudge } from './held-opening.ts';

/** HTTP/2 begins with a preface of which no request line of HTTP/1 has even these. */
const http2Beginning = Buffer.from('PRI', 'latin1');

/** Looks at the first bytes of a connection and puts them back. */
export function whenSpoken(socket: Socket, take: (protocol: 'http2' | 'http1') => void): void {
  const judge = new ProtocolJudge();
  holdOpening(socket, judge, () => take(judge.isHttp2 ? 'http2' : 'http1'));
}

class ProtocolJudge implements OpeningJudge {
  #seen: Buffer = Buffer.alloc(0);

  push(piece: Buffer): void {
    this.#seen = this.#seen.length === 0 ? piece : Buffer.concat([this.#seen, piece]);
  }

  /** As far as it can be told apart by now. */
  get isHttp2(): boolean {
    const compared = Math.min(this.#seen.length, http2Beginning.length);
    return this.#seen.compare(http2Beginning, 0, compared, 0, compared) === 0;
  }

  get verdict(): 'more' | 'enough' {
    return this.isHttp2 && this.#seen.length < http2Beginning.length ? 'more' : 'enough';
  }

  get bytes(): Buffer {
    return this.#seen;
  }
}
