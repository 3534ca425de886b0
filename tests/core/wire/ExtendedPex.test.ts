import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Address from "../../../core/base/Address.ts"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Pex from "../../../core/wire/ExtendedPex.ts"

const decode = (payload: string) => Pex.decode(Bytes.latin1(payload))

const at = (host: string, port: number): Address.Address => ({ host, port })

const A = "\x01\x02\x03\x04\x1a\xe1"
const a = at("1.2.3.4", 6_881)
const B = "\xc0\xa8\x00\x09\x00\x50"
const b = at("192.168.0.9", 80)
const V6 = "\x20\x01\x0d\xb8" + "\x00".repeat(11) + "\x01\xff\xff"
const v6 = at("2001:db8::1", 65_535)

/** One table for both directions: payloads in canonical order, with nothing that says nothing. */
const VECTORS: ReadonlyArray<readonly [string, Pex.Message]> = [
  ["de", { added: [], dropped: [] }],
  [`d5:added6:${A}7:added.f1:\x02e`, { added: [{ address: a, flags: Pex.SEED }], dropped: [] }],
  [`d5:added12:${A}${B}7:added.f2:\x10\x0ce`, {
    added: [{ address: a, flags: Pex.REACHABLE }, {
      address: b,
      flags: Pex.SUPPORTS_HOLEPUNCH | Pex.SUPPORTS_UTP,
    }],
    dropped: [],
  }],
  [`d6:added618:${V6}8:added6.f1:\x01e`, {
    added: [{ address: v6, flags: Pex.PREFERS_ENCRYPTION }],
    dropped: [],
  }],
  [`d5:added6:${A}7:added.f1:\x006:added618:${V6}8:added6.f1:\x007:dropped6:${B}8:dropped618:${V6}e`, {
    added: [{ address: a, flags: 0 }, { address: v6, flags: 0 }],
    dropped: [b, v6],
  }],
]

describe.each(VECTORS)("%j", (payload, message) => {
  it("is read", () => expect(decode(payload)).toEqual({ ok: true, value: message }))

  it("is written", () => expect(Bytes.toLatin1(Pex.encode(message))).toBe(payload))

  it("is refused cut short or with bytes behind it", () => {
    for (let end = 0; end < payload.length; end++) {
      expect(decode(payload.slice(0, end))).toMatchObject({ ok: false, error: { _tag: "DecodeError" } })
    }
    expect(decode(payload + "e")).toMatchObject({ ok: false, error: { reason: "TrailingBytes" } })
  })
})

describe("what others write", () => {
  const added = (payload: string) => {
    const message = decode(payload)
    return message.ok ? message.value.added : message.error
  }

  it.each([
    ["no flags", `d5:added6:${A}e`],
    ["too few flags", `d5:added6:${A}7:added.f0:e`],
    ["flags that are no text", `d5:added6:${A}7:added.fi2ee`],
  ])("%s: none is set", (_, payload) => expect(added(payload)).toEqual([{ address: a, flags: 0 }]))

  it("a contact cut short ends its list", () => {
    expect(added(`d5:added11:${A}${B.slice(1)}e`)).toEqual([{ address: a, flags: 0 }])
    expect(added(`d5:added5:${A.slice(1)}e`)).toEqual([])
  })

  it("members of a wrong type are left out, others stay", () => {
    expect(added(`d5:addedi5e6:added6le7:droppedi1e1:xli1eee`)).toEqual([])
    expect(added(`d5:added6:${A}6:added6i0ee`)).toEqual([{ address: a, flags: 0 }])
  })

  it("an IPv4 address in IPv6 is that IPv4 address", () => {
    const mapped = "\x00".repeat(10) + "\xff\xff" + A
    expect(added(`d6:added618:${mapped}e`)).toEqual([{ address: a, flags: 0 }])
  })

  it.each(["le", "i1e", "4:spam"])("%s is no message", (payload) => {
    expect(decode(payload)).toEqual({ ok: false, error: { _tag: "NotADictionary" } })
  })
})

describe("of too many", () => {
  const many = (count: number, contact: string) => contact.repeat(count)
  const counts = (ipv4: number, ipv6: number) => {
    const message = decode(`d5:added${ipv4 * 6}:${many(ipv4, A)}6:added6${ipv6 * 18}:${many(ipv6, V6)}e`)
    if (!message.ok) throw new Error(message.error._tag)
    const hosts = message.value.added.map(({ address }) => address.host)
    return [hosts.filter((host) => host === a.host).length, hosts.filter((host) => host === v6.host).length]
  }

  it.each([
    [[50, 0], [50, 0]],
    [[51, 0], [50, 0]],
    [[10_000, 0], [50, 0]],
    [[0, 10_000], [0, 50]],
    [[10_000, 10_000], [25, 25]],
    [[10_000, 3], [47, 3]],
    [[3, 10_000], [3, 47]],
    [[25, 25], [25, 25]],
  ])("%j, those are kept: %j", ([ipv4, ipv6], kept) => {
    expect(counts(ipv4!, ipv6!)).toEqual(kept)
  })

  it("the first stay, and as many of those that have gone", () => {
    const contact = (n: number) => `\x01\x01\x01${String.fromCharCode(n)}\x1a\xe1`
    const list = Array.from({ length: 60 }, (_, n) => contact(n)).join("")
    const message = decode(`d5:added360:${list}7:dropped360:${list}e`)
    if (!message.ok) throw new Error(message.error._tag)
    const expected = Array.from({ length: Pex.MAX_CONTACTS }, (_, n) => at(`1.1.1.${n}`, 6_881))
    expect(message.value.added.map(({ address }) => address)).toEqual(expected)
    expect(message.value.dropped).toEqual(expected)
  })
})

it("tells of nobody whose host is a name", () => {
  const contact = { address: at("example.org", 6_881), flags: 0 }
  expect(Bytes.toLatin1(Pex.encode({ added: [contact], dropped: [contact.address] }))).toBe("de")
})

const address = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(65_535)).map(([host, port]) => at(host, port)),
  fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(65_535)).map(([bytes, port]) =>
    at(Address.fromCompact6(Bytes.concat([bytes, new Uint8Array(2)]), 0).host, port)
  ),
)

it.prop("what is written is read again, IPv4 first", [
  fc.array(fc.record({ address, flags: fc.nat(255) }), { maxLength: 25 }),
  fc.array(address, { maxLength: 25 }),
], ([added, dropped]) => {
  const isIpv6 = ({ host }: Address.Address) => Number(host.includes(":"))
  const message = Pex.decode(Pex.encode({ added, dropped }))
  expect(message).toEqual({
    ok: true,
    value: {
      added: [...added].sort((one, other) => isIpv6(one.address) - isIpv6(other.address)),
      dropped: [...dropped].sort((one, other) => isIpv6(one) - isIpv6(other)),
    },
  })
})

it.prop(
  "any payload is read without a throw, and within bounds",
  [fc.uint8Array({ maxLength: 400 })],
  ([payload]) => {
    for (
      const bytes of [
        payload,
        Bytes.concat([Bytes.latin1(`d5:added${payload.length}:`), payload, Bytes.latin1("e")]),
      ]
    ) {
      const message = Pex.decode(bytes)
      if (message.ok) expect(message.value.added.length).toBeLessThanOrEqual(Pex.MAX_CONTACTS)
    }
  },
)
