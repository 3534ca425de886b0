/**
 * The bencode reader (BEP 3): strict, without recursion, with limits, keeping offsets. Canonical in everything but the
 * order of keys, which real torrents get wrong: `Dict.isSorted` tells, and the caller decides. One pass proves all of the
 * bytes right; values are made of them as they are asked for.
 */
import type { Bytes } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import type { DecodeError } from "./DecodeError.ts"
import * as Lazy from "./Lazy.ts"
import * as Scan from "./Scan.ts"
import type { Value } from "./Value.ts"

export { type DecodeError, type DecodeReason, describe } from "./DecodeError.ts"
export { MAX_INTEGER_DIGITS } from "./Scan.ts"

/** A value may lie in this many containers. Torrents and messages nest about five deep; v2 file trees as deep as paths. */
export const MAX_DEPTH = 100
/** Values and keys together, 12 bytes of index each. A torrent of 100,000 files has under a million. */
export const MAX_TOKENS = 3_000_000

export interface DecodeOptions {
  readonly maxDepth?: number
  readonly maxTokens?: number
  /** Whether bytes after the value are an error (the default) or left to the caller, from `value.end` on. */
  readonly trailing?: "reject" | "allow"
}

/**
 * Decodes one value from the start of `source`, in time linear in its length; it allocates nothing by a number that the
 * source claims. The value reads from `source`, which must not change while the value is in use.
 */
export const decode = (source: Bytes, options: DecodeOptions = {}): Result<Value, DecodeError> => {
  const index = Scan.scan(source, options.maxDepth ?? MAX_DEPTH, options.maxTokens ?? MAX_TOKENS)
  if (!index.ok) return index
  const end = Scan.end(index.value, 0)
  return end < source.length && options.trailing !== "allow"
    ? err({ _tag: "DecodeError", reason: "TrailingBytes", offset: end })
    : ok(Lazy.value(index.value, 0))
}
