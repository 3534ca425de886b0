import { describe, expect, it } from "@effect/vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as DontHave from "../../../core/wire/ExtendedDontHave.ts"
import { hex } from "./Support.ts"

describe("lt_donthave (BEP 54)", () => {
  it.each([[0, "00000000"], [5, "00000005"], [66_051, "00010203"], [2 ** 32 - 1, "ffffffff"]])(
    "names piece %i as 0x%s",
    (piece, payload) => {
      expect(Bytes.toHex(DontHave.encode(piece))).toBe(payload)
      expect(DontHave.decode(hex(payload))).toBe(piece)
    },
  )

  it.each(["", "00", "000000", "0000000000"])("is nothing in 0x%s", (payload) => {
    expect(DontHave.decode(hex(payload))).toBeUndefined()
  })
})
