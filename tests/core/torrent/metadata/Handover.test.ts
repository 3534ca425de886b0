import { describe, expect, it } from "@effect/vitest"
import * as Bytes from "../../../../core/base/Bytes.ts"
import * as Client from "../../../../core/client/Client.ts"
import * as Create from "../../../../core/metainfo/Create.ts"
import type { Metainfo } from "../../../../core/metainfo/Metainfo.ts"
import * as Parse from "../../../../core/metainfo/Parse.ts"
import * as Bitfield from "../../../../core/torrent/Bitfield.ts"
import * as State from "../../../../core/torrent/State.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { torrentOf } from "../../../support/CoreSwarm.ts"
import { Scene, type Script, TRACKER } from "./Scene.ts"

const { pieceHashes } = torrentOf(32_768, [300_000])
const infoOf = (isPrivate: boolean): Metainfo => {
  const parsed = Parse.parseInfo(
    Create.encodeInfo(
      { name: "x", isDirectory: false, files: [{ path: "x", bytes: 300_000 }] },
      { pieceBytes: 32_768, pieceHashes },
      { isPrivate },
    ),
    { trackers: [[TRACKER]] },
  )
  if (!parsed.ok) throw new Error("it is valid")
  return parsed.value
}
const metainfo = infoOf(false)
const { pieceCount } = metainfo.geometry

/** Plays until the metadata is there and what is under way has come, and adds the torrent. */
const handOver = (scripts: ReadonlyArray<Script>, of = metainfo, isTracked = false) => {
  const scene = new Scene(of.infoBytes, scripts, { isTracked }).run()
  while (scene.advance(scene.now + 500)) { /* the rest of what peers say */ }
  const have = Bitfield.make(of.geometry.pieceCount)
  scene.input({
    _tag: "Add",
    now: scene.now,
    torrent: 1,
    metainfo: of,
    options: { ...State.defaults, seed: 1, have },
  })
  return { scene, torrent: Client.torrents(scene.client).get(1)! }
}

const bits = Bytes.fromHex("aa80")!

describe("a torrent that takes over from the search for its metadata", () => {
  it("knows what its peers have said meanwhile, and goes on over the same connections", () => {
    const { scene, torrent } = handOver([
      { kind: "honest", says: [Encoder.haveAll, Encoder.unchoke] },
      {
        kind: "honest",
        says: [(encoder) => Encoder.bitfield(encoder, bits), (encoder) => Encoder.have(encoder, 1)],
      },
      { kind: "empty", says: [Encoder.haveNone, Encoder.interested] },
    ])
    const at = (host: string) => [...torrent.peers.values()].find(({ address }) => address.host === host)
    const [all, some, none] = [at("80.0.0.1"), at("80.0.0.2"), at("80.0.0.3")]
    expect(all).toMatchObject({
      isSeed: true,
      isChoking: false,
      phase: "ready",
      listening: { host: "80.0.0.1" },
    })
    expect([...Bitfield.pieces(some!.has)]).toEqual([0, 1, 2, 4, 6, 8])
    expect(none).toMatchObject({ isInterested: true })
    expect(scene.peers.map(({ dials }) => dials.length)).toEqual([1, 1, 1])
    expect(scene.events.filter(({ _tag }) => _tag === "PeerConnected")).toHaveLength(3)
    expect(Client.fetchings(scene.client).size).toBe(0)
    expect(torrent.local.load.connections).toBe(3)
    // It asks who may be asked for blocks at once.
    const heard = scene.links.get(all!.conn)!.heard.map(({ _tag }) => _tag)
    expect(heard).toContain("Request")
    expect(heard.filter((tag) => tag === "Handshake")).toHaveLength(1)
    expect(heard.indexOf("HaveNone")).toBeGreaterThan(0)
  })

  it("goes on in the middle of a message", () => {
    const scene = new Scene(metainfo.infoBytes, [{ kind: "honest" }]).run()
    while (scene.advance(scene.now + 500)) { /* until it is quiet */ }
    const [[conn]] = [...scene.links] as [[number, unknown]]
    const encoder = Encoder.make()
    Encoder.haveAll(encoder)
    const bytes = Encoder.take(encoder)
    scene.input({ _tag: "ConnRead", now: scene.now, conn, bytes: bytes.subarray(0, 3) })
    const options = { ...State.defaults, seed: 1, have: Bitfield.make(pieceCount) }
    scene.input({ _tag: "Add", now: scene.now, torrent: 1, metainfo, options })
    scene.input({ _tag: "ConnRead", now: scene.now, conn, bytes: bytes.subarray(3) })
    expect(Client.torrents(scene.client).get(1)!.peers.get(conn)).toMatchObject({ isSeed: true })
  })

  it("closes who said what does not fit the torrent", () => {
    const { scene, torrent } = handOver([
      { kind: "honest", says: [(encoder) => Encoder.bitfield(encoder, new Uint8Array(50))] },
    ])
    expect(torrent.peers.size).toBe(0)
    expect(scene.farewells.at(-1)).toContain("a bitfield that doesn't fit")
    expect(torrent.local.load.connections).toBe(0)
  })

  it("announces to the same trackers, and not again at once", () => {
    const { scene } = handOver([{ kind: "honest" }], metainfo, true)
    expect(scene.announces.map(({ event }) => event)).toEqual(["started"])
    scene.input({ _tag: "Stop", now: scene.now, torrent: 1 })
    expect(scene.announces.map(({ event }) => event)).toEqual(["started", "stopped"])
  })

  it("that is private keeps only those whom its tracker or the user named, or who came", () => {
    const secret = infoOf(true)
    const scene = new Scene(secret.infoBytes, [
      { kind: "honest" },
      { kind: "honest" },
      { kind: "honest", isIncoming: true },
    ], { isNamed: false })
    const [user, stranger] = scene.peers.map(({ address }) => address)
    scene.input({ _tag: "PeersFound", now: 0, torrent: 1, source: "user", addresses: [user!] })
    scene.input({ _tag: "PeersFound", now: 0, torrent: 1, source: "dht", addresses: [stranger!] })
    scene.run()
    while (scene.advance(scene.now + 500)) { /* until all are greeted */ }
    expect(scene.links.size).toBe(3)
    const options = { ...State.defaults, seed: 1, have: Bitfield.make(pieceCount) }
    scene.input({ _tag: "Add", now: scene.now, torrent: 1, metainfo: secret, options })
    const torrent = Client.torrents(scene.client).get(1)!
    const hosts = [...torrent.peers.values()].map(({ address }) => address.host)
    expect(hosts.sort()).toEqual(["80.0.0.1", "80.0.0.3"])
    expect([...torrent.candidates.byAddress.keys()].some((key) => key.startsWith("80.0.0.2"))).toBe(false)
  })
})

describe("what peers say before the metadata is there", () => {
  it("is kept within bounds: who says more is closed, and dialled again", () => {
    const chatty = (encoder: Encoder.Encoder) => {
      for (let i = 0; i < 9_000; i++) Encoder.have(encoder, i)
    }
    const scene = new Scene(metainfo.infoBytes, [{ kind: "silent", says: [chatty] }]).run(3_000)
    expect(scene.farewells).toEqual(["it says more than is kept before the metadata is there"])
    expect(scene.fetching.keptBytes).toBe(0)
    scene.run(30_000)
    expect(scene.peers[0]!.dials.length).toBeGreaterThan(1)
  })

  it("waits for as long as the disk takes, with a word now and then", () => {
    const scene = new Scene(metainfo.infoBytes, [{ kind: "honest" }]).run()
    while (scene.advance(120_000)) { /* nothing but timers */ }
    const [link] = [...scene.links.values()]
    expect(link!.heard.at(-1)).toEqual({ _tag: "KeepAlive" })
  })
})
