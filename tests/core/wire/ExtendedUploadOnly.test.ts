import { describe, expect, it } from "@effect/vitest"
import * as UploadOnly from "../../../core/wire/ExtendedUploadOnly.ts"
import { hex } from "./Support.ts"

describe("upload_only", () => {
  for (const isUploadOnly of [true, false]) {
    it(`says ${isUploadOnly} in one byte`, () => {
      expect(UploadOnly.encode(isUploadOnly)).toEqual(Uint8Array.of(isUploadOnly ? 1 : 0))
      expect(UploadOnly.decode(UploadOnly.encode(isUploadOnly))).toBe(isUploadOnly)
    })
  }

  it.each([["", undefined], ["ff", true], ["0000", undefined], ["6931", undefined]] as const)(
    "reads 0x%s as %s",
    (payload, isUploadOnly) => expect(UploadOnly.decode(hex(payload))).toBe(isUploadOnly),
  )
})
