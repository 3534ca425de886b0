import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../core/base/Bytes.ts"
import { BLOCK_BYTES } from "../../../core/metainfo/Geometry.ts"
import * as AllowedFast from "../../../core/torrent/AllowedFast.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Limits from "../../../core/torrent/Limits.ts"
import type * as State from "../../../core/torrent/State.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { UploadScene } from "./UploadScene.ts"

const PIECE_BYTES = 4 * BLOCK_BYTES
const PIECES = 100
const metainfo = torrentOf(PIECE_BYTES, [PIECES * PIECE_BYTES])

/** Asks for the nth block of the torrent. */
const ask = (encoder: Encoder.Encoder, block: number): void =>
  Encoder.request(encoder, Math.floor(block / 4), (block % 4) * BLOCK_BYTES, BLOCK_BYTES)

const cancel = (encoder: Encoder.Encoder, block: number): void =>
  Encoder.cancel(encoder, Math.floor(block / 4), (block % 4) * BLOCK_BYTES, BLOCK_BYTES)

const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from }, (_, i) => from + i)

const name = (block: number): string => `${Math.floor(block / 4)}:${(block % 4) * BLOCK_BYTES}`

const named = (word: string, blocks: ReadonlyArray<number>): ReadonlyArray<string> =>
  blocks.map((block) => `${word} ${name(block)}`)

const NO_SLOTS: Partial<State.Options> = {
  choker: { leeching: "tit-for-tat", seeding: "round-robin", slots: { _tag: "Fixed", slots: 0 } },
}

/** A scene with one peer that is interested and unchoked. */
const unchoked = (supportsFast: boolean) => {
  const scene = new UploadScene(metainfo)
  const conn = scene.join(supportsFast)
  scene.say(conn, Encoder.interested)
  expect(scene.heard(conn)).toContain("Unchoke")
  return { scene, conn }
}

/** A scene with one peer that stays choked, and is granted the pieces that are returned. */
const choked = (supportsFast: boolean) => {
  const scene = new UploadScene(metainfo, NO_SLOTS)
  const conn = scene.join(supportsFast)
  scene.say(conn, Encoder.interested)
  const granted = scene.heard(conn).map((text) => Number(/^AllowedFast (\d+)$/.exec(text)![1]))
  return { scene, conn, granted }
}

describe("a request", () => {
  it("is read from the disk and answered with the block", () => {
    const { scene, conn } = unchoked(false)
    scene.say(conn, (encoder) => ask(encoder, 5))
    expect(scene.reads).toEqual([
      { _tag: "Read", torrent: 1, conn, piece: 1, begin: BLOCK_BYTES, length: BLOCK_BYTES },
    ])
    scene.answer()
    expect(scene.heard(conn)).toEqual(["Piece 1:16384"])
    expect(scene.torrent.uploadRate.totalBytes).toBe(BLOCK_BYTES)
    expect(scene.peer(conn).uploadRate.totalBytes).toBe(BLOCK_BYTES)
  })

  it("may be for any part of a piece, not only for a whole block", () => {
    const { scene, conn } = unchoked(false)
    scene.say(conn, (encoder) => Encoder.request(encoder, 3, 1_000, 777))
    scene.answer()
    expect(scene.heard(conn)).toEqual(["Piece 3:1000"])
    expect(scene.torrent.uploadRate.totalBytes).toBe(777)
  })

  it("asked twice is answered once", () => {
    const { scene, conn } = unchoked(true)
    scene.say(conn, (encoder) => {
      ask(encoder, 5)
      ask(encoder, 5)
    })
    scene.say(conn, (encoder) => ask(encoder, 5))
    scene.answer()
    expect(scene.heard(conn)).toEqual(["Piece 1:16384"])
    scene.say(conn, (encoder) => ask(encoder, 5))
    scene.answer()
    expect(scene.heard(conn)).toEqual(["Piece 1:16384"])
  })

  it("keeps a step's messages and blocks in order", () => {
    const { scene, conn } = unchoked(true)
    scene.say(conn, (encoder) => {
      ask(encoder, 0)
      ask(encoder, 1)
    })
    scene.answer(1)
    scene.say(conn, (encoder) => cancel(encoder, 1))
    scene.say(conn, (encoder) => ask(encoder, 2))
    scene.answer()
    expect(scene.heard(conn)).toEqual(["Piece 0:0", "Reject 0:16384", "Piece 0:32768"])
  })

  const refused: Readonly<Record<string, (encoder: Encoder.Encoder) => void>> = {
    "for a piece that we lack": (encoder) => Encoder.request(encoder, 7, 0, BLOCK_BYTES),
    "for more than 16 KiB": (encoder) => Encoder.request(encoder, 0, 0, 2 * BLOCK_BYTES),
    "for another length of what is asked for already": (encoder) => Encoder.request(encoder, 1, 0, 1_000),
  }
  for (const [name, say] of Object.entries(refused)) {
    for (const supportsFast of [true, false]) {
      it(`${name} is ${supportsFast ? "rejected" : "dropped without the fast extension"}`, () => {
        const have = Bitfield.full(PIECES)
        Bitfield.clear(have, 7)
        const scene = new UploadScene(metainfo, { have })
        const conn = scene.join(supportsFast)
        scene.say(conn, Encoder.interested)
        scene.say(conn, (encoder) => ask(encoder, 4))
        scene.heard(conn)
        scene.say(conn, say)
        expect(scene.heard(conn).map((text) => text.split(" ")[0])).toEqual(supportsFast ? ["Reject"] : [])
        expect(scene.reads).toHaveLength(1)
        expect(scene.closed.size).toBe(0)
      })
    }
  }
})

describe("a peer that we choke", () => {
  it("is rejected with the fast extension, and not answered without", () => {
    const fast = choked(true)
    const other = range(0, PIECES).find((piece) => !fast.granted.includes(piece))! * 4
    fast.scene.say(fast.conn, (encoder) => ask(encoder, other))
    expect(fast.scene.heard(fast.conn)).toEqual(named("Reject", [other]))
    const slow = choked(false)
    expect(slow.granted).toEqual([])
    slow.scene.say(slow.conn, (encoder) => ask(encoder, other))
    expect(slow.scene.heard(slow.conn)).toEqual([])
    expect([...fast.scene.reads, ...slow.scene.reads]).toEqual([])
  })

  it("may have the few pieces that it was granted, once (BEP 6)", () => {
    const { conn, granted, scene } = choked(true)
    expect(granted).toHaveLength(Limits.ALLOWED_FAST_PIECES)
    const blocks = granted.flatMap((piece) => range(piece * 4, piece * 4 + 4))
    for (const block of blocks) scene.say(conn, (encoder) => ask(encoder, block))
    while (scene.reads.length > 0) scene.answer()
    expect(scene.heard(conn)).toEqual(named("Piece", blocks))
    scene.say(conn, (encoder) => ask(encoder, blocks[0]!))
    expect(scene.heard(conn)).toEqual(named("Reject", [blocks[0]!]))
  })

  it("is granted nothing that we lack, and no more than a few megabytes", () => {
    const have = Bitfield.make(PIECES)
    const [first] = choked(true).granted
    Bitfield.set(have, first!)
    const scene = new UploadScene(metainfo, { ...NO_SLOTS, have })
    expect(scene.heard(scene.join(true))).toEqual([`AllowedFast ${first}`])
    const large = new UploadScene(torrentOf(2 ** 23, [2 ** 24]), NO_SLOTS)
    expect(large.heard(large.join(true))).toEqual([])
  })

  it("goes on asking only so often", () => {
    for (const supportsFast of [true, false]) {
      const { conn, granted, scene } = choked(supportsFast)
      const block = range(0, PIECES).find((piece) => !granted.includes(piece))! * 4
      scene.say(conn, (encoder) => range(0, Limits.MAX_REFUSALS).forEach(() => ask(encoder, block)))
      expect(scene.closed.size).toBe(0)
      scene.say(conn, (encoder) => ask(encoder, block))
      expect([...scene.closed]).toEqual([conn])
    }
  })

  it("loses what it waits for when the choke comes, each request rejected with the fast extension", () => {
    for (const supportsFast of [true, false]) {
      const { conn, scene } = unchoked(supportsFast)
      const blocks = range(0, 60)
      for (const block of blocks) scene.say(conn, (encoder) => ask(encoder, block))
      scene.answer(3)
      expect(scene.heard(conn)).toEqual(named("Piece", [0, 1, 2]))
      scene.say(conn, Encoder.notInterested)
      // Nobody else wants its slot: it is choked in the next round.
      scene.wait(11_000)
      const granted = [...scene.peer(conn).granted]
      const lost = range(3, 60).filter((block) => !granted.includes(Math.floor(block / 4) as never))
      expect(scene.heard(conn)).toEqual(["Choke", ...(supportsFast ? named("Reject", lost) : [])])
      // What the disk brings for them now is not sent.
      scene.answer()
      const kept = supportsFast ? range(3, 60).filter((block) => !lost.includes(block)) : []
      expect(scene.heard(conn)).toEqual(named("Piece", kept))
    }
  })
})

describe("the allowed-fast set", () => {
  const infoHash = new Uint8Array(20).fill(0xaa)
  it("is the one of BEP 6", () => {
    const set = (
      count: number,
    ) => [...AllowedFast.canonical(infoHash, { host: "80.4.4.200", port: 1 }, 1313, count)]
    expect(set(7)).toEqual([1059, 431, 808, 1217, 287, 376, 1188])
    expect(set(9)).toEqual([1059, 431, 808, 1217, 287, 376, 1188, 353, 508])
  })

  it("is all pieces of a small torrent, and empty for other addresses than IPv4", () => {
    expect([...AllowedFast.canonical(infoHash, { host: "80.4.4.200", port: 1 }, 3, 5)].sort()).toEqual([
      0,
      1,
      2,
    ])
    expect(AllowedFast.canonical(infoHash, { host: "2001:db8::1", port: 1 }, 1313, 5).size).toBe(0)
    expect(AllowedFast.canonical(infoHash, { host: "peer.example", port: 1 }, 1313, 5).size).toBe(0)
  })
})

describe("a queue", () => {
  it("holds more than we say that we take, for those who don't heed it, and refuses the rest", () => {
    /** The nth part of 16 bytes. */
    const askPart = (encoder: Encoder.Encoder, part: number): void =>
      Encoder.request(encoder, Math.floor(part * 16 / PIECE_BYTES), part * 16 % PIECE_BYTES, 16)
    for (const supportsFast of [true, false]) {
      const { conn, scene } = unchoked(supportsFast)
      scene.say(conn, (encoder) => range(0, Limits.MAX_ASKED).forEach((part) => askPart(encoder, part)))
      const peer = scene.peer(conn)
      expect(Limits.MAX_ASKED).toBeGreaterThan(Limits.REQQ)
      expect(peer.asked.size + peer.reading.size).toBe(Limits.MAX_ASKED)
      expect(scene.heard(conn)).toEqual([])
      scene.say(conn, (encoder) => askPart(encoder, Limits.MAX_ASKED))
      expect(peer.asked.size + peer.reading.size).toBe(Limits.MAX_ASKED)
      expect(scene.heard(conn)).toHaveLength(supportsFast ? 1 : 0)
      expect(scene.closed.size).toBe(0)
    }
  })

  it("is read ahead by a bounded number of blocks, in runs that can be joined", () => {
    const { conn, scene } = unchoked(false)
    scene.say(conn, (encoder) => range(0, 3 * Limits.MAX_READS_AHEAD).forEach((block) => ask(encoder, block)))
    expect(scene.reads).toHaveLength(Limits.MAX_READS_AHEAD)
    scene.answer(Limits.MAX_READS_AHEAD / 2 - 1)
    expect(scene.reads).toHaveLength(Limits.MAX_READS_AHEAD / 2 + 1)
    scene.answer(1)
    const half = Limits.MAX_READS_AHEAD / 2
    expect(scene.reads.map(({ piece, begin }) => piece * 4 + begin / BLOCK_BYTES)).toEqual(
      range(half, 3 * half),
    )
  })

  it("leaves with the other blocks that were read together, as one write to each peer", () => {
    const { conn, scene } = unchoked(false)
    const other = scene.join(false)
    scene.say(other, Encoder.interested)
    scene.wait(15_000)
    expect(scene.heard(other)).toContain("Unchoke")
    scene.heard(conn)
    for (const one of [conn, other]) {
      scene.say(one, (encoder) => range(0, 8).forEach((block) => ask(encoder, block)))
    }
    scene.say(conn, (encoder) => cancel(encoder, 3))
    const writes = scene.writes
    scene.answerTogether()
    expect(scene.writes - writes).toBe(2)
    expect(scene.heard(conn)).toEqual(named("Piece", [0, 1, 2, ...range(4, 8)]))
    expect(scene.heard(other)).toEqual(named("Piece", range(0, 8)))
    expect(scene.peer(conn).readsInFlight).toBe(0)
  })

  it("is not read while its connection is congested", () => {
    const { conn, scene } = unchoked(false)
    scene.input({ _tag: "ConnCongested", now: scene.now, conn })
    scene.say(conn, (encoder) => ask(encoder, 0))
    expect(scene.reads).toEqual([])
    scene.input({ _tag: "ConnDrained", now: scene.now, conn })
    expect(scene.reads).toHaveLength(1)
  })

  it("gives a cancelled request up, whether it waits or is being read", () => {
    for (const supportsFast of [true, false]) {
      const { conn, scene } = unchoked(supportsFast)
      scene.say(conn, (encoder) => range(0, 40).forEach((block) => ask(encoder, block)))
      scene.say(conn, (encoder) => [1, 39, 39, 99].forEach((block) => cancel(encoder, block)))
      expect(scene.heard(conn)).toEqual(supportsFast ? named("Reject", [1, 39]) : [])
      while (scene.reads.length > 0) scene.answer(1)
      expect(scene.heard(conn)).toEqual(named("Piece", [0, ...range(2, 39)]))
      // What has left already cannot be taken back, and is answered once.
      scene.say(conn, (encoder) => cancel(encoder, 0))
      expect(scene.heard(conn)).toEqual([])
    }
  })

  it("bounds the reads of a peer that asks and cancels all the time", () => {
    const { conn, scene } = unchoked(false)
    for (let i = 0; i < 500; i++) {
      scene.say(conn, (encoder) => {
        ask(encoder, i % 300)
        cancel(encoder, i % 300)
        ask(encoder, (i + 1) % 300)
        cancel(encoder, i % 299)
      })
    }
    expect(scene.reads.length).toBeLessThanOrEqual(Limits.MAX_READS_AHEAD)
  })
})

describe("a disk that can't be read", () => {
  it("fails the torrent, saying why, and lets everybody go", () => {
    const { conn, scene } = unchoked(true)
    scene.say(conn, (encoder) => range(0, 10).forEach((block) => ask(encoder, block)))
    const message = "cannot read /data/file: it is not there"
    scene.input({
      _tag: "ReadFailed",
      now: scene.now,
      torrent: 1,
      conn,
      piece: scene.reads[0]!.piece,
      begin: 0,
      reason: "Missing",
      message,
    })
    expect(scene.events.filter((event) => event._tag === "Failed")).toEqual([
      { _tag: "Failed", reason: "Missing", message },
    ])
    expect(scene.torrent.phase).toBe("failed")
    expect([...scene.closed]).toEqual([conn])
    // The other reads come back as well, and do no harm.
    scene.answer()
  })
})

describe("whatever peers ask, cancel and wait for", () => {
  const act = fc.oneof(
    fc.record({
      kind: fc.constant("ask" as const),
      peer: fc.nat(2),
      blocks: fc.uniqueArray(fc.nat(399), { maxLength: 300 }),
    }),
    fc.record({
      kind: fc.constant("cancel" as const),
      peer: fc.nat(2),
      blocks: fc.array(fc.nat(399), { maxLength: 50 }),
    }),
    fc.record({ kind: fc.constant("interest" as const), peer: fc.nat(2), isInterested: fc.boolean() }),
    fc.record({ kind: fc.constant("congest" as const), peer: fc.nat(2), isCongested: fc.boolean() }),
    fc.record({ kind: fc.constant("disk" as const), count: fc.nat(40) }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(20_000) }),
  )

  it.prop(
    "with the fast extension every request is answered exactly once, and never more are queued than we take",
    [fc.array(act, { maxLength: 60 }), fc.integer({ min: 0, max: 2 }), fc.constantFrom(0, 500_000)],
    ([acts, slots, rate]) => {
      const scene = new UploadScene(metainfo, {
        choker: { leeching: "tit-for-tat", seeding: "round-robin", slots: { _tag: "Fixed", slots } },
        maxUploadRateBytesPerSec: rate,
      })
      const conns = [0, 1, 2].map(() => scene.join(true))
      /** Requests that each peer waits for. */
      const open = conns.map(() => new Set<string>())
      const listen = (): void =>
        conns.forEach((conn, i) => {
          for (const text of scene.heard(conn)) {
            const match = /^(?:Piece|Reject) (.*)$/.exec(text)
            if (match !== null) {
              expect(open[i]!.delete(match[1]!), `an answer to what was asked: ${text}`).toBe(true)
            }
          }
          const peer = scene.torrent.peers.get(conn)
          // Who asks in vain too often is gone, and waits for nothing.
          if (peer === undefined) return open[i]!.clear()
          expect(peer.asked.size + peer.reading.size).toBeLessThanOrEqual(Limits.MAX_ASKED)
          expect(peer.readsInFlight).toBeLessThanOrEqual(Limits.MAX_READS_AHEAD)
          expect(open[i]!.size).toBe(peer.asked.size + peer.reading.size)
        })
      for (const one of acts) {
        if (one.kind === "ask") {
          const waiting = open[one.peer]!
          const fresh = one.blocks.filter((block) => !waiting.has(name(block)))
          for (const block of fresh) waiting.add(name(block))
          scene.say(conns[one.peer]!, (encoder) => fresh.forEach((block) => ask(encoder, block)))
        } else if (one.kind === "cancel") {
          scene.say(conns[one.peer]!, (encoder) => one.blocks.forEach((block) => cancel(encoder, block)))
        } else if (one.kind === "interest") {
          scene.say(conns[one.peer]!, one.isInterested ? Encoder.interested : Encoder.notInterested)
        } else if (one.kind === "congest") {
          const tag = one.isCongested ? "ConnCongested" : "ConnDrained"
          scene.input({ _tag: tag, now: scene.now, conn: conns[one.peer]! })
        } else if (one.kind === "disk") scene.answer(one.count)
        else scene.wait(one.ms)
        listen()
      }
      for (const conn of conns) scene.input({ _tag: "ConnDrained", now: scene.now, conn })
      for (let i = 0; i < 1_000 && (scene.reads.length > 0 || scene.torrent.serving.size > 0); i++) {
        scene.answer()
        scene.wait(1_000)
        listen()
      }
      expect(open.map((requests) => requests.size)).toEqual([0, 0, 0])
    },
    { fastCheck: { numRuns: 100 } },
  )
})

describe("what was sent", () => {
  it("is told to trackers", () => {
    const tracked = { ...metainfo, trackers: [["http://tracker.test/announce"]] }
    const scene = new UploadScene(tracked, { uploadedBytes: 5_000, downloadedBytes: 1_000 })
    const conn = scene.join(false)
    scene.say(conn, Encoder.interested)
    scene.say(conn, (encoder) => ask(encoder, 5))
    scene.answer()
    scene.input({
      _tag: "Announced",
      now: scene.now,
      torrent: 1,
      tracker: 0,
      response: { intervalMs: 1_800_000, peers: [] },
    })
    scene.input({ _tag: "Stop", now: scene.now, torrent: 1 })
    expect(scene.announces.map(({ event, uploadedBytes }) => [event, uploadedBytes])).toEqual([
      ["started", 0],
      ["stopped", BLOCK_BYTES],
    ])
    expect(Bytes.equals(scene.announces[0]!.infoHash, metainfo.infoHashBytes)).toBe(true)
  })
})
