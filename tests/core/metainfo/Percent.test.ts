import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Percent from "../../../core/metainfo/Percent.ts"

describe("Percent", () => {
  it("encodes all but the unreserved, as the platform's stricter half does", () => {
    expect(Percent.encode("aZ0-._~")).toBe("aZ0-._~")
    expect(Percent.encode("a b&c=é/'(*)!")).toBe("a%20b%26c%3D%C3%A9%2F%27%28%2A%29%21")
  })

  it("encodes in a URL only what none may hold, once", () => {
    expect(Percent.encodeUrl("http://test.com/a file/é?x=[1]#%20")).toBe(
      "http://test.com/a%20file/%C3%A9?x=[1]#%20",
    )
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      const once = Percent.encodeUrl(text)
      expect(Percent.encodeUrl(once)).toBe(once)
    }))
  })

  it("is undone by decoding", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(Percent.decodeText(Percent.encode(text))).toBe(text)
      expect(Percent.encode(text)).toSatisfy((encoded: string) => decodeURIComponent(encoded) === text)
    }))
  })

  it("decodes bytes that are no text", () => {
    expect(Percent.decode("%ff%00a+")).toEqual(Uint8Array.of(0xff, 0, 0x61, 0x2b))
    expect(Percent.decodeText("%ff")).toBe("\ufffd")
  })

  it.each(["%", "%1", "%zz", "a%2", "%%20", "%é"])("refuses %j", (text) => {
    expect(Percent.decode(text)).toBeUndefined()
  })
})
