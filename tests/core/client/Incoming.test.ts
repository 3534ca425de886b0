import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Digest from "../../../core/base/Digest.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Client from "../../../core/client/Client.ts"
import * as Greeting from "../../../core/client/Greeting.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Candidates from "../../../core/torrent/Candidates.ts"
import * as Limits from "../../../core/torrent/Limits.ts"
import * as State from "../../../core/torrent/State.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import { CoreNetwork } from "../../support/CoreNetwork.ts"
import { contentAt, torrentOf } from "../../support/CoreSwarm.ts"
import { Door, extended, handshake, idOf, makeClient, OUR_ID, spoken } from "./Door.ts"

const SECONDS = 1_000
const MINUTES = 60_000
const torrent = torrentOf(32_768, [300_000])
const other = torrentOf(32_768, [100_000])
const all = () => Bitfield.full(torrent.geometry.pieceCount)

describe("a peer that connects", () => {
  it("is answered with our handshake and what we have, as one write", () => {
    const door = new Door(torrent, { have: all() })
    const conn = door.welcome("80.4.4.4", idOf("a"))
    expect(door.tags(conn)).toEqual(["Handshake", "HaveAll", "Extended"])
    expect(door.commands.filter((command) => command._tag === "Send")).toHaveLength(1)
    expect(door.events).toContainEqual({
      _tag: "PeerConnected",
      address: { host: "80.4.4.4", port: 50_000 },
      client: expect.any(String),
    })
  })

  it("has all bytes of its first read taken in", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", idOf("a"), Encoder.haveAll, Encoder.unchoke)
    expect(door.tags(conn).slice(0, 4)).toEqual(["Handshake", "HaveNone", "Extended", "Interested"])
    expect(door.tags(conn)).toContain("Request")
  })

  it("is answered as soon as its info-hash is there, before its peer id", () => {
    const door = new Door(torrent)
    const conn = door.accept("80.4.4.4")
    const bytes = spoken(handshake(torrent, idOf("a")))
    door.read(conn, bytes.subarray(0, 47))
    expect(door.tags(conn)).toEqual([])
    door.read(conn, bytes.subarray(47, 48))
    expect(door.tags(conn)).toEqual(["Handshake"])
    door.read(conn, bytes.subarray(48))
    expect(door.tags(conn)).toEqual(["Handshake", "HaveNone", "Extended"])
  })

  it.prop(
    "says the same in any chunks",
    [fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1 })],
    ([sizes]) => {
      const bytes = spoken(
        handshake(torrent, idOf("a")),
        extended({ listenPort: 7_000, clientVersion: "x" }),
        (encoder) => Encoder.have(encoder, 3),
        Encoder.interested,
        Encoder.unchoke,
      )
      const run = (cut: ReadonlyArray<number>) => {
        const door = new Door(torrent)
        const conn = door.accept("80.4.4.4")
        for (let at = 0, i = 0; at < bytes.length; at += cut[i % cut.length]!, i++) {
          door.read(conn, bytes.slice(at, at + cut[i % cut.length]!))
        }
        const peer = door.torrent.peers.get(conn)!
        return {
          tags: new Set(door.tags(conn)),
          client: peer.client,
          listening: peer.listening,
          has: [...Bitfield.pieces(peer.has)],
          flags: [peer.isInterested, peer.isChoking, peer.phase],
          requests: [...peer.requests.keys()],
        }
      }
      expect(run(sizes)).toEqual(run([bytes.length]))
    },
  )

  const refused: ReadonlyArray<readonly [string, (door: Door) => number]> = [
    ["speaks something else", (door) => {
      const conn = door.accept("80.4.4.4")
      door.read(conn, new TextEncoder().encode("GET / HTTP/1.1\r\n"))
      return conn
    }],
    ["begins right and goes on wrong", (door) => {
      const conn = door.accept("80.4.4.4")
      door.read(conn, Uint8Array.of(19, 0x42))
      door.read(conn, Uint8Array.of(0x69, 0))
      return conn
    }],
    ["wants a torrent that we don't know", (door) => {
      const conn = door.accept("80.4.4.4")
      door.say(conn, handshake(other, idOf("a")))
      return conn
    }],
    ["wants a torrent that is stopped", (door) => {
      door.input({ _tag: "Stop", now: door.now, torrent: 1 })
      return door.welcome("80.4.4.4", idOf("a"))
    }],
    ["is banned", (door) => {
      Candidates.ban(door.torrent.candidates, { host: "80.4.4.4" })
      return door.welcome("80.4.4.4", idOf("a"))
    }],
    ["is banned and comes as an IPv4 address in IPv6", (door) => {
      Candidates.ban(door.torrent.candidates, { host: "80.4.4.4" })
      return door.welcome("::ffff:80.4.4.4", idOf("a"))
    }],
  ]
  for (const [name, visit] of refused) {
    it(`is closed unanswered if it ${name}`, () => {
      const door = new Door(torrent)
      const conn = visit(door)
      expect(door.isOpen(conn)).toBe(false)
      expect(door.tags(conn)).toEqual([])
      expect(door.torrent.peers.size).toBe(0)
    })
  }

  it("is closed if it says nothing in time, and only then", () => {
    const door = new Door(torrent)
    const conn = door.accept("80.4.4.4")
    door.wait(Limits.HANDSHAKE_TIMEOUT - 1)
    expect(door.isOpen(conn)).toBe(true)
    expect(Client.nextWake(door.client)).toBe(Limits.HANDSHAKE_TIMEOUT)
    door.wait(1)
    expect(door.isOpen(conn)).toBe(false)
  })

  it("costs no more than a bounded number of others that say nothing, the oldest of which go", () => {
    const door = new Door(torrent)
    const conns = Array.from({ length: Greeting.MAX_GUESTS + 3 }, (_, i) => door.accept(`80.4.4.${i}`))
    expect(conns.filter((conn) => !door.isOpen(conn))).toEqual(conns.slice(0, 3))
    door.say(conns.at(-1)!, handshake(torrent, idOf("a")))
    expect(door.torrent.peers.size).toBe(1)
  })

  it("is forgotten when it goes before it has said what for", () => {
    const door = new Door(torrent)
    const conn = door.accept("80.4.4.4")
    door.input({ _tag: "ConnClosed", now: 0, conn, reason: undefined })
    // But for the download, which would be told to be stalled.
    expect(Client.nextWake(door.client)).toBe(Limits.STALLED_AFTER)
  })

  it("downloads from us, and we from it: connections have no direction once they stand", () => {
    const network = new CoreNetwork({
      torrents: [torrent],
      machines: [{ has: [0, 1, 2, 3] }, { has: [4, 5, 6, 7, 8, 9], dials: [0] }],
    }).run(MINUTES)
    expect([network.isIntact(0), network.isIntact(1)]).toEqual([true, true])
  })
})

describe("the address of a peer that connects", () => {
  it("is where it says that it listens, to be dialled when it has gone", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", idOf("a"), extended({ listenPort: 7_000 }))
    door.wait(MINUTES)
    expect(door.dialled).toEqual([])
    door.input({ _tag: "ConnClosed", now: door.now, conn, reason: undefined })
    door.wait(MINUTES)
    expect(door.dialled).toEqual(["80.4.4.4:7000"])
  })

  it("is not dialled while it is connected, even if a tracker names it", () => {
    const door = new Door(torrent)
    door.welcome("80.4.4.4", idOf("a"), extended({ listenPort: 7_000 }))
    door.input({
      _tag: "PeersFound",
      now: 0,
      torrent: 1,
      source: "tracker",
      addresses: [{ host: "80.4.4.4", port: 7_000 }],
    })
    expect(door.wait(10 * SECONDS).dialled).toEqual([])
  })

  it("stays two peers where two ids claim one port: behind a router all say the same", () => {
    const door = new Door(torrent)
    const a = door.welcome("10.4.4.4", idOf("a"), extended({ listenPort: 7_000 }))
    const b = door.welcome("10.4.4.4", idOf("b"), extended({ listenPort: 7_000 }))
    expect([door.isOpen(a), door.isOpen(b)]).toEqual([true, true])
  })
})

describe("bans", () => {
  const spoiling = (host: string, door: Door) => {
    const conn = door.welcome(
      host,
      idOf("a"),
      extended({ listenPort: 7_000 }),
      Encoder.haveAll,
      Encoder.unchoke,
    )
    const requests = door.heard.get(conn)!.flatMap((item) => item._tag === "Request" ? [item] : [])
    for (const item of requests) {
      if (item.piece !== requests[0]!.piece) continue
      const content = contentAt(item.piece * 32_768 + item.begin, item.length)
      content[0]! ^= 1
      door.say(conn, (encoder) => Encoder.piece(encoder, item.piece, item.begin, content))
    }
    settle(door)
    return conn
  }
  it("hold for who came to us, on whatever connection it comes again", () => {
    const door = new Door(torrent)
    const conn = spoiling("80.4.4.4", door)
    expect(door.events.filter((event) => event._tag === "PeerBanned")).toMatchObject([
      { address: { host: "80.4.4.4", port: 7_000 } },
    ])
    expect(door.isOpen(conn)).toBe(false)
    expect(door.isOpen(door.welcome("80.4.4.4", idOf("b")))).toBe(false)
    // Where nobody else is left it gets another chance later: it may have been our own disk (SelfDoubt.test.ts).
    expect(door.wait(Limits.STALLED_AFTER - 1).dialled).toEqual([])
  })

  it("of this machine's own peers go by the port that they listen on", () => {
    const door = new Door(torrent)
    spoiling("127.0.0.1", door)
    const again = door.welcome("127.0.0.1", idOf("b"), extended({ listenPort: 7_000 }))
    const another = door.welcome("127.0.0.1", idOf("c"), extended({ listenPort: 7_001 }))
    expect([door.isOpen(again), door.isOpen(another)]).toEqual([false, true])
    expect(door.farewells).toContain("it was banned before")
  })
})

/** The disk does what it is asked for; the piece's hash is wrong. */
const settle = (door: Door): void => {
  for (const command of [...door.commands]) {
    if (command._tag !== "Write") continue
    const { bytes, piece, torrent: id } = command
    for (
      const next of door.input({ _tag: "Written", now: door.now, torrent: id, piece, bytes: bytes.length })
    ) {
      if (next._tag !== "Hash") continue
      door.input({ _tag: "PieceHashed", now: door.now, torrent: 1, piece, digest: new Uint8Array(20) })
    }
  }
}

describe("ourselves", () => {
  it("are recognised at the end that was dialled, which answers, so that the other end can strike the address off", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", OUR_ID, Encoder.haveAll)
    expect(door.tags(conn)).toEqual(["Handshake"])
    expect(door.isOpen(conn)).toBe(true)
    door.say(conn, Encoder.haveAll, Encoder.haveAll)
    expect(door.wait(Limits.HANDSHAKE_TIMEOUT).isOpen(conn)).toBe(false)
    expect(door.events).toEqual([])
  })

  it("are never dialled twice", () => {
    const network = new CoreNetwork({ torrents: [torrent], machines: [{ dials: [0] }] }).run(60 * MINUTES)
    expect(network.torrent(0).peers.size).toBe(0)
    expect(network.machines[0]!.accepted).toBe(1)
  })
})

describe("two connections to the same peer", () => {
  it("that one side dialled: the older stays", () => {
    const door = new Door(torrent)
    const first = door.welcome("80.4.4.4", idOf("a"))
    const second = door.welcome("80.4.4.5", idOf("a"))
    expect([door.isOpen(first), door.isOpen(second)]).toEqual([true, false])
    expect(door.tags(second)).toEqual([])
  })

  // `-XX…` is greater than our `-SH…`, `-AA…` is less.
  for (
    const [name, peerId, isIncomingKept] of [
      ["the greater id has dialled", idOf("a"), true],
      ["we have the greater id", "-AA0000-............", false],
    ] as const
  ) {
    it(`that cross: the one stays that ${name}`, () => {
      for (const isIncomingFirst of [true, false]) {
        const door = new Door(torrent)
        door.found("tracker", 5)
        const outgoing = door.open()
        let incoming = 0
        if (isIncomingFirst) incoming = door.welcome("80.1.5.1", peerId)
        door.say(outgoing, handshake(torrent, peerId))
        if (!isIncomingFirst) incoming = door.welcome("80.1.5.1", peerId)
        expect([door.isOpen(incoming), door.isOpen(outgoing)]).toEqual([isIncomingKept, !isIncomingKept])
        expect(door.torrent.peers.size).toBe(1)
        // The address that was dialled is that of the peer that is connected: it is not dialled meanwhile.
        expect(door.wait(2 * SECONDS).dialled).toHaveLength(1)
      }
    })
  }

  it("of which one has stood for long: it stays, whoever has the greater id", () => {
    const door = new Door(torrent)
    door.found("tracker", 5)
    const outgoing = door.open()
    door.say(outgoing, handshake(torrent, idOf("a")))
    door.wait(Limits.HANDSHAKE_TIMEOUT + 1)
    const incoming = door.welcome("80.1.5.1", idOf("a"))
    expect([door.isOpen(incoming), door.isOpen(outgoing)]).toEqual([false, true])
  })

  it.prop(
    "both sides keep the same one, whatever the latencies",
    [fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 900 })],
    ([first, second, joinsAt]) => {
      const network = new CoreNetwork({
        torrents: [torrent],
        machines: [
          { latencyMs: first, dials: [1] },
          { latencyMs: second, dials: [0], joinsAt },
        ],
      }).run(joinsAt + 8 * SECONDS)
      expect([0, 1].map((index) => network.torrent(index).peers.size)).toEqual([1, 1])
    },
  )
})

describe("places", () => {
  const limits = (door: Door, maxConnections: number): void => {
    const rates = { downloadRateBytesPerSec: 0, uploadRateBytesPerSec: 0, isLanExempt: false }
    door.input({ _tag: "Limits", now: door.now, ...rates, maxConnections })
  }

  it("of a torrent are never more than it may have", () => {
    const door = new Door(torrent, { maxPeers: 3 })
    const conns = ["a", "b", "c", "d"].map((id) => door.welcome("10.4.4.4", idOf(id)))
    expect(conns.map((conn) => door.isOpen(conn))).toEqual([true, true, true, false])
    door.found("tracker", 1, 2, 3)
    expect(door.dialled).toEqual([])
  })

  it("of all torrents together neither; and when one falls free, another torrent dials by itself", () => {
    const door = new Door(torrent, { maxPeers: 10 })
    limits(door, 2)
    const [a] = ["a", "b"].map((id) => door.welcome("10.4.4.4", idOf(id)))
    door.input({
      _tag: "Add",
      now: 0,
      torrent: 2,
      metainfo: other,
      options: { ...State.defaults, seed: 2, have: Bitfield.make(other.geometry.pieceCount) },
    })
    const addresses = [{ host: "80.9.9.9", port: 9 }]
    door.input({ _tag: "PeersFound", now: 0, torrent: 2, source: "tracker", addresses })
    expect(door.wait(SECONDS).dialled).toEqual([])
    door.input({ _tag: "ConnClosed", now: door.now, conn: a!, reason: undefined })
    expect(door.wait(0).dialled).toEqual(["80.9.9.9:9"])
  })

  it("of dials that get no answer go to those who come, the oldest first", () => {
    const door = new Door(torrent, { maxPeers: 3 })
    door.found("tracker", 1, 2, 3)
    expect(door.dialled).toHaveLength(3)
    const conns = ["a", "b", "c", "d"].map((id) => door.welcome("10.4.4.4", idOf(id)))
    expect(conns.map((conn) => door.isOpen(conn))).toEqual([true, true, true, false])
    expect([1, 2, 3].map((conn) => door.isOpen(conn))).toEqual([false, false, false])
    expect(door.torrent.halfOpen).toBe(0)
  })

  it("that serve nobody go to those who come", () => {
    const door = new Door(torrent, { maxPeers: 2 })
    const idle = door.welcome("10.4.4.4", idOf("a"), Encoder.haveNone)
    const busy = door.welcome("10.4.4.4", idOf("b"), Encoder.haveAll, Encoder.interested)
    door.wait(61 * SECONDS)
    const next = door.welcome("10.4.4.4", idOf("c"))
    expect([idle, busy, next].map((conn) => door.isOpen(conn))).toEqual([false, true, true])
    expect(door.farewells).toEqual(["its place goes to another peer"])
    // Now both have just come, or are of use.
    expect(door.isOpen(door.welcome("10.4.4.4", idOf("d")))).toBe(false)
  })

  it("that serve nobody go to addresses that wait, a few at a time", () => {
    const door = new Door(torrent, { maxPeers: 10 })
    for (let i = 0; i < 10; i++) door.welcome(`80.4.${i}.4`, idOf(`${i}`), Encoder.haveNone)
    door.found("tracker", ...Array.from({ length: 20 }, (_, i) => i + 1))
    door.wait(59 * SECONDS)
    expect(door.dialled).toEqual([])
    door.wait(2 * SECONDS)
    expect(door.dialled).toHaveLength(1)
    expect(door.farewells).toEqual(["its place goes to another peer"])
  })

  it("being dialled are bounded for each torrent", () => {
    const door = new Door(torrent, { maxPeers: 100 })
    door.found("tracker", ...Array.from({ length: 100 }, (_, i) => i + 1))
    expect(door.dialled).toHaveLength(Limits.MAX_HALF_OPEN)
  })
})

describe("the contract of the core holds for those who come to us", () => {
  const visits = fc.array(
    fc.record({
      host: fc.integer({ min: 1, max: 4 }),
      id: fc.constantFrom("a", "b", "c", "d"),
      isOurs: fc.boolean(),
      cut: fc.integer({ min: 1, max: 90 }),
      waitMs: fc.integer({ min: 0, max: 20_000 }),
      leaves: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  )

  const visit = (script: typeof visits extends fc.Arbitrary<infer A> ? A : never): Door => {
    const door = new Door(torrent, { maxPeers: 3 })
    const rng = Rng.make(1)
    door.found("tracker", 1, 2, 3, 4, 5)
    for (const { cut, host, id, isOurs, leaves, waitMs } of script) {
      const conn = door.accept(`80.4.4.${host}`)
      const bytes = spoken(
        handshake(torrent, isOurs ? OUR_ID : idOf(id)),
        extended({ listenPort: 7_000 + host }),
        (encoder) => Encoder.have(encoder, Rng.below(rng, 5)),
        Encoder.interested,
      )
      for (let at = 0; at < bytes.length; at += cut) door.read(conn, bytes.slice(at, at + cut))
      if (leaves) door.input({ _tag: "ConnClosed", now: door.now, conn, reason: undefined })
      door.wait(waitMs)
    }
    return door.wait(MINUTES)
  }

  it.prop("twin replay", [visits], ([script]) => {
    const door = visit(script)
    let twin = makeClient()
    const digest = Digest.make()
    for (const input of door.journal) {
      const fresh = input._tag === "Add"
        ? { ...input, options: { ...input.options, have: Bitfield.make(torrent.geometry.pieceCount) } }
        : input
      const [next, commands] = Client.step(twin, fresh)
      twin = next
      for (const command of commands) Digest.add(digest, command)
    }
    const expected = Digest.make()
    for (const command of door.commands) Digest.add(expected, command)
    expect(Digest.toHex(digest)).toBe(Digest.toHex(expected))
    expect(Digest.digest(twin.machine)).toBe(Digest.digest(door.client.machine))
  }, { fastCheck: { numRuns: 50 } })

  it.prop(
    "forks and spurious ticks change nothing; what is counted is what is there",
    [visits],
    ([script]) => {
      const door = visit(script)
      const before = Digest.digest(door.client.machine.torrents)
      const greeting = Digest.digest(door.client.machine.greeting)
      const forked = Client.fork(door.client)
      Client.step(forked, { _tag: "Stop", now: door.now, torrent: 1 })
      expect(Digest.digest(door.client.machine.torrents)).toBe(before)
      if (door.now < Client.nextWake(door.client)) {
        expect(door.input({ _tag: "Tick", now: door.now })).toEqual([])
        expect(Digest.digest(door.client.machine.torrents)).toBe(before)
        expect(Digest.digest(door.client.machine.greeting)).toBe(greeting)
      }
      const { load } = door.client.machine.local
      expect(load.connections).toBe(door.torrent.peers.size)
      expect(load.halfOpen).toBe(
        [...door.torrent.peers.values()].filter((peer) => peer.phase === "dialling").length,
      )
      expect(door.torrent.peers.size).toBeLessThanOrEqual(3)
    },
    { fastCheck: { numRuns: 50 } },
  )
})
