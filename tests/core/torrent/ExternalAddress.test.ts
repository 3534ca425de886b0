import { describe, expect, it } from "@effect/vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as IpBytes from "../../../core/base/IpBytes.ts"
import * as ExternalAddress from "../../../core/torrent/ExternalAddress.ts"

const ip = (text: string): Bytes.Bytes => IpBytes.fromText(text)!

/** What each vote changes; voters are numbered. */
const changes = (...votes: ReadonlyArray<string | readonly [voter: string, ip: string]>) => {
  const external = ExternalAddress.make(6_881)
  return votes.map((vote, i) =>
    typeof vote === "string"
      ? ExternalAddress.vote(external, `voter${i}`, ip(vote))
      : ExternalAddress.vote(external, vote[0], ip(vote[1]))
  )
}

const A = "80.1.1.1"
const B = "80.2.2.2"

describe("our own address", () => {
  it("is what two say, not what one says", () => {
    expect(changes(A, A, A)).toEqual([undefined, A, undefined])
  })

  it("is not what one says over and over", () => {
    expect(changes(["x", A], ["x", A], ["x", A])).toEqual([undefined, undefined, undefined])
  })

  it("needs more than half of the voices", () => {
    expect(changes(A, B, A, B, B)).toEqual([undefined, undefined, A, undefined, B])
  })

  it("changes when most say otherwise, those being heard who spoke last", () => {
    const votes = [...new Array<string>(40).fill(A), ...new Array<string>(40).fill(B)]
    const heard = changes(...votes)
    const turn = heard.indexOf(B)
    expect(heard.filter((host) => host !== undefined)).toEqual([A, B])
    expect(turn).toBe(40 + ExternalAddress.MAX_VOTES / 2)
  })

  it("is one of each family", () => {
    const external = ExternalAddress.make(7)
    for (const voter of ["x", "y"]) {
      for (const text of [A, "2001:db8::1"]) ExternalAddress.vote(external, voter, ip(text))
    }
    expect(external.self).toEqual({ ipv4: ip(A), ipv6: ip("2001:db8::1"), port: 7 })
    expect([A, "2001:db8::1", B].map((host) => ExternalAddress.isOurs(external, host))).toEqual([
      true,
      true,
      false,
    ])
  })

  it("as IPv4 in IPv6 is the same", () => {
    const external = ExternalAddress.make(7)
    const mapped = Bytes.concat([new Uint8Array(10), Uint8Array.of(255, 255), ip(A)])
    expect(ExternalAddress.vote(external, "x", mapped)).toBeUndefined()
    expect(ExternalAddress.vote(external, "y", ip(A))).toBe(A)
  })

  it.each([
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "ff02::1",
  ])(
    "is never %s",
    (host) => expect(changes(host, host, host)).toEqual([undefined, undefined, undefined]),
  )
})
