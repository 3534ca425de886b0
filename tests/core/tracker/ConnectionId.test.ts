import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { SECOND } from "../../../core/base/Time.ts"
import * as ConnectionId from "../../../core/tracker/ConnectionId.ts"

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i * 11)
const HERE = Uint8Array.of(192, 0, 2, 1)
const HERE6 = Uint8Array.from({ length: 16 }, (_, i) => i)

const at = fc.integer({ min: 0, max: 2 ** 45 })
const ip = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
)

describe("a connection id", () => {
  it.prop("is good for two minutes, for its address", {
    at,
    ip,
    laterMs: fc.nat(120 * SECOND),
  }, ({ at, ip, laterMs }) => {
    const id = ConnectionId.make(KEY, at, ip)
    expect(id.length).toBe(8)
    expect(ConnectionId.isValid(KEY, at + laterMs, ip, id)).toBe(true)
  })

  it.prop("is good no longer, and not long before", {
    at,
    ip,
    seconds: fc.oneof(fc.integer({ min: 121, max: 1_000 }), fc.integer({ min: 121, max: 2 ** 33 })),
  }, ({ at, ip, seconds }) => {
    const id = ConnectionId.make(KEY, at, ip)
    expect(ConnectionId.isValid(KEY, at + seconds * SECOND, ip, id)).toBe(false)
    const early = Math.max(2, seconds % 1_000) * SECOND
    expect(ConnectionId.isValid(KEY, at - early, ip, id), "from the future").toBe(false)
    expect(ConnectionId.isValid(KEY, at - SECOND, ip, id), "from another process").toBe(true)
  })

  it.prop("is of no use to another address, of either family, or under another key", {
    ip,
    other: ip,
    key: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  }, ({ ip, key, other }) => {
    fc.pre(ip.join() !== other.join() && key.join() !== KEY.join())
    const id = ConnectionId.make(KEY, 0, ip)
    expect(ConnectionId.isValid(KEY, 0, other, id)).toBe(false)
    expect(ConnectionId.isValid(key, 0, ip, id)).toBe(false)
  })

  it("is refused with any bit changed, and at any other length", () => {
    const id = ConnectionId.make(KEY, 5_000, HERE)
    for (let bit = 0; bit < 64; bit++) {
      const forged = id.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      expect(ConnectionId.isValid(KEY, 5_000, HERE, forged)).toBe(false)
    }
    for (let length = 0; length < 8; length++) {
      expect(ConnectionId.isValid(KEY, 5_000, HERE, id.subarray(0, length))).toBe(false)
    }
    expect(ConnectionId.isValid(KEY, 5_000, HERE, Uint8Array.from([...id, 0]))).toBe(false)
  })

  it("differs from second to second, also where their last byte is the same", () => {
    const ids = [0, 1, 256, 2 ** 32, 2 ** 40].map((second) =>
      ConnectionId.make(KEY, second * SECOND, HERE6).join()
    )
    expect(new Set(ids).size).toBe(ids.length)
    const first = ConnectionId.make(KEY, 0, HERE6)
    for (const second of [256, 2 ** 32, 2 ** 40]) {
      expect(ConnectionId.isValid(KEY, second * SECOND, HERE6, first)).toBe(false)
    }
  })

  it("is guessed by nobody who tries many", () => {
    const id = new Uint8Array(8)
    let guessed = 0
    for (let i = 0; i < 50_000; i++) {
      new DataView(id.buffer).setUint32(1 + i % 4, i * 40_503)
      if (ConnectionId.isValid(KEY, 0, HERE, id)) guessed++
    }
    expect(guessed).toBe(0)
  })
})
