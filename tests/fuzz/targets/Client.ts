/** The client as a machine: peers that say anything, a disk in any order, a user who changes his mind. */
import type { Address } from "../../../core/base/Address.ts"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Client from "../../../core/client/Client.ts"
import type { ConnId } from "../../../core/client/Input.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as Extended from "../../../core/wire/Extended.ts"
import * as Holepunch from "../../../core/wire/ExtendedHolepunch.ts"
import * as ExtendedIds from "../../../core/wire/ExtendedIds.ts"
import * as Metadata from "../../../core/wire/ExtendedMetadata.ts"
import * as Pex from "../../../core/wire/ExtendedPex.ts"
import * as Records from "../grammar/Records.ts"
import * as WireGrammar from "../grammar/Wire.ts"
import * as Tape from "../Tape.ts"
import { claim, type Target } from "../Target.ts"
import { INFO, METAINFOS, World } from "../worlds/Client.ts"

const MAX_CONNS = 24
const MAX_STEPS = 400

const written = (say: (encoder: Encoder.Encoder) => void): Bytes.Bytes => {
  const encoder = Encoder.make()
  say(encoder)
  return Encoder.take(encoder)
}

const handshake = (torrent: number, peer: number, features: number): Bytes.Bytes =>
  written((encoder) =>
    Encoder.handshake(encoder, {
      infoHash: METAINFOS.get(torrent)!.infoHashBytes,
      peerId: Bytes.latin1(`-XX0000-${String(peer).padStart(12, "0")}`),
      features: { fast: (features & 1) === 0, extended: (features & 2) === 0, dht: (features & 4) === 0 },
    })
  )

const hosts = (tape: Tape.Tape): string =>
  Tape.pick(tape, ["80.1.0.1", "80.1.0.2", "80.1.0.3", "80.1.1.4", "10.0.0.5", "2001:db8::1", "127.0.0.1"])

/** A message with fields out of the tape. */
const message = (tape: Tape.Tape): Bytes.Bytes => {
  const piece = (): number => Tape.pick(tape, [0, 1, 2, 3, 4, 5, 0xffff_ffff])
  const begin = (): number => Tape.pick(tape, [0, 16_384, 32_768, 8_192, 1])
  const length = (): number => Tape.pick(tape, [16_384, 5_000, 1, 0, 16_385, 131_072])
  return written((encoder) => {
    switch (Tape.below(tape, 16)) {
      case 0:
        return Encoder.choke(encoder)
      case 1:
        return Encoder.unchoke(encoder)
      case 2:
        return Encoder.interested(encoder)
      case 3:
        return Encoder.notInterested(encoder)
      case 4:
        return Encoder.have(encoder, piece())
      case 5:
        return Encoder.bitfield(encoder, Tape.chunk(tape, 3))
      case 6:
        return Encoder.request(encoder, piece(), begin(), length())
      case 7:
        return Encoder.cancel(encoder, piece(), begin(), length())
      case 8:
        return Encoder.haveAll(encoder)
      case 9:
        return Encoder.haveNone(encoder)
      case 10:
        return Encoder.reject(encoder, piece(), begin(), length())
      case 11:
        return Encoder.allowedFast(encoder, piece())
      case 12:
        return Encoder.suggest(encoder, piece())
      case 13:
        return Encoder.port(encoder, Tape.pick(tape, [0, 1, 6_881, 65_535]))
      case 14:
        return Encoder.piece(
          encoder,
          piece(),
          begin(),
          new Uint8Array(Tape.pick(tape, [1, 100, 5_000, 16_384])),
        )
      default:
        return Encoder.extended(encoder, Tape.below(tape, 9), extended(tape))
    }
  })
}

const extended = (tape: Tape.Tape): Bytes.Bytes => {
  const part = Tape.below(tape, 3)
  const address = (): Address => ({ host: hosts(tape), port: 1_024 + Tape.byte(tape) })
  switch (Tape.below(tape, 6)) {
    case 0:
      return Tape.chunk(tape, 40)
    case 1: {
      const bytes = INFO.slice(part * Metadata.PART_BYTES, (part + 1) * Metadata.PART_BYTES)
      if (Tape.below(tape, 8) === 7 && bytes.length > 0) bytes[0]! ^= 1
      return Metadata.data(part, INFO.length, bytes)
    }
    case 2:
      return Extended.encodeHandshake({
        messages: ExtendedIds.offer(["ut_metadata", "ut_pex", "ut_holepunch", "lt_donthave", "upload_only"]),
        reqq: 1 + Tape.byte(tape),
        listenPort: 1_024 + Tape.byte(tape),
        metadataSize: INFO.length,
        yourIp: Uint8Array.of(80, 9, 9, Tape.below(tape, 2)),
      })
    case 3:
      return Bytes.latin1(Tape.pick(tape, WireGrammar.PAYLOADS))
    case 4:
      return Holepunch.encode(
        Tape.pick(tape, [
          { _tag: "Rendezvous", address: address() },
          { _tag: "Connect", address: address() },
          { _tag: "Error", address: address(), reason: "NoSuchPeer" },
        ]),
      )
    default:
      return Pex.encode({ added: [{ address: address(), flags: Tape.byte(tape) }], dropped: [address()] })
  }
}

/** Answers what was asked of a peer: right, wrong, or in pieces. */
const answer = (world: World, id: ConnId, tape: Tape.Tape): void => {
  const asked = world.conns.get(id)?.asked
  const count = 1 + Tape.below(tape, 8)
  const isWrong = Tape.below(tape, 8) === 7
  const cut = Tape.pick(tape, [0, 1_000, 7])
  for (let i = 0; i < count; i++) {
    const request = asked?.shift()
    if (request === undefined) return
    const bytes = world.block(request)
    if (isWrong) bytes[0]! ^= 255
    const said = written((encoder) => Encoder.piece(encoder, request.piece, request.begin, bytes))
    if (cut === 0) world.read(id, said)
    else {
      world.read(id, said.subarray(0, cut))
      world.read(id, said.subarray(cut))
    }
  }
}

const connOf = (world: World, tape: Tape.Tape): ConnId | undefined => {
  const ids = [...world.conns.keys()].filter((id) => world.conns.get(id)!.isOpen)
  return ids.length === 0 ? undefined : Tape.pick(tape, ids)
}

/** One thing that happens. */
const happen = (world: World, tape: Tape.Tape): void => {
  const { now } = world
  const kind = Tape.below(tape, 24)
  const conn = connOf(world, tape)
  switch (kind) {
    case 0:
      return world.wait(Tape.pick(tape, [0, 1, 100, 1_000, 10_000, 60_000, 150_000]))
    case 1:
    case 2: {
      if (world.conns.size >= MAX_CONNS) return
      const id = world.accept(hosts(tape), 1_024 + Tape.byte(tape))
      return world.read(id, handshake(1 + Tape.below(tape, 2), Tape.byte(tape), Tape.byte(tape)))
    }
    case 3:
      if (world.conns.size < MAX_CONNS) world.accept(hosts(tape), 5_000)
      return
    case 4:
      if (world.dialling.length > 0) world.dialled(Tape.pick(tape, world.dialling), Tape.below(tape, 3) > 0)
      return
    case 5:
      if (conn !== undefined) world.read(conn, Tape.chunk(tape, 100))
      return
    case 6:
      if (conn !== undefined) {
        world.read(conn, handshake(1 + Tape.below(tape, 2), Tape.byte(tape), Tape.byte(tape)))
      }
      return
    case 7:
      if (conn !== undefined && conn > 0) world.hangUp(conn)
      return
    case 8:
      if (conn !== undefined) world.hangUp(conn)
      return
    case 9:
      world.input({
        _tag: "Limits",
        now,
        downloadRateBytesPerSec: Tape.pick(tape, [0, 1, 1_000, 1_000_000]),
        uploadRateBytesPerSec: Tape.pick(tape, [0, 1, 1_000, 1_000_000]),
        isLanExempt: Tape.flag(tape),
        maxConnections: Tape.pick(tape, [500, 0, 1, 5]),
      })
      return
    case 10:
      world.input({
        _tag: "TorrentLimits",
        now,
        torrent: 1 + Tape.below(tape, 3),
        downloadRateBytesPerSec: Tape.pick(tape, [0, 1, 1_000]),
        uploadRateBytesPerSec: Tape.pick(tape, [0, 1, 1_000]),
      })
      return
    case 11:
      world.input({
        _tag: "PeersFound",
        now,
        torrent: 1 + Tape.below(tape, 3),
        source: Tape.pick(tape, ["tracker", "user", "pex", "dht", "lsd"]),
        addresses: Array.from(
          { length: Tape.below(tape, 5) },
          () => ({ host: hosts(tape), port: 1_024 + Tape.byte(tape) }),
        ),
      })
      return
    case 12:
      if (conn !== undefined) {
        world.input({ _tag: Tape.flag(tape) ? "ConnCongested" : "ConnDrained", now, conn })
      }
      return
    case 13:
      if (Tape.below(tape, 16) === 15) world.stop(1 + Tape.below(tape, 2))
      return
    case 14:
      // The metadata is here: the torrent itself takes over.
      if (world.found.has(2) && !world.ended.has(2) && !world.disks.has(2)) world.addTorrent(2, false, 0)
      return
    case 15:
    case 16:
    case 17:
      return world.finish(Tape.below(tape, Math.max(1, world.jobs.length)), Tape.below(tape, 64) === 63)
    case 18:
    case 19:
      if (conn !== undefined) answer(world, conn, tape)
      return
    case 20:
      return carryOut(world)
    default: {
      if (conn === undefined) return
      const said = Array.from({ length: 1 + Tape.below(tape, 4) }, () => message(tape))
      world.read(conn, Bytes.concat(said))
    }
  }
}

/** The disk and the trackers do everything that waits, in order. */
const carryOut = (world: World): void => {
  for (let i = 0; i < 1_000 && world.jobs.length > 0; i++) world.finish(0, false)
  claim(world.jobs.length === 0, "the disk comes to an end")
}

/** However it was before: with one honest peer that has everything, what was neither stopped nor failed completes. */
const complete = (world: World): void => {
  const isOver = (): boolean => world.ended.has(1) || Bitfield.isFull(world.verified.get(1)!)
  if (isOver()) return
  const { now } = world
  const unlimited = { downloadRateBytesPerSec: 0, uploadRateBytesPerSec: 0 } as const
  world.input({ _tag: "Limits", now, ...unlimited, isLanExempt: false, maxConnections: 500 })
  world.input({ _tag: "TorrentLimits", now, torrent: 1, ...unlimited })
  const join = (): ConnId => {
    const id = world.accept("90.1.1.1", 6_881)
    world.read(id, handshake(1, 999_999, 0))
    world.read(id, written((encoder) => (Encoder.haveAll(encoder), Encoder.unchoke(encoder))))
    return id
  }
  let honest = join()
  for (let round = 0; round < 100; round++) {
    carryOut(world)
    const asked = world.conns.get(honest)?.asked.splice(0) ?? []
    for (const request of asked) {
      const bytes = world.block(request)
      world.read(honest, written((encoder) => Encoder.piece(encoder, request.piece, request.begin, bytes)))
    }
    carryOut(world)
    if (isOver()) return
    if (asked.length > 0) continue
    world.wait(20_000)
    if (isOver()) return
    if (world.conns.has(honest)) world.read(honest, written(Encoder.keepAlive))
    else honest = join()
  }
  claim(false, "an honest peer that has everything brings everything")
}

const run = (input: Bytes.Bytes): void => {
  const { kind, records } = Records.read(input, MAX_STEPS)
  const world = new World(kind)
  for (const record of records) happen(world, record)
  complete(world)
  for (const torrent of [1, 2]) world.stop(torrent)
  carryOut(world)
  for (const torrent of [1, 2]) world.input({ _tag: "Remove", now: world.now, torrent })
  claim(
    Client.torrents(world.client).size + Client.fetchings(world.client).size === 0,
    "what is removed is gone",
  )
  world.wait(60_000)
  claim(
    world.dialling.length === 0 && ![...world.conns.values()].some(({ hasGreeted }) => hasGreeted),
    "nobody is left",
  )
}

// Records, by what {@link happen} reads of them.
const JOIN = [1, 0, 0, 5, 0, 7]
const JOIN_AGAIN = [1, 0, 1, 6, 0, 8]
const JOIN_LINK = [1, 0, 2, 7, 1, 9]
const HAS_ALL = [21, 0, 2, 8, 1, 2]
const ANSWERS = [18, 0, 7, 0, 0]
const WRONG = [18, 0, 7, 7, 0]
const CUT = [18, 0, 7, 0, 1]
const ALL_DONE = [20, 0]
const LATER = [0, 0, 4]
const ASKS = [21, 0, 3, 2, 6, 0, 0, 0, 6, 1, 1, 0]
const HELLO = [21, 0, 0, 15, 0, 0, 2, 50]
const PART = (part: number): ReadonlyArray<number> => [21, 0, 0, 15, 2, part, 1, 0]

/** A peer that takes one request at a time, so that pieces are shared. */
const SLOW = (conn: number, port: number): ReadonlyArray<number> => [21, conn, 0, 15, 0, 0, 2, 0, port]
const ONE = (conn: number, isWrong: boolean): ReadonlyArray<number> => [18, conn, 0, isWrong ? 7 : 0, 0]
const RENDEZVOUS = [21, 0, 0, 15, 4, 0, 4, 0, 1, 6]
const CONNECT = [21, 0, 0, 15, 4, 0, 4, 1, 2, 9]
const TELLS = [21, 0, 0, 15, 1, 0, 5, 3, 9, 0, 3, 9]

const times = <A>(count: number, ...items: ReadonlyArray<A>): ReadonlyArray<A> =>
  Array.from({ length: count }, () => items).flat()

/** Stories to begin with: downloads that go well, and some that don't; uploads; a magnet link; and anything. */
const seeds = (): ReadonlyArray<Bytes.Bytes> => [
  Records.story(0, JOIN, HAS_ALL, ...times(4, ANSWERS, ALL_DONE)),
  Records.story(1, JOIN, HAS_ALL, ...times(2, ANSWERS, CUT, [15, 0, 0], [16, 0, 1], ALL_DONE), LATER),
  Records.story(0, JOIN, HAS_ALL, ANSWERS, WRONG, ALL_DONE, ...times(3, ANSWERS, ALL_DONE)),
  Records.story(
    0,
    JOIN,
    JOIN_AGAIN,
    [21, 1, 2, 8, 1, 2],
    HAS_ALL,
    ANSWERS,
    [18, 1, 7, 7, 0],
    ALL_DONE,
    LATER,
    ANSWERS,
  ),
  Records.story(8, JOIN, ASKS, LATER, ASKS, ALL_DONE, [9, 0, 2, 2], ASKS, LATER, ALL_DONE, [8, 0]),
  Records.story(9, JOIN, JOIN_AGAIN, ASKS, [21, 1, 3, 2, 6, 2, 0, 0], LATER, LATER, ALL_DONE),
  Records.story(0, JOIN_LINK, HELLO, PART(0), PART(1), [14, 0], HAS_ALL, ...times(4, ANSWERS, ALL_DONE)),
  Records.story(1, JOIN_LINK, HELLO, [21, 0, 0, 15, 2, 0, 1, 7], PART(1), PART(0), LATER, PART(0), PART(1), [
    14,
    0,
  ]),
  Records.story(
    0,
    [11, 0, 0, 4, 1, 2, 3, 4, 5, 6],
    LATER,
    [4, 0, 1],
    [6, 0, 0, 1, 0],
    HAS_ALL,
    ANSWERS,
    ALL_DONE,
  ),
  Records.story(
    0,
    ...[JOIN, SLOW(0, 5), HAS_ALL, JOIN_AGAIN, SLOW(1, 6), [21, 1, 2, 8, 1, 2]],
    ...times(5, ONE(0, false), ONE(1, true), ONE(0, false), ONE(1, false), ALL_DONE),
  ),
  Records.story(
    0,
    ...[JOIN, SLOW(0, 5), JOIN_AGAIN, SLOW(1, 6), RENDEZVOUS, TELLS, CONNECT, LATER, TELLS, [0, 0, 5], TELLS],
  ),
  Records.story(
    0,
    ...[JOIN_LINK, HELLO, [1, 0, 1, 6, 1, 8], [21, 1, 0, 15, 0, 0, 2, 50], PART(0)],
    ...[[21, 1, 0, 15, 2, 1, 1, 7], LATER, PART(1), PART(0), LATER],
  ),
  Records.story(
    8 + 64,
    JOIN,
    ASKS,
    JOIN_AGAIN,
    LATER,
    [21, 0, 0, 4, 0],
    [21, 1, 0, 4, 0],
    LATER,
    ASKS,
    ALL_DONE,
    LATER,
  ),
  Records.story(8 + 128, JOIN, ASKS, JOIN_AGAIN, LATER, ASKS, ALL_DONE, LATER, LATER, LATER, ASKS, ALL_DONE),
  ...Array.from({ length: 8 }, (_, i) => Records.random(i, i * 37, 5 + 5 * i)),
]

export const targets: ReadonlyArray<Target> = [{
  name: "client",
  oracle:
    "only verified pieces are told of, read and sent, right to the byte; tables bounded; time goes on; twins agree; an honest peer still brings everything",
  covers: ["core/client/", "core/torrent/"],
  seeds,
  mutators: [Records.mutator],
  work: { base: 3_000_000, perByte: 20_000 },
  allocation: { base: 64 * 1024 * 1024, perByte: 100_000 },
  maxBytes: 2_048,
  smokeRuns: 40,
  run,
}]
