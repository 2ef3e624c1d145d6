export type Yaml = string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml };

interface Line {
  readonly indent: number;
  readonly text: string;
}

/**
 * As much of YAML as a description of an API is written in: maps, lists, plain and quoted scalars, lists on one line. Texts of
 * several lines are read as their first.
 */
export function parseYaml(source: string): Yaml {
  const lines = source
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => ({ indent: line.length - line.trimStart().length, text: line.trim() }));
  return block(lines, { at: 0 }, 0);
}

function block(lines: readonly Line[], cursor: { at: number }, indent: number): Yaml {
  const first = lines[cursor.at];
  return first?.text.startsWith('- ') === true ? list(lines, cursor, indent) : map(lines, cursor, indent);
}

function list(lines: readonly Line[], cursor: { at: number }, indent: number): readonly Yaml[] {
  const items: Yaml[] = [];
  for (;;) {
    const line = lines[cursor.at];
    if (line?.indent !== indent || !line.text.startsWith('- ')) return items;
    const rest = line.text.slice(2);
    cursor.at += 1;
    if (!isEntry(rest)) {
      items.push(scalar(rest));
      continue;
    }
    // A map that begins beside its dash.
    const own = [{ indent: indent + 2, text: rest }];
    while ((lines[cursor.at]?.indent ?? -1) > indent) {
      own.push(lines[cursor.at] as Line);
      cursor.at += 1;
    }
    items.push(map(own, { at: 0 }, indent + 2));
  }
}

function map(lines: readonly Line[], cursor: { at: number }, indent: number): Yaml {
  const entries: [string, Yaml][] = [];
  for (;;) {
    const line = lines[cursor.at];
    if (line === undefined || line.indent < indent) return Object.fromEntries(entries);
    cursor.at += 1;
    // Another line of a text.
    if (line.indent > indent || !isEntry(line.text)) continue;
    const [, key = '', value = ''] = /^("[^"]*"|[^:]+):\s*(.*)$/.exec(line.text) ?? [];
    const next = lines[cursor.at];
    const nested = value === '' && next !== undefined && next.indent > indent;
    entries.push([key.replaceAll('"', ''), nested ? block(lines, cursor, next.indent) : scalar(value)]);
  }
}

function isEntry(text: string): boolean {
  return /^("[^"]*"|[^\s:"][^:]*):(\s|$)/.test(text);
}

function scalar(text: string): Yaml {
  const inline = /^\[(.*)\]$/.exec(text)?.[1];
  if (inline !== undefined) return inline.split(',').map((item) => scalar(item.trim()));
  const quoted = /^"(.*)"$/.exec(text)?.[1];
  if (quoted !== undefined) return quoted;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?[0-9]+$/.test(text) ? Number(text) : text;
}
