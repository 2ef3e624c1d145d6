/**
 * CRC-32C (Castagnoli): what every frame, record and rolling state hash is checked with.
 *
 * Eight tables, so that eight bytes cost eight look-ups and no dependency between them ("slicing-by-8").
 * Source: RFC 3720 §12.1 and appendix B.4; Kounavis and Berry, "A Systematic Approach to Building High Performance
 * Software-Based CRC Generators" (2005).
 */

/** The polynomial 0x1EDC6F41 with its bits reversed: bytes enter lowest bit first. */
const polynomial = 0x82f63b78;

function createTables(): readonly Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  const first = tables[0] as Int32Array;
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    first[byte] = crc;
  }
  // Table n is what n more zero bytes make of an entry of the first.
  for (let slice = 1; slice < 8; slice += 1) {
    const before = tables[slice - 1] as Int32Array;
    const table = tables[slice] as Int32Array;
    for (let byte = 0; byte < 256; byte += 1) {
      const crc = before[byte] as number;
      table[byte] = (first[crc & 0xff] as number) ^ (crc >>> 8);
    }
  }
  return tables;
}

const tables = createTables();
const table0 = tables[0] as Int32Array;
const table1 = tables[1] as Int32Array;
const table2 = tables[2] as Int32Array;
const table3 = tables[3] as Int32Array;
const table4 = tables[4] as Int32Array;
const table5 = tables[5] as Int32Array;
const table6 = tables[6] as Int32Array;
const table7 = tables[7] as Int32Array;

/**
 * The checksum of `bytes`, as an unsigned 32-bit number.
 *
 * @param previous the checksum of what lies before: `crc32c(b, crc32c(a))` is that of a and b joined
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  let at = 0;
  const length = bytes.length;
  for (const sliced = length - 7; at < sliced; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (table7[low & 0xff] as number) ^
      (table6[(low >>> 8) & 0xff] as number) ^
      (table5[(low >>> 16) & 0xff] as number) ^
      (table4[low >>> 24] as number) ^
      (table3[bytes[at + 4] as number] as number) ^
      (table2[bytes[at + 5] as number] as number) ^
      (table1[bytes[at + 6] as number] as number) ^
      (table0[bytes[at + 7] as number] as number);
  }
  for (; at < length; at += 1) crc = (crc >>> 8) ^ (table0[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
