import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Compact from "../../../core/dht/Compact.ts"
import { hex, latin1, peer, peerOf } from "./Messages.ts"

const ID = latin1("abcdefghij0123456789")

it("reads and writes lists of nodes", () => {
  const four: ReadonlyArray<Compact.Contact> = [
    { id: ID, address: { host: "97.120.106.101", port: 11_893 } },
    { id: latin1("mnopqrstuvwxyz123456"), address: { host: "105.100.104.116", port: 28_269 } },
  ]
  const nodes = Compact.fromContacts(four, "ipv4")
  expect(nodes).toEqual(latin1("abcdefghij0123456789axje.umnopqrstuvwxyz123456idhtnm"))
  expect(Compact.contacts(nodes, "ipv4")).toEqual(four)
  expect(Compact.count(nodes, "ipv4")).toBe(2)
  expect(Compact.addressAt(nodes, 1, "ipv4")).toEqual(four[1]!.address)
  expect(Compact.idAt(nodes, 1, "ipv4")).toEqual(four[1]!.id)

  const six: ReadonlyArray<Compact.Contact> = [{ id: ID, address: { host: "2001:db8::1", port: 1 } }]
  const nodes6 = Compact.fromContacts(six, "ipv6")
  expect(nodes6.length).toBe(38)
  expect(Compact.contacts(nodes6, "ipv6")).toEqual(six)
})

it("writes only what belongs into a list", () => {
  const contacts = ["1.2.3.4", "::1", "::ffff:5.6.7.8", "a.example", "", "1.2.3.400"]
    .map((host) => ({ id: ID, address: { host, port: 1 } }))
  const hosts = (family: Compact.Family) =>
    Compact.contacts(Compact.fromContacts(contacts, family), family).map(({ address }) => address.host)
  expect(hosts("ipv4")).toEqual(["1.2.3.4", "5.6.7.8"])
  expect(hosts("ipv6")).toEqual(["::1"])
})

it("has no compact form for names", () => {
  expect(Compact.fromAddress({ host: "localhost", port: 1 })).toBeUndefined()
})

it.prop("gives back the bytes of any address that it reads", [peer], ([peer]) => {
  expect(Compact.fromAddress(Compact.toAddress(peer))).toEqual(peer)
})

describe("nobody can be at", () => {
  it.each([
    ["port 0", "01020304 0000"],
    ["this network", "00000000 0001"],
    ["this network", "00ffffff 0001"],
    ["a multicast address", "e0000001 0001"],
    ["a multicast address", "efffffff 0001"],
    ["a reserved address", "f0000001 0001"],
    ["the broadcast address", "ffffffff 0001"],
    ["port 0 (IPv6)", "20010db8000000000000000000000001 0000"],
    ["the unspecified address (IPv6)", "00000000000000000000000000000000 0001"],
    ["a multicast address (IPv6)", "ff020000000000000000000000000001 0001"],
    ["IPv4 within IPv6", "00000000000000000000ffff01020304 0001"],
    ["IPv4 within IPv6, as it was once", "00000000000000000000000001020304 0001"],
  ])("%s: %s", (_, text) => {
    const peer = hex(text)
    expect(Compact.isUsable(peer, 0, Compact.familyOf(peer))).toBe(false)
  })
})

describe("somebody may be at", () => {
  it.each([
    "01000001 0001",
    "7f000001 ffff",
    "dfffffff 0100",
    "20010db8000000000000000000000001 0001",
    "00000000000000000000000000000001 0001",
    "fe800000000000000000000000000001 0001",
    "0064ff9b000000000000000001020304 0001",
  ])("%s", (text) => {
    const peer = hex(text)
    expect(Compact.isUsable(peer, 0, Compact.familyOf(peer))).toBe(true)
  })
})

describe.each(["ipv4", "ipv6"] as const)("the usable nodes of a list, %s", (family) => {
  const size = Compact.nodeBytes(family)
  const node = fc.tuple(fc.uint8Array({ minLength: 20, maxLength: 20 }), peerOf(family), fc.boolean())
    .map(([id, at, isUsable]) => {
      const bytes = new Uint8Array(size)
      bytes.set(id)
      bytes.set(at, 20)
      if (!isUsable) bytes.fill(0, size - 2)
      return { bytes, isUsable }
    })
  it.prop(
    "are in order, and all",
    [fc.array(node, { maxLength: 10 }), fc.uint8Array({ maxLength: size - 1 })],
    ([nodes, rest]) => {
      const join = (parts: ReadonlyArray<Uint8Array>) => Uint8Array.from(parts.flatMap((part) => [...part]))
      const list = join([...nodes.map(({ bytes }) => bytes), rest])
      const before = list.slice()
      const usable = nodes.filter(({ isUsable }) => isUsable).map(({ bytes }) => bytes)
      expect(Compact.usableNodes(list, family)).toEqual(join(usable))
      expect(list).toEqual(before)
    },
  )

  it("are the list itself where that is all", () => {
    const list = new Uint8Array(size * 2).fill(1)
    expect(Compact.usableNodes(list, family)).toBe(list)
  })
})
