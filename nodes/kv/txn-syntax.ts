import {
  Compare,
  compareResults,
  compareTargets,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
} from '../../core/chainfire/api/kv.ts';
import { utf8Encode } from '../../core/wire/protobuf.ts';
import { keyOf, rangeOf } from './keys.ts';

/** What is wrong with a compare or an operation, and how it should look. */
export class TxnSyntaxError extends Error {
  override readonly name = 'TxnSyntaxError';
}

const results = {
  '=': compareResults.equal,
  '==': compareResults.equal,
  '!=': compareResults.notEqual,
  '>': compareResults.greater,
  '<': compareResults.less,
} as const;

const compareForm =
  'TARGET(KEY) OPERATOR OPERAND with TARGET version, create, mod, value or lease and OPERATOR =, !=, > or <';

/**
 * `version(key) > 0`, `value("a key") = "a value"`, `lease(key) = 694d8`.
 *
 * The operand of `value` is text, of `lease` hexadecimal, of the others an integer.
 */
export function parseCompare(source: string): Compare {
  const match = /^\s*(version|create|mod|value|lease)\s*\(\s*(.*?)\s*\)\s*(==|=|!=|>|<)\s*(.*?)\s*$/s.exec(
    source,
  );
  if (match === null)
    throw new TxnSyntaxError(`compare ${JSON.stringify(source)}: it must be ${compareForm}`);
  const [, target, keySource = '', operator, operandSource = ''] = match;
  const key = keyOf(oneWord(keySource, source));
  const operand = oneWord(operandSource, source);
  const common = { key, result: results[operator as keyof typeof results] };
  switch (target) {
    case 'version':
      return Compare.create({ ...common, target: compareTargets.version, version: integer(operand, source) });
    case 'create':
      return Compare.create({
        ...common,
        target: compareTargets.create,
        createRevision: integer(operand, source),
      });
    case 'mod':
      return Compare.create({ ...common, target: compareTargets.mod, modRevision: integer(operand, source) });
    case 'lease':
      if (!/^[0-9a-fA-F]{1,16}$/.test(operand)) {
        throw new TxnSyntaxError(`compare ${JSON.stringify(source)}: a lease is 1 to 16 hexadecimal digits`);
      }
      return Compare.create({ ...common, target: compareTargets.lease, lease: BigInt(`0x${operand}`) });
    default:
      return Compare.create({ ...common, target: compareTargets.value, value: utf8Encode(operand) });
  }
}

const operationForm =
  'put KEY VALUE, get KEY [END] [--prefix] [--from-key], or del KEY [END] [--prefix] [--from-key]';

/** `put key value`, `get key`, `get key --prefix`, `del from to`. */
export function parseOperation(source: string): RequestOp {
  const all = words(source);
  const name = all[0]?.text;
  const flags = all.slice(1).filter(({ text, quoted }) => !quoted && text.startsWith('--'));
  const operands = all.slice(1).filter((word) => !flags.includes(word));
  const wrong = (): never => {
    throw new TxnSyntaxError(`operation ${JSON.stringify(source)}: it must be ${operationForm}`);
  };
  const none = {
    requestRange: undefined,
    requestPut: undefined,
    requestDeleteRange: undefined,
    requestTxn: undefined,
  };
  const [first, second] = operands;
  if (first === undefined || operands.length > 2) return wrong();
  if (name === 'put') {
    if (second === undefined || flags.length > 0) return wrong();
    return {
      ...none,
      requestPut: PutRequest.create({ key: keyOf(first.text), value: utf8Encode(second.text) }),
    };
  }
  if (flags.some(({ text }) => text !== '--prefix' && text !== '--from-key')) return wrong();
  if (flags.length > 1 || (flags.length === 1 && second !== undefined)) return wrong();
  const range = rangeOf(first.text, second?.text, {
    prefix: flags[0]?.text === '--prefix',
    fromKey: flags[0]?.text === '--from-key',
  });
  if (name === 'get') return { ...none, requestRange: RangeRequest.create(range) };
  if (name === 'del') return { ...none, requestDeleteRange: DeleteRangeRequest.create(range) };
  return wrong();
}

interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

/** Words separated by spaces; quotes keep spaces; a backslash outside single quotes keeps the next character. */
function words(source: string): readonly Word[] {
  const found: Word[] = [];
  let text: string | undefined;
  let quoted = false;
  let quote = '';
  for (let at = 0; at < source.length; at += 1) {
    const char = source[at] as string;
    if (char === '\\' && quote !== "'") {
      at += 1;
      text = (text ?? '') + (source[at] ?? '\\');
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else text += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      quoted = true;
      text ??= '';
    } else if (/\s/.test(char)) {
      if (text !== undefined) found.push({ text, quoted });
      text = undefined;
      quoted = false;
    } else {
      text = (text ?? '') + char;
    }
  }
  if (quote !== '') throw new TxnSyntaxError(`${JSON.stringify(source)}: a quote ${quote} is not closed`);
  if (text !== undefined) found.push({ text, quoted });
  return found;
}

/** The empty word only when it is quoted. */
function oneWord(part: string, source: string): string {
  const [word, more] = words(part);
  if (word === undefined || more !== undefined) {
    throw new TxnSyntaxError(
      `compare ${JSON.stringify(source)}: it must be ${compareForm}; quote what holds spaces`,
    );
  }
  return word.text;
}

function integer(text: string, source: string): number {
  const value = Number(text);
  if (!/^-?[0-9]+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new TxnSyntaxError(`compare ${JSON.stringify(source)}: ${JSON.stringify(text)} is not an integer`);
  }
  return value;
}
