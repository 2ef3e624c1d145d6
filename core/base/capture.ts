/**
 * What a machine's state is written as when it is captured: data without behaviour, so that any encoder can carry it.
 * Whatever is captured must not change afterwards; a machine hands out copies of what it goes on changing.
 */
export type Captured =
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Captured[]
  | { readonly [field: string]: Captured };

/** A machine whose whole state can be taken down, and put up again elsewhere: restore, then continue equals continue. */
export interface Capturable {
  capture(): Captured;
}
