import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Crowd from "../../../core/torrent/Crowd.ts"
import * as Limits from "../../../core/torrent/Limits.ts"

const crowdOf = (...hosts: ReadonlyArray<string>): Crowd.Crowd => {
  const crowd = Crowd.make()
  for (const host of hosts) Crowd.enter(crowd, host)
  return crowd
}

describe("a network", () => {
  for (
    const [host, other, isSame] of [
      ["80.1.2.3", "80.1.2.250", true],
      ["80.1.2.3", "80.1.3.3", false],
      ["2a01:4f8:1:2::1", "2a01:4f8:1:ffff::9", true],
      ["2a01:4f8:1:2::1", "2a01:4f8:2:2::1", false],
      ["::ffff:80.1.2.3", "80.1.2.4", true],
    ] as const
  ) {
    it(`${isSame ? "is one" : "differs"} for ${host} and ${other}`, () => {
      expect(Crowd.networkOf(host)).toBeDefined()
      expect(Crowd.networkOf(host) === Crowd.networkOf(other)).toBe(isSame)
    })
  }

  for (const host of ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fe80::1", "fd00::1", "peer.example"]) {
    it(`is none for ${host}`, () => expect(Crowd.networkOf(host)).toBeUndefined())
  }
})

describe("room", () => {
  it("is for one connection of an address", () => {
    const crowd = crowdOf("80.1.2.3")
    expect(Crowd.hasRoom(crowd, "80.1.2.3")).toBe(false)
    expect(Crowd.hasRoom(crowd, "80.1.2.4")).toBe(true)
    expect(Crowd.hasRoom(crowd, "80.1.2.3", 1)).toBe(true)
  })

  it("is for a few of a network", () => {
    const hosts = Array.from({ length: Limits.MAX_PER_NETWORK }, (_, i) => `80.1.2.${i}`)
    expect(Crowd.hasRoom(crowdOf(...hosts.slice(1)), "80.1.2.200")).toBe(true)
    expect(Crowd.hasRoom(crowdOf(...hosts), "80.1.2.200")).toBe(false)
    expect(Crowd.hasRoom(crowdOf(...hosts), "80.1.3.200")).toBe(true)
  })

  it("is for many on this machine and its network", () => {
    const many = new Array<string>(Limits.MAX_PER_LOCAL_ADDRESS).fill("127.0.0.1")
    expect(Crowd.hasRoom(crowdOf(...many.slice(1)), "127.0.0.1")).toBe(true)
    expect(Crowd.hasRoom(crowdOf(...many), "127.0.0.1")).toBe(false)
    expect(Crowd.hasRoom(crowdOf(...many), "127.0.0.2")).toBe(true)
  })

  const hosts = fc.array(fc.constantFrom("80.1.2.3", "80.1.2.4", "127.0.0.1", "2a01:4f8::1", "peer.example"))
  it.prop("is as before when all have left, and nothing is kept of them", [hosts], ([visitors]) => {
    const crowd = crowdOf(...visitors)
    for (const host of [...visitors].reverse()) Crowd.leave(crowd, host)
    expect([crowd.hosts.size, crowd.networks.size]).toEqual([0, 0])
  })
})
