import { describe, expect, it } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Krpc from "../../../core/dht/Krpc.ts"
import { latin1 } from "./Messages.ts"

const ID = "2:id20:abcdefghij0123456789"
const HASH = "20:mnopqrstuvwxyz123456"
const K = `1:k32:${"k".repeat(32)}`
const SIG = `3:sig64:${"s".repeat(64)}`

/** What the query with these arguments besides its id is taken for. */
const decode = (method: string, args: string) =>
  Krpc.decode(latin1(`d1:ad${ID}${args}e1:q${method.length}:${method}1:t2:aa1:y1:qe`))

const request = (method: string, args: string): Krpc.Request => {
  const decoded = decode(method, args)
  if (!decoded.ok || decoded.value._tag !== "Query") throw new Error(JSON.stringify(decoded))
  return decoded.value.request
}

describe("what is needed and missing or wrong", () => {
  it.each([
    ["find_node", "", "the query has no target of 20 bytes"],
    ["find_node", "6:target19:mnopqrstuvwxyz12345", "the query has no target of 20 bytes"],
    ["find_node", "6:targeti5e", "the query has no target of 20 bytes"],
    ["get", "", "the query has no target of 20 bytes"],
    ["sample_infohashes", "6:target0:", "the query has no target of 20 bytes"],
    ["get_peers", "", "the query has no info-hash of 20 bytes"],
    ["get_peers", "9:info_hash21:mnopqrstuvwxyz1234567", "the query has no info-hash of 20 bytes"],
    ["announce_peer", "4:porti1e5:token1:t", "the query has no info-hash of 20 bytes"],
    ["announce_peer", `9:info_hash${HASH}4:porti1e`, "the query has no token"],
    ["announce_peer", `9:info_hash${HASH}4:porti1e5:tokeni1e`, "the query has no token"],
    ["announce_peer", `9:info_hash${HASH}4:porti1e5:token65:${"t".repeat(65)}`, "the query has no token"],
    ["announce_peer", `9:info_hash${HASH}5:token1:t`, "the query has no port from 1 to 65535"],
    ["announce_peer", `9:info_hash${HASH}4:porti0e5:token1:t`, "the query has no port from 1 to 65535"],
    ["announce_peer", `9:info_hash${HASH}4:porti65536e5:token1:t`, "the query has no port from 1 to 65535"],
    ["announce_peer", `9:info_hash${HASH}4:porti-1e5:token1:t`, "the query has no port from 1 to 65535"],
    ["announce_peer", `9:info_hash${HASH}4:port2:805:token1:t`, "the query has no port from 1 to 65535"],
    [
      "announce_peer",
      `12:implied_porti0e9:info_hash${HASH}5:token1:t`,
      "the query has no port from 1 to 65535",
    ],
    ["put", "1:vi1e", "the query has no token"],
    ["put", "5:token1:t", "the query has no value"],
    ["put", `1:k31:${"k".repeat(31)}5:token1:t1:vi1e`, "the public key has not 32 bytes"],
    ["put", `1:ki1e5:token1:t1:vi1e`, "the public key has not 32 bytes"],
    ["put", `${K}3:seqi1e5:token1:t1:vi1e`, "the query has no signature of 64 bytes"],
    ["put", `${K}3:seqi1e3:sig1:s5:token1:t1:vi1e`, "the query has no signature of 64 bytes"],
    ["put", `${K}${SIG}5:token1:t1:vi1e`, "the query has no sequence number from 0 to 2^63 - 1"],
    ["put", `${K}3:seqi-1e${SIG}5:token1:t1:vi1e`, "the query has no sequence number from 0 to 2^63 - 1"],
    [
      "put",
      `${K}3:seqi9223372036854775808e${SIG}5:token1:t1:vi1e`,
      "the query has no sequence number from 0 to 2^63 - 1",
    ],
    ["put", `${K}3:seq1:1${SIG}5:token1:t1:vi1e`, "the query has no sequence number from 0 to 2^63 - 1"],
    ["put", `${K}4:salti1e3:seqi1e${SIG}5:token1:t1:vi1e`, "the salt is no text"],
    ["put", `3:casi-1e${K}3:seqi1e${SIG}5:token1:t1:vi1e`, "the expected number is no sequence number"],
    ["put", `3:cas1:1${K}3:seqi1e${SIG}5:token1:t1:vi1e`, "the expected number is no sequence number"],
  ])("%s with %j: %s", (method, args, reason) => {
    expect(decode(method, args)).toEqual({
      ok: false,
      error: { _tag: "KrpcError", reason, transaction: latin1("aa") },
    })
  })
})

describe("want (BEP 32)", () => {
  it.each([
    ["l2:n4e", { ipv4: true, ipv6: false }],
    ["l2:n6e", { ipv4: false, ipv6: true }],
    ["l2:n62:n42:n6e", { ipv4: true, ipv6: true }],
    ["l2:n53:n642:x4i4e2:n4e", { ipv4: true, ipv6: false }],
    ["le", undefined],
    ["l2:n7e", undefined],
    ["2:n4", undefined],
    ["d2:n4i1ee", undefined],
  ])("%j asks for %j", (want, wanted) => {
    for (
      const [method, key] of [
        ["find_node", "6:target"],
        ["get_peers", "9:info_hash"],
        ["get", "6:target"],
        ["sample_infohashes", "6:target"],
      ] as const
    ) {
      const read = request(method, `${key}${HASH}4:want${want}`)
      expect(read).toMatchObject(wanted === undefined ? {} : { want: wanted })
      expect("want" in read).toBe(wanted !== undefined)
    }
  })
})

describe("flags", () => {
  it.each([
    ["i1e", true],
    ["i2e", true],
    ["i99999999999999999999999e", true],
    ["i0e", false],
    ["1:1", false],
    ["le", false],
  ])("%j is %s", (flag, set) => {
    expect(request("get_peers", `9:info_hash${HASH}6:noseed${flag}`)).toMatchObject({ withoutSeeds: set })
    expect(request("get_peers", `9:info_hash${HASH}6:scrape${flag}`)).toMatchObject({ isScrape: set })
    expect(request("announce_peer", `12:implied_port${flag}9:info_hash${HASH}4:porti1e5:token1:t`))
      .toMatchObject({ isPortImplied: set, port: 1 })
    const ping = Krpc.decode(latin1(`d1:ad${ID}e1:q4:ping2:ro${flag}1:t2:aa1:y1:qe`))
    expect(ping).toMatchObject({ value: { isReadOnly: set } })
  })

  it("of seeds are the number 1 and no other (BEP 33)", () => {
    const isSeed = (seed: string) =>
      request("announce_peer", `9:info_hash${HASH}4:porti1e4:seed${seed}5:token1:t`)
    expect(isSeed("i1e")).toMatchObject({ isSeed: true })
    for (const seed of ["i2e", "i0e", "i-1e", "1:1"]) expect(isSeed(seed)).toMatchObject({ isSeed: false })
  })
})

it("needs no port where the port is implied", () => {
  for (const port of ["", "4:porti0e", "4:porti70000e", "4:port0:"]) {
    expect(request("announce_peer", `12:implied_porti1e9:info_hash${HASH}${port}5:token1:t`))
      .toMatchObject({ port: 0, isPortImplied: true })
  }
})

it("keeps values and salts of any length, for their sender is owed the code that fits", () => {
  const put = request(
    "put",
    `${K}4:salt65:${"x".repeat(65)}3:seqi1e${SIG}5:token1:t1:v1001:${"v".repeat(1_001)}`,
  )
  if (put._tag !== "Put") throw new Error(put._tag)
  expect(put.value.length).toBe(1_006)
  expect(put.mutable?.salt.length).toBe(65)
})

it("takes a salt of no bytes for none", () => {
  const put = request("put", `${K}4:salt0:3:seqi1e${SIG}5:token1:t1:vi1e`)
  expect(put).toMatchObject({ mutable: { salt: Bytes.empty } })
})

it("takes a put without a key for an immutable one, whatever else it has", () => {
  const put = request("put", `3:casi1e4:salt1:x3:seqi1e${SIG}5:token1:t1:vi1e`)
  expect(put).toEqual({ _tag: "Put", token: latin1("t"), value: latin1("i1e") })
})

it("ignores a number that a get needn't have", () => {
  expect(request("get", `3:seqi-1e6:target${HASH}`)).toEqual({
    _tag: "Get",
    target: latin1("mnopqrstuvwxyz123456"),
  })
})

it("knows methods by their exact names", () => {
  for (const method of ["Ping", "ping ", "", "\xff", "get_peers2", "__proto__"]) {
    expect(request(method, "")).toEqual({ _tag: "Unknown", method })
  }
})
