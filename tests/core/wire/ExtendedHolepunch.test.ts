import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Holepunch from "../../../core/wire/ExtendedHolepunch.ts"
import { hex } from "./Support.ts"

const ipv4 = { host: "80.1.2.3", port: 6_881 }
const ipv6 = { host: "2001:db8::1", port: 443 }
const IPV4 = "50010203 1ae1"
const IPV6 = "20010db8000000000000000000000001 01bb"

/** One table for both directions, laid out as BEP 55 has it. */
const VECTORS: ReadonlyArray<readonly [string, Holepunch.Message]> = [
  [`00 00 ${IPV4} 00000000`, { _tag: "Rendezvous", address: ipv4 }],
  [`00 01 ${IPV6} 00000000`, { _tag: "Rendezvous", address: ipv6 }],
  [`01 00 ${IPV4} 00000000`, { _tag: "Connect", address: ipv4 }],
  [`01 01 ${IPV6} 00000000`, { _tag: "Connect", address: ipv6 }],
  [`02 00 ${IPV4} 00000001`, { _tag: "Error", address: ipv4, reason: "NoSuchPeer" }],
  [`02 00 ${IPV4} 00000002`, { _tag: "Error", address: ipv4, reason: "NotConnected" }],
  [`02 01 ${IPV6} 00000003`, { _tag: "Error", address: ipv6, reason: "NoSupport" }],
  [`02 01 ${IPV6} 00000004`, { _tag: "Error", address: ipv6, reason: "NoSelf" }],
]

describe.each(VECTORS)("%s", (payload, message) => {
  const bytes = hex(payload)

  it("is read", () => expect(Holepunch.decode(bytes)).toEqual(message))

  it("is written", () => expect(Bytes.toHex(Holepunch.encode(message))).toBe(Bytes.toHex(bytes)))

  it("is nothing cut short or with bytes behind it; without an error's four bytes only an error is", () => {
    for (let end = 0; end < bytes.length; end++) {
      const isWithoutError = end === bytes.length - 4 && message._tag !== "Error"
      expect(Holepunch.decode(bytes.subarray(0, end))).toEqual(isWithoutError ? message : undefined)
    }
    expect(Holepunch.decode(Bytes.concat([bytes, Uint8Array.of(0)]))).toBeUndefined()
  })
})

it.each([
  ["a type that nobody knows", `03 00 ${IPV4} 00000000`],
  ["a family that nobody knows", `00 02 ${IPV4} 00000000`],
  ["an address of the other family", `00 01 ${IPV4} 00000000`],
  ["an error that is none", `02 00 ${IPV4} 00000000`],
  ["an error that nobody knows", `02 00 ${IPV4} 00000005`],
  ["an error beyond a byte", `02 00 ${IPV4} 01000001`],
])("%s says nothing", (_, payload) => expect(Holepunch.decode(hex(payload))).toBeUndefined())

it.prop("any payload is read without a throw, and what it says is written back", [
  fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.tuple(fc.nat(3), fc.nat(2), fc.uint8Array({ minLength: 6, maxLength: 22 })).map(
      ([type, family, rest]) => Bytes.concat([Uint8Array.of(type, family), rest]),
    ),
  ),
], ([payload]) => {
  const message = Holepunch.decode(payload)
  if (message !== undefined) expect(Holepunch.decode(Holepunch.encode(message))).toEqual(message)
})
