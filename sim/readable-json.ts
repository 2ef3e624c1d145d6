const columnsMax = 108;

/**
 * JSON for a file that people read and keep under version control: what fits on a line is on one. A field that is
 * undefined is written as null, so that it is still there when the file is read.
 *
 * @throws RangeError for a number that JSON cannot hold
 */
export function readableJson(value: unknown): string {
  return `${printed(value, '')}\n`;
}

function printed(value: unknown, indent: string, taken = indent.length): string {
  const line = onOneLine(value);
  if (typeof value !== 'object' || value === null || line.length + taken <= columnsMax) return line;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => `${deeper}${printed(item, deeper)}`);
    return `[\n${items.join(',\n')}\n${indent}]`;
  }
  const fields = Object.entries(value).map(([field, held]) => {
    const name = `${deeper}${JSON.stringify(field)}: `;
    return `${name}${printed(held, deeper, name.length + 1)}`;
  });
  return `{\n${fields.join(',\n')}\n${indent}}`;
}

function onOneLine(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new RangeError(`${value} cannot be written as JSON`);
  }
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`;
  if (typeof value === 'object') {
    const fields = Object.entries(value).map(
      ([field, held]) => `${JSON.stringify(field)}: ${onOneLine(held)}`,
    );
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
  }
  return JSON.stringify(value);
}
