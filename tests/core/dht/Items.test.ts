import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import { digest } from "../../../core/base/Digest.ts"
import { MINUTE, NEVER } from "../../../core/base/Time.ts"
import * as Compact from "../../../core/dht/Compact.ts"
import * as Items from "../../../core/dht/Items.ts"
import type * as KrpcMessage from "../../../core/dht/KrpcMessage.ts"
import { ITEM_LIFETIME_MS, MAX_ITEMS, MAX_ITEMS_PER_ADDRESS, MAX_SEQ } from "../../../core/dht/Limits.ts"
import { hex, latin1 } from "./Messages.ts"

const HELLO = latin1("12:Hello World!")
const OWN = new Uint8Array(20)
const from = (host: string): Bytes.Bytes => Compact.fromAddress({ host, port: 1 })!
const HOME = from("10.0.0.1")

/** The key as node:crypto takes it: in a frame of DER. */
const keyOf = (publicKey: Bytes.Bytes) =>
  createPublicKey({
    key: Buffer.concat([hex("302a300506032b6570032100"), publicKey]),
    format: "der",
    type: "spki",
  })

describe("the test vectors of BEP 44", () => {
  const publicKey = hex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")

  it.each([
    [
      "",
      "3:seqi1e1:v12:Hello World!",
      "4a533d47ec9c7d95b1ad75f576cffc641853b750",
      "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff" +
      "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
    ],
    [
      "foobar",
      "4:salt6:foobar3:seqi1e1:v12:Hello World!",
      "411eba73b6f087ca51a3795d9c8c938d365e32c1",
      "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d" +
      "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
    ],
  ])("mutable, salt %j", (salt, input, target, signature) => {
    expect(Bytes.toLatin1(Items.signingInput(1n, latin1(salt), HELLO))).toBe(input)
    expect(Bytes.toHex(Items.targetOfMutable(publicKey, latin1(salt)))).toBe(target)
    expect(verify(null, latin1(input), keyOf(publicKey), hex(signature))).toBe(true)
    const checked = Items.check(Items.make(), {
      _tag: "Put",
      token: Bytes.empty,
      value: HELLO,
      mutable: { publicKey, salt: latin1(salt), seq: 1n, signature: hex(signature) },
    })
    expect(checked).toMatchObject({ ok: true, value: { target: hex(target), signed: latin1(input) } })
  })

  it("immutable", () => {
    const target = "e5f96f6f38320f0f33959cb4d3d656452117aadb"
    expect(Bytes.toHex(Items.targetOfImmutable(HELLO))).toBe(target)
    const checked = Items.check(Items.make(), { _tag: "Put", token: Bytes.empty, value: HELLO })
    expect(checked).toEqual({ ok: true, value: { target: hex(target), value: HELLO } })
  })
})

it("names the feeds of BEP 46", () => {
  const k = hex("8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e")
  expect(Bytes.toHex(Items.targetOfMutable(k, Bytes.empty))).toBe("cc3f9d90b572172053626f9980ce261a850d050b")
  expect(Bytes.toHex(Items.targetOfMutable(k, latin1("n")))).toBe("59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f")
})

it("signs numbers that don't fit into a double", () => {
  expect(Bytes.toLatin1(Items.signingInput(MAX_SEQ, latin1("4:salt"), latin1("le"))))
    .toBe("4:salt6:4:salt3:seqi9223372036854775807e1:vle")
})

it("verifies what its own keys have signed", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519")
  const input = Items.signingInput(7n, latin1("s"), HELLO)
  const raw = new Uint8Array(publicKey.export({ format: "der", type: "spki" })).subarray(12)
  expect(verify(null, input, keyOf(raw), sign(null, input, privateKey))).toBe(true)
})

const key = (n: number): Bytes.Bytes => new Uint8Array(32).fill(n)

const mutable = (
  seq: bigint,
  value: string,
  more: { cas?: bigint; salt?: string; key?: number } = {},
): KrpcMessage.Put => ({
  _tag: "Put",
  token: latin1("t"),
  value: latin1(value),
  mutable: {
    publicKey: key(more.key ?? 1),
    signature: new Uint8Array(64).fill(Number(seq % 256n)),
    seq,
    salt: latin1(more.salt ?? ""),
    ...(more.cas !== undefined && { cas: more.cas }),
  },
})

const immutable = (value: string): KrpcMessage.Put => ({
  _tag: "Put",
  token: latin1("t"),
  value: latin1(value),
})

/** Checks and stores, as if the signature were right: the code of the refusal, `undefined` if there was none. */
const put = (items: Items.Items, message: KrpcMessage.Put, now = 0, at = HOME): number | undefined => {
  const checked = Items.check(items, message)
  if (!checked.ok) return checked.error.code
  const stored = Items.store(items, checked.value, at, OWN, now)
  return stored.ok ? undefined : stored.error.code
}

const target = Items.targetOfMutable(key(1), Bytes.empty)
const valueOf = (items: Items.Items): string | undefined => {
  const item = Items.get(items, target)
  return item && Bytes.toLatin1(item.value)
}

describe("sizes", () => {
  it("of values go up to 1000 bytes: 205", () => {
    expect(put(Items.make(), immutable(`996:${"x".repeat(996)}`))).toBeUndefined()
    expect(put(Items.make(), immutable(`997:${"x".repeat(997)}`))).toBe(205)
    expect(put(Items.make(), mutable(1n, `997:${"x".repeat(997)}`))).toBe(205)
  })

  it("of salts go up to 64: 207", () => {
    expect(put(Items.make(), mutable(1n, "i1e", { salt: "x".repeat(64) }))).toBeUndefined()
    expect(put(Items.make(), mutable(1n, "i1e", { salt: "x".repeat(65) }))).toBe(207)
  })
})

describe("a mutable item", () => {
  it("is replaced by a higher number only: 302", () => {
    const items = Items.make()
    expect(put(items, mutable(5n, "i5e"))).toBeUndefined()
    expect(put(items, mutable(4n, "i4e"))).toBe(302)
    expect(put(items, mutable(5n, "i6e"))).toBe(302)
    expect(valueOf(items)).toBe("i5e")
    expect(put(items, mutable(MAX_SEQ, "i7e"))).toBeUndefined()
    expect(valueOf(items)).toBe("i7e")
    expect(put(items, mutable(MAX_SEQ - 1n, "i8e"))).toBe(302)
  })

  it("is replaced where it is what was expected: 301", () => {
    const items = Items.make()
    // Where nothing is, nothing is compared.
    expect(put(items, mutable(5n, "i5e", { cas: 4n }))).toBeUndefined()
    expect(put(items, mutable(6n, "i6e", { cas: 4n }))).toBe(301)
    expect(put(items, mutable(3n, "i3e", { cas: 4n }))).toBe(301)
    expect(put(items, mutable(6n, "i6e", { cas: 5n }))).toBeUndefined()
    expect(put(items, mutable(4n, "i4e", { cas: 6n }))).toBe(302)
    expect(valueOf(items)).toBe("i6e")
  })

  it("is compared again when its signature has been verified", () => {
    const items = Items.make()
    const [slow, fast] = [Items.check(items, mutable(5n, "i5e")), Items.check(items, mutable(6n, "i6e"))]
    if (!slow.ok || !fast.ok) throw new Error("both may be stored")
    expect(Items.store(items, fast.value, HOME, OWN, 0)).toEqual({ ok: true, value: undefined })
    expect(Items.store(items, slow.value, HOME, OWN, 0)).toMatchObject({ ok: false, error: { code: 302 } })
    expect(valueOf(items)).toBe("i6e")
  })

  it("is one for each salt and key", () => {
    const items = Items.make()
    expect(put(items, mutable(5n, "i5e"))).toBeUndefined()
    expect(put(items, mutable(1n, "i1e", { salt: "a" }))).toBeUndefined()
    expect(put(items, mutable(1n, "i2e", { key: 2 }))).toBeUndefined()
    expect(Items.size(items)).toBe(3)
  })

  it("doesn't mix with an immutable one of the same hash: 203", () => {
    // A key that reads as a text, with its author's salt behind it.
    const publicKey = latin1("29:" + "k".repeat(29))
    const put1: KrpcMessage.Put = {
      ...mutable(1n, "i1e"),
      mutable: { publicKey, signature: new Uint8Array(64), seq: 1n, salt: Bytes.empty },
    }
    const put2 = immutable(Bytes.toLatin1(publicKey))
    for (const [first, second] of [[put1, put2], [put2, put1]] as const) {
      const items = Items.make()
      expect(put(items, first)).toBeUndefined()
      expect(put(items, second)).toBe(203)
    }
  })
})

describe("an answer", () => {
  const items = Items.make()
  put(items, mutable(5n, "i5e"))
  put(items, immutable("2:xy"))

  it("is all of the item", () => {
    const all = { value: latin1("i5e"), seq: 5n, publicKey: key(1), signature: new Uint8Array(64).fill(5) }
    expect(Items.answer(items, target, undefined)).toEqual(all)
    expect(Items.answer(items, target, 4n)).toEqual(all)
    expect(Items.answer(items, Items.targetOfImmutable(latin1("2:xy")), 9n)).toEqual({
      value: latin1("2:xy"),
    })
  })

  it("is the number for those who have it", () => {
    expect(Items.answer(items, target, 5n)).toEqual({ seq: 5n })
    expect(Items.answer(items, target, 6n)).toEqual({ seq: 5n })
  })

  it("is nothing about what isn't here", () => {
    expect(Items.answer(items, OWN, undefined)).toEqual({})
  })
})

it("holds copies: packets go", () => {
  const items = Items.make()
  const message = mutable(1n, "i1e", { salt: "salt" })
  const checked = Items.check(items, message)
  if (!checked.ok) throw new Error("it may be stored")
  const before = digest(checked)
  for (const bytes of [message.value, message.mutable!.publicKey, message.mutable!.signature]) bytes.fill(0)
  message.mutable!.salt.fill(0)
  expect(digest(checked)).toBe(before)
})

describe("time", () => {
  it("forgets what wasn't put for two hours", () => {
    const items = Items.make()
    expect(Items.nextExpiry(items)).toBe(NEVER)
    put(items, mutable(1n, "i1e"), 0)
    put(items, immutable("i2e"), 10)
    // The same version again, from anybody.
    put(items, mutable(1n, "i1e"), 90 * MINUTE, from("1.2.3.4"))
    expect(Items.nextExpiry(items)).toBe(ITEM_LIFETIME_MS)
    Items.expire(items, ITEM_LIFETIME_MS + 9)
    expect(Items.size(items)).toBe(2)
    Items.expire(items, ITEM_LIFETIME_MS + 10)
    expect(Items.size(items)).toBe(1)
    expect(Items.nextExpiry(items)).toBe(90 * MINUTE + ITEM_LIFETIME_MS)
    Items.expire(items, 90 * MINUTE + ITEM_LIFETIME_MS - 1)
    expect(valueOf(items)).toBe("i1e")
    Items.expire(items, 90 * MINUTE + ITEM_LIFETIME_MS)
    expect(Items.size(items)).toBe(0)
    expect(Items.nextExpiry(items)).toBe(NEVER)
  })
})

describe("limits", () => {
  it("give an address, or an IPv6 customer, a share of the store: 202", () => {
    for (
      const [one, same, other] of [
        ["1.2.3.4", "1.2.3.4", "1.2.3.5"],
        ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"],
      ] as const
    ) {
      const items = Items.make()
      for (let i = 0; i < MAX_ITEMS_PER_ADDRESS; i++) {
        expect(put(items, immutable(`i${i}e`), 0, from(one))).toBeUndefined()
      }
      expect(put(items, immutable("2:xy"), 0, from(same))).toBe(202)
      expect(put(items, immutable("i1e"), 0, from(same))).toBeUndefined()
      expect(put(items, immutable("2:xy"), 0, from(other))).toBeUndefined()
    }
  })

  it("keep the items nearest to the node when it is full: 202", () => {
    const items = Items.make()
    const targets: Array<string> = []
    let refused = 0
    for (let i = 0; i < MAX_ITEMS + 300; i++) {
      const code = put(items, immutable(`i${i}e`))
      if (code !== undefined) {
        expect(code).toBe(202)
        refused++
      }
      targets.push(Bytes.toHex(Items.targetOfImmutable(latin1(`i${i}e`))))
    }
    expect(refused).toBeGreaterThan(0)
    // The node's id is zero, so that the nearest are the smallest.
    const kept = [...items.items.keys()].map((name) => Bytes.toHex(latin1(name))).sort()
    expect(kept).toEqual(targets.sort().slice(0, MAX_ITEMS))
  })
})

it.prop(
  "never lets a number sink, whatever is put",
  [fc.array(
    fc.record({
      seq: fc.bigInt(0n, 5n),
      value: fc.constantFrom("i1e", "i2e"),
      cas: fc.option(fc.bigInt(0n, 5n)),
    }),
  )],
  ([puts]) => {
    const items = Items.make()
    for (const { cas, seq, value } of puts) {
      const before = Items.get(items, target)
      const code = put(items, mutable(seq, value, cas === null ? {} : { cas }))
      const after = Items.get(items, target)!
      if (code === undefined) expect([after.mutable!.seq, Bytes.toLatin1(after.value)]).toEqual([seq, value])
      else expect(after).toBe(before)
      if (before === undefined) continue
      expect(after.mutable!.seq >= before.mutable!.seq).toBe(true)
      if (after.mutable!.seq === before.mutable!.seq) expect(after.value).toEqual(before.value)
    }
  },
)
