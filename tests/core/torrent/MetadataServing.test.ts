import { describe, expect, it } from "@effect/vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import type { Metainfo } from "../../../core/metainfo/Metainfo.ts"
import * as MetadataServing from "../../../core/torrent/MetadataServing.ts"
import * as Patience from "../../../core/torrent/Patience.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as Metadata from "../../../core/wire/ExtendedMetadata.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { Door, extended, idOf } from "../client/Door.ts"

const PART = Metadata.PART_BYTES
const OURS = 2
const THEIRS = 9
const infoBytes = Uint8Array.from({ length: 3 * PART + 5 }, (_, i) => (i * 7 + (i >> 8)) & 255)
const torrent: Metainfo = { ...torrentOf(32_768, [300_000]), infoBytes }
const hello = extended({ messages: new Map([["ut_metadata", THEIRS]]) })
const ask = (...parts: ReadonlyArray<number>) =>
  parts.map((part) => (encoder: Encoder.Encoder) => Encoder.extended(encoder, OURS, Metadata.request(part)))

/** What a peer heard of metadata, part by part. */
const answers = (door: Door, conn: number): ReadonlyArray<string> =>
  door.payloads(conn, THEIRS).map((payload) => {
    const message = Metadata.decode(payload)
    if (!message.ok || !("part" in message.value)) return "?"
    const { value } = message
    if (value._tag !== "Data") return `${value._tag} ${value.part}`
    const begin = value.part * PART
    const isRight = value.totalBytes === infoBytes.length &&
      Bytes.equals(value.bytes, infoBytes.subarray(begin, begin + PART))
    return isRight ? `Data ${value.part}` : `wrong ${value.part}`
  })

describe("metadata for peers", () => {
  it("is offered with its size, and given part by part", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", idOf("a"), hello)
    expect(door.hello(conn)).toMatchObject({ metadataSize: infoBytes.length })
    expect(door.hello(conn)!.messages.get("ut_metadata")).toBe(OURS)
    door.say(conn, ...ask(0, 3, 1, 2))
    expect(answers(door, conn)).toEqual(["Data 0", "Data 3", "Data 1", "Data 2"])
  })

  it("is given by a private torrent, too", () => {
    const door = new Door({ ...torrent, isPrivate: true })
    const conn = door.welcome("80.4.4.4", idOf("a"), hello)
    door.say(conn, ...ask(0))
    expect(answers(door, conn)).toEqual(["Data 0"])
  })

  it("is refused where there is no such part", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", idOf("a"), hello)
    door.say(conn, ...ask(4, 2 ** 31 - 1))
    expect(answers(door, conn)).toEqual(["Reject 4", `Reject ${2 ** 31 - 1}`])
    expect(door.isOpen(conn)).toBe(true)
  })

  it("is not given to who has no number for the answer", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", idOf("a"), extended({}))
    door.say(conn, ...ask(0))
    expect(answers(door, conn)).toEqual([])
    expect(door.isOpen(conn)).toBe(true)
  })

  it("is refused to who asks for it again and again, and such a peer does not stay for long", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", idOf("a"), hello)
    const most = Patience.MAX_USELESS / MetadataServing.IMPERTINENCE + 4 * MetadataServing.MAX_COPIES
    for (let asked = 0; asked < most; asked++) door.say(conn, ...ask(0))
    expect(door.isOpen(conn)).toBe(true)
    door.say(conn, ...ask(0))
    expect(door.isOpen(conn)).toBe(false)
  })

  it("is given a few times on one connection, then refused", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", idOf("a"), hello)
    for (let i = 0; i < 5; i++) door.say(conn, ...ask(0, 1, 2, 3))
    const given = answers(door, conn).filter((answer) => answer.startsWith("Data"))
    expect(given).toHaveLength(4 * MetadataServing.MAX_COPIES)
    expect(answers(door, conn)).toHaveLength(20)
  })

  it("does not pile up for who asks without reading", () => {
    const door = new Door({ ...torrent, infoBytes: new Uint8Array(200 * PART) })
    const conn = door.welcome("80.4.4.4", idOf("a"), hello)
    door.say(conn, ...ask(...Array.from({ length: 200 }, (_, part) => part)))
    const given = answers(door, conn).filter((answer) => !answer.startsWith("Reject"))
    expect(given.length).toBeLessThanOrEqual(MetadataServing.MAX_PARTS_A_STEP + 1)
    const heard = answers(door, conn).length
    door.input({ _tag: "ConnCongested", now: door.now, conn })
    door.say(conn, ...ask(1, 2, 3))
    expect(answers(door, conn)).toHaveLength(heard)
    door.input({ _tag: "ConnDrained", now: door.now, conn })
    door.say(conn, ...ask(1))
    expect(answers(door, conn)).toHaveLength(heard + 1)
  })

  it("ends with who sends something else under its number", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.4.4.4", idOf("a"), hello)
    door.say(conn, (encoder) => Encoder.extended(encoder, OURS, Bytes.latin1("what")))
    expect(door.farewells).toEqual(["protocol error: metadata exchange that is no such message (BEP 9)"])
  })
})
