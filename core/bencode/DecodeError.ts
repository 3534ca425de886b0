/** Why bytes are no bencoding: a name for programs, a phrase for people, and the place. */

export type DecodeReason =
  /** No value, or no key, starts with this byte. */
  | "UnexpectedByte"
  /** A dictionary's key is not a text. */
  | "KeyNotText"
  /** A text's length has a sign or another character that is no digit. */
  | "BadLength"
  /** A text's length has a leading zero. */
  | "NonCanonicalLength"
  /** No digits, a leading zero, `-0`, a character that is no digit, or too many digits. */
  | "BadInteger"
  /** The bytes end inside a value, or a text claims more than there are. */
  | "Truncated"
  | "DuplicateKey"
  | "DepthExceeded"
  | "TokenLimit"
  /** Bytes after the value, where they are not allowed. */
  | "TrailingBytes"

export interface DecodeError {
  readonly _tag: "DecodeError"
  readonly reason: DecodeReason
  /** Where in the source, in bytes. */
  readonly offset: number
}

/** The error as a phrase for people, with its place. */
export const describe = ({ reason, offset }: DecodeError): string => `${PHRASES[reason]} (byte ${offset})`

const PHRASES: { readonly [reason in DecodeReason]: string } = {
  UnexpectedByte: "no value starts like this",
  KeyNotText: "a dictionary's key is not a text",
  BadLength: "a text's length is not a number",
  NonCanonicalLength: "a text's length has a leading zero",
  BadInteger: "an integer is not in its one form",
  Truncated: "the data end before the value does",
  DuplicateKey: "a dictionary has a key twice",
  DepthExceeded: "the nesting is too deep",
  TokenLimit: "there are too many values",
  TrailingBytes: "there are bytes after the value",
}
