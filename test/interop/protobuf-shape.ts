/** Which fields a message has, in their order, and of which wire type: what is left of it where values must differ. */
export function fieldsOf(message: string): readonly string[] {
  const fields: string[] = [];
  const bytes = Buffer.from(message, 'latin1');
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    fields.push(`${tag >> 3}:${tag & 7}`);
    if ((tag & 7) === 0) varint();
    else if ((tag & 7) === 2) {
      const length = varint();
      at += length;
    } else throw new Error(`wire type ${tag & 7} in a message of etcd: ${fields.join(' ')}`);
  }
  return fields;
}
