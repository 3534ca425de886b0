import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import { latin1, toLatin1 } from "../../../../core/base/Bytes.ts"
import * as Krpc from "../../../../core/dht/Krpc.ts"
import * as Peek from "../../../../core/sim/dht/check/Peek.ts"

// As in BEP 5.
const QUERY = latin1(
  "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
)
const RESPONSE = latin1(
  "d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
)
const ERROR = latin1("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee")

describe("Peek", () => {
  it("tells queries, responses and errors apart", () => {
    expect([QUERY, RESPONSE, ERROR].map(Peek.kind)).toEqual(["q", "r", "e"])
    expect(["", "e", "1:y1:qe", "d1:y1:xe", "d1:y1:q"].map((text) => Peek.kind(latin1(text))))
      .toEqual(["", "", "", "", ""])
  })

  it("finds what is in them", () => {
    const text = (bytes: Uint8Array | undefined) => bytes && toLatin1(bytes)
    expect(Peek.isMethod(QUERY, "announce_peer")).toBe(true)
    expect(Peek.isMethod(QUERY, "announce")).toBe(false)
    expect(Peek.isMethod(RESPONSE, "announce_peer")).toBe(false)
    expect(text(Peek.inside(QUERY, "a", "token"))).toBe("aoeusnth")
    expect(text(Peek.inside(QUERY, "a", "port"))).toBe(undefined)
    expect(text(Peek.inside(RESPONSE, "r", "token"))).toBe("aoeusnth")
    expect(text(Peek.inside(RESPONSE, "a", "token"))).toBe(undefined)
    expect(text(Peek.textAt(QUERY, Peek.member(QUERY, 0, "t")))).toBe("aa")
    const values = Peek.member(RESPONSE, Peek.member(RESPONSE, 0, "r"), "values")
    expect(Peek.texts(RESPONSE, values).map(toLatin1)).toEqual(["axje.u", "idhtnm"])
  })

  it.prop("agrees with the codec", [
    fc.uint8Array({ minLength: 20, maxLength: 20 }),
    fc.uint8Array({ maxLength: 64 }),
  ], ([id, token]) => {
    const bytes = Krpc.encode({ _tag: "Response", transaction: Uint8Array.of(1, 2), id, token })
    expect(Peek.kind(bytes)).toBe("r")
    expect(Peek.inside(bytes, "r", "id")).toEqual(id)
    expect(Peek.inside(bytes, "r", "token")).toEqual(token)
  })

  it.prop(
    "comes to an end whatever it reads",
    [fc.uint8Array({ maxLength: 80 }), fc.nat(120)],
    ([noise, cut]) => {
      for (
        const bytes of [noise, QUERY.subarray(0, cut), Uint8Array.of(...QUERY.subarray(0, cut), ...noise)]
      ) {
        Peek.kind(bytes)
        Peek.isMethod(bytes, "ping")
        Peek.inside(bytes, "a", "token")
        Peek.texts(bytes, Peek.member(bytes, 0, "a"))
      }
    },
  )
})
