import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { expect } from "vitest"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE } from "../../../core/base/Time.ts"
import * as Token from "../../../core/dht/Token.ts"
import { hex, peer } from "./Messages.ts"

const now = fc.integer({ min: -1_000_000, max: 2 ** 52 })
const tokens = Token.make(Rng.make(1))

it.prop("are good for five minutes at least, from any port", [
  peer,
  now,
  fc.integer({ min: 0, max: 5 * MINUTE }),
], ([
  peer,
  now,
  later,
]) => {
  const token = Token.issue(tokens, peer, now)
  expect(token.length).toBe(8)
  expect(Token.accepts(tokens, peer, token, now)).toBe(true)
  const moved = peer.slice()
  moved[moved.length - 1]! ^= 1
  expect(Token.accepts(tokens, moved, token, now + later)).toBe(true)
})

it.prop("are good for ten minutes at most", [peer, now], ([peer, now]) => {
  expect(Token.accepts(tokens, peer, Token.issue(tokens, peer, now), now + 10 * MINUTE)).toBe(false)
})

it.prop("are good for no other address", [peer, now, fc.nat({ max: 127 })], ([peer, now, bit]) => {
  const token = Token.issue(tokens, peer, now)
  const other = peer.slice()
  const at = (bit >> 3) % (peer.length - 2)
  other[at]! ^= 1 << (bit & 7)
  expect(Token.accepts(tokens, other, token, now)).toBe(false)
})

it.prop("are good as they are and no other way", [peer, now, fc.nat({ max: 63 })], ([peer, now, bit]) => {
  const token = Token.issue(tokens, peer, now)
  expect(Token.accepts(tokens, peer, token.subarray(0, 7), now)).toBe(false)
  expect(Token.accepts(tokens, peer, Uint8Array.of(...token, 0), now)).toBe(false)
  token[bit >> 3]! ^= 1 << (bit & 7)
  expect(Token.accepts(tokens, peer, token, now)).toBe(false)
})

it("change every five minutes, to the millisecond", () => {
  const ip = hex("01020304 0001")
  const token = Token.issue(tokens, ip, 0)
  expect(Token.issue(tokens, ip, 5 * MINUTE - 1)).toEqual(token)
  expect(Token.issue(tokens, ip, 5 * MINUTE)).not.toEqual(token)
  expect(Token.accepts(tokens, ip, token, 10 * MINUTE - 1)).toBe(true)
  expect(Token.accepts(tokens, ip, token, 10 * MINUTE)).toBe(false)
  // Nor is one good before it could have been issued.
  expect(Token.accepts(tokens, ip, token, -1)).toBe(false)
})

it("are those of one node", () => {
  const ip = hex("01020304 0001")
  expect(Token.accepts(Token.make(Rng.make(2)), ip, Token.issue(tokens, ip, 0), 0)).toBe(false)
  expect(Token.accepts(Token.fromKey(tokens.key), ip, Token.issue(tokens, ip, 0), 0)).toBe(true)
  expect(() => Token.fromKey(new Uint8Array(15))).toThrow("16 bytes")
})
