/** Streams that other programs made: captured traffic, and a fuzzer's collection of peer messages. */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Message from "../../../core/wire/Message.ts"
import * as TempDir from "../../support/TempDir.ts"
import { corpus, cutBy, decodeAll, lines, MAX_MESSAGE_BYTES, merged } from "./Support.ts"

const make = () => Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES })

const IDS: { readonly [tag: string]: number } = {
  Choke: Message.CHOKE,
  Unchoke: Message.UNCHOKE,
  Interested: Message.INTERESTED,
  NotInterested: Message.NOT_INTERESTED,
  Have: Message.HAVE,
  Bitfield: Message.BITFIELD,
  Request: Message.REQUEST,
  Fragment: Message.PIECE,
  Cancel: Message.CANCEL,
  Port: Message.PORT,
  Suggest: Message.SUGGEST,
  HaveAll: Message.HAVE_ALL,
  HaveNone: Message.HAVE_NONE,
  Reject: Message.REJECT,
  AllowedFast: Message.ALLOWED_FAST,
  Extended: Message.EXTENDED,
}

/** The ids of the complete messages. */
const ids = (items: ReadonlyArray<Message.Item>): ReadonlyArray<number> =>
  merged(items).flatMap((item) => {
    if (item._tag === "Unknown") return [item.id]
    if (item._tag === "Fragment" && item.bytes.length < item.length) return []
    return IDS[item._tag] ?? []
  })

/** What holds of every item, whoever made the stream. */
const checkSane = (items: ReadonlyArray<Message.Item>): void => {
  items.forEach((item, i) => {
    if (item._tag === "Handshake") {
      expect([i, item.reserved.length, item.infoHash.length, item.peerId.length]).toEqual([0, 8, 20, 20])
    } else if (item._tag === "Fragment") {
      expect(item.bytes.length).toBeGreaterThan(0)
      expect(item.offset + item.bytes.length).toBeLessThanOrEqual(item.length)
      expect(item.length).toBeLessThanOrEqual(Message.MAX_BLOCK_BYTES)
    } else if (item._tag === "Violation") {
      expect(i).toBe(items.length - 1)
      expect(item.section).toMatch(/^BEP \d+, /)
    }
  })
}

describe("captured connections", () => {
  const folder = corpus("pcap/streams")
  const dissected = corpus("pcap/BT_TSHARK.tsv")
  const names = folder === undefined ? [] : readdirSync(folder)

  it("are read the same way whatever the reads", (context) => {
    if (folder === undefined) return context.skip("no recorded streams here: set SHOAL_CORPORA")
    for (const name of names) {
      const bytes = new Uint8Array(readFileSync(`${folder}/${name}`))
      const whole = Decoder.decode(make(), bytes)
      checkSane(whole)
      const expected = lines(merged(whole))
      expect(lines(merged(decodeAll(make(), cutBy(bytes, [1_460])))), name).toEqual(expected)
      expect(lines(merged(decodeAll(make(), cutBy(bytes, [1, 33, 1, 7])))), name).toEqual(expected)
    }
    expect(names.length).toBeGreaterThan(40)
  })

  it("hold the messages that Wireshark sees in them", (context) => {
    if (folder === undefined || dissected === undefined) {
      return context.skip("no recorded streams here: set SHOAL_CORPORA")
    }
    const frames = readFileSync(dissected, "utf8").split("\n").slice(1).map((line) => line.split("\t"))
    let compared = 0
    for (const name of names) {
      const stream = /^bittorrent\.(\d+)\.([ab])\.bin$/.exec(name)
      if (stream === null) continue
      const bytes = new Uint8Array(readFileSync(`${folder}/${name}`))
      // Where the capture lost packets, the reassembled stream has a remark in their place; one begins with it.
      const text = Bytes.toLatin1(bytes)
      const gap = text.search(/\[\d+ bytes missing in capture file\]/)
      if (!text.startsWith("\x13BitTorrent protocol")) continue
      const items = Decoder.decode(make(), gap < 0 ? bytes : bytes.subarray(0, gap))
      const mine = frames.filter((frame) => frame[1] === stream[1])
      const isFirst = (frame: ReadonlyArray<string>) => frame[2] === mine[0]![2]
      const seen = mine.filter((frame) => isFirst(frame) === (stream[2] === "a"))
        .flatMap((frame) => frame[6] ? frame[6].split(",").map(Number) : [])
      const found = ids(items)
      // Some streams end before the capture does.
      expect(found, name).toEqual(seen.slice(0, found.length))
      expect(items.some((item) => item._tag === "Violation"), name).toBe(false)
      compared += found.length
    }
    expect(compared).toBeGreaterThan(400)
  })
})

it("takes a fuzzer's collection of peer messages without a throw, whatever the reads", (context) => {
  const archive = corpus("libtorrent/fuzz-seeds.tar.gz")
  if (archive === undefined) return context.skip("no fuzzer's messages here: set SHOAL_CORPORA")
  using temp = TempDir.make("seeds")
  execFileSync("tar", ["-xzf", archive, "-C", temp.path, "./peer_conn"])
  const tags = new Map<string, number>()
  const names = readdirSync(`${temp.path}/peer_conn`)
  for (const name of names) {
    // Each is the 8 reserved bytes of a handshake and what comes after it.
    const seed = new Uint8Array(readFileSync(`${temp.path}/peer_conn/${name}`))
    const bytes = Bytes.concat([
      Bytes.latin1("\x13BitTorrent protocol"),
      seed.subarray(0, 8),
      new Uint8Array(40),
      seed.subarray(8),
    ])
    const items = Decoder.decode(make(), bytes)
    checkSane(items)
    const pieces = decodeAll(make(), cutBy(bytes, [1, 7, 100, 1_460]))
    expect(lines(merged(pieces)), name).toEqual(lines(merged(items)))
    for (const item of items) tags.set(item._tag, (tags.get(item._tag) ?? 0) + 1)
  }
  expect(names.length).toBe(2_107)
  // Every kind of message is in the collection, so that each was really read here.
  for (const tag of [...Object.keys(IDS), "Unknown", "Violation"]) {
    expect(tags.get(tag) ?? 0, tag).toBeGreaterThan(0)
  }
})
