/** From decoded bencode back to what the encoder takes, for round trips. */
import type * as Encode from "../../core/bencode/Encode.ts"
import type * as Value from "../../core/bencode/Value.ts"

/** The tree as what the encoder takes. */
export const encodable = (value: Value.Value): Encode.Encodable => {
  switch (value._tag) {
    case "Integer":
      return value.value
    case "Text":
      return value.bytes
    case "List":
      return value.items.map(encodable)
    case "Dict":
      return new Map([...value.entries].map(([key, item]) => [key, encodable(item)]))
  }
}
