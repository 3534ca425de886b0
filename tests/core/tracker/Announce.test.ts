import { describe, expect, it } from "@effect/vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Announce from "../../../core/tracker/Announce.ts"

describe("compact peers", () => {
  const V4 = "c0000201 1ae1"
  const V6 = "20010db8000000000000000000000001 1ae1"
  const peers = (hex: string, family: 4 | 6) =>
    Announce.compactPeers(Bytes.fromHex(hex.replaceAll(" ", ""))!, family)

  it("are read in their family", () => {
    expect(peers(V4 + V4, 4)).toEqual(new Array(2).fill({ host: "192.0.2.1", port: 6881 }))
    expect(peers(V6, 6)).toEqual([{ host: "2001:db8::1", port: 6881 }])
    expect(peers("", 4)).toEqual([])
  })

  it("without a port, or cut off, are left out", () => {
    expect(peers(`c0000201 0000 ${V4} c00002`, 4)).toEqual([{ host: "192.0.2.1", port: 6881 }])
    expect(peers(`${V6} ${V4}`, 6)).toEqual([{ host: "2001:db8::1", port: 6881 }])
  })

  it("are no more than anyone needs", () => {
    const bytes = new Uint8Array(6 * (Announce.MAX_PEERS + 1)).fill(1)
    expect(Announce.compactPeers(bytes, 4).length).toBe(Announce.MAX_PEERS)
  })
})

describe("the answers of two families", () => {
  const peer4 = { host: "192.0.2.1", port: 1 }
  const peer6 = { host: "2001:db8::1", port: 1 }

  it("are one, with the peers of both, the longer wait and the larger figures", () => {
    expect(Announce.merge([
      { intervalMs: 60_000, peers: [peer4], seeders: 3, leechers: 1 },
      { intervalMs: 90_000, peers: [peer6], seeders: 2 },
    ])).toEqual({ intervalMs: 90_000, peers: [peer4, peer6], seeders: 3, leechers: 1 })
  })

  it("say no more than what was said", () => {
    const only = { intervalMs: 60_000, peers: [peer4] }
    expect(Announce.merge([only])).toEqual(only)
  })
})
