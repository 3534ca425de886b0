import { it } from "@effect/vitest"
import { expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import { crc32c } from "../../../core/base/Crc32c.ts"

// The check value of the CRC catalogue, and the vectors of RFC 3720, B.4.
it.each([
  ["", 0],
  [Bytes.toHex(Bytes.latin1("123456789")), 0xe3069283],
  ["00".repeat(32), 0x8a9136aa],
  ["ff".repeat(32), 0x62a8ab43],
  [Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0")).join(""), 0x46dd794e],
  [Array.from({ length: 32 }, (_, i) => (31 - i).toString(16).padStart(2, "0")).join(""), 0x113fdb5c],
])("of 0x%s", (hex, crc) => {
  expect(crc32c(Bytes.fromHex(hex)!)).toBe(crc)
})
