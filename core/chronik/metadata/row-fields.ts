import { type NodeId } from '../../base/ids.ts';
import { type Field, int64, text, uint64 } from '../../wire/protobuf.ts';
import { noLeader } from '../types.ts';

/** A broker that the cluster knows: 1 and more. */
export const brokerId = (number: number): Field<NodeId> => uint64(number) as Field<number> as Field<NodeId>;

/** A broker as somebody outside has named it: any integer, to be looked up. */
export const namedBroker = int64;

/** A partition's leader; nobody is written as 0, which is no broker, rather than as ten bytes of −1. */
export function leaderId(number: number): Field<NodeId | typeof noLeader> {
  const field = uint64(number);
  return {
    number,
    wireType: field.wireType,
    write: (writer, value) => {
      field.write(writer, value);
    },
    read: (reader) => field.read(reader, 0) as NodeId,
    absent: noLeader,
    isDefault: (value) => value === noLeader || value === undefined,
    repeated: false,
  };
}

/** A number that may have a fraction, as the shortest text that reads as the same number again. */
export function real(number: number): Field<number> {
  const field = text(number);
  return {
    number,
    wireType: field.wireType,
    write: (writer, value) => {
      field.write(writer, String(value));
    },
    read: (reader) => Number(field.read(reader, '')),
    absent: 0,
    isDefault: (value) => value === 0 || value === undefined,
    repeated: false,
  };
}
