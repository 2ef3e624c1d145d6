/** An element as a parser gives it to its reader: entities resolved, text in one piece. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const nameAt = /[A-Za-z_][\w.-]*/y;
const attributeAt = /\s+([A-Za-z_][\w.-]*)="([^"<]*)"/y;
const textAt = /[^<]*/y;
/** What XML 1.0 allows, and nothing else. */
// eslint-disable-next-line no-control-regex -- the production of XML 1.0 (section 2.2)
const characters = /^[\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;
const references: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Reads XML by the rules of the recommendation, as far as a report needs them (no comments, no sections, no declarations but
 * the first): whatever is not well-formed is an error.
 */
export function parseXml(source: string): XmlElement {
  if (!characters.test(source)) throw new SyntaxError('a character that XML does not have');
  const reader = new Reader(source.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\s*/, ''));
  const root = reader.element();
  reader.end();
  return root;
}

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  element(): XmlElement {
    this.#literal('<');
    const name = this.#match(nameAt)[0];
    const attributes: Record<string, string> = {};
    for (let found = this.#try(attributeAt); found !== undefined; found = this.#try(attributeAt)) {
      const [, key = '', value = ''] = found;
      if (key in attributes) throw new SyntaxError(`attribute ${key} twice`);
      // Line ends in attributes become spaces, unless they are written as references (section 3.3.3).
      attributes[key] = resolved(value.replace(/[\t\n\r]/g, ' '));
    }
    if (this.#source.startsWith('/>', this.#at)) {
      this.#at += 2;
      return { name, attributes, children: [], text: '' };
    }
    this.#literal('>');
    const children: XmlElement[] = [];
    let text = this.#text();
    while (!this.#source.startsWith('</', this.#at)) {
      children.push(this.element());
      text += this.#text();
    }
    this.#literal(`</${name}>`);
    return { name, attributes, children, text };
  }

  end(): void {
    if (this.#source.slice(this.#at).trim() !== '') throw new SyntaxError('something behind the root');
  }

  #text(): string {
    const raw = this.#match(textAt)[0];
    if (raw.includes(']]>')) throw new SyntaxError(']]> in text');
    return resolved(raw);
  }

  #literal(text: string): void {
    if (!this.#source.startsWith(text, this.#at)) {
      throw new SyntaxError(`${text} expected at ${this.#source.slice(this.#at, this.#at + 40)}`);
    }
    this.#at += text.length;
  }

  #match(pattern: RegExp): RegExpExecArray {
    const found = this.#try(pattern);
    if (found === undefined) throw new SyntaxError(`at ${this.#source.slice(this.#at, this.#at + 40)}`);
    return found;
  }

  #try(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }
}

function resolved(raw: string): string {
  return raw.replace(/&([^;]*;?)/g, (_, body: string) => {
    const named = references[body.slice(0, -1)];
    if (body.endsWith(';') && named !== undefined) return named;
    const code = /^#(\d+);$/.exec(body)?.[1];
    if (code === undefined) throw new SyntaxError(`&${body} is no reference`);
    return String.fromCodePoint(Number(code));
  });
}
