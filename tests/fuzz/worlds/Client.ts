/**
 * A client and all that is around it: a disk, peers, trackers. It carries out what the client asks for when it is told to,
 * in any order, and watches that what is asked for makes sense.
 */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import { sha1 } from "../../../core/base/Sha1.ts"
import * as Client from "../../../core/client/Client.ts"
import type { Command } from "../../../core/client/Command.ts"
import type { ConnId, Input, TorrentId } from "../../../core/client/Input.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import type { InfoHash, Metainfo } from "../../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Candidates from "../../../core/torrent/Candidates.ts"
import type { Event } from "../../../core/torrent/Event.ts"
import * as Limits from "../../../core/torrent/Limits.ts"
import * as State from "../../../core/torrent/State.ts"
import * as Announce from "../../../core/tracker/Announce.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import type * as Message from "../../../core/wire/Message.ts"
import { claim } from "../Target.ts"

const PIECE_BYTES = 32_768
const TOTAL_BYTES = 4 * PIECE_BYTES + 5_000

/** What the torrents hold. */
const content = new Uint8Array(TOTAL_BYTES).map((_, i) => (i * 31 + (i >> 8) * 7 + (i >> 15)) & 255)

const geometry = Geometry.make(PIECE_BYTES, [50_000, 0, TOTAL_BYTES - 50_000])

/** The `info` dictionary of the magnet link: two parts. Nobody reads it here, so any bytes will do. */
export const INFO = new Uint8Array(20_000).map((_, i) => (i * 13 + (i >> 7)) & 255)

const torrentOf = (infoHashBytes: Bytes.Bytes): Metainfo => {
  const pieceHashes = new Uint8Array(geometry.pieceCount * 20)
  for (const piece of Geometry.pieces(geometry)) pieceHashes.set(sha1(pieceContent(piece)), piece * 20)
  return Object.freeze({
    infoHash: Bytes.toHex(infoHashBytes) as InfoHash,
    infoHashBytes,
    infoBytes: INFO,
    name: "torrent",
    files: geometry.files.map(({ bytes }, i) => ({ path: `file${i}`, bytes, isPadding: false })),
    geometry,
    pieceHashes,
    isPrivate: false,
    trackers: [["http://tracker.example/announce"]],
    webSeeds: [],
    warnings: [],
  }) as unknown as Metainfo
}

const pieceContent = (piece: Geometry.PieceIndex): Bytes.Bytes => {
  const offset = Geometry.pieceOffset(geometry, piece)
  return content.slice(offset, offset + Geometry.pieceLength(geometry, piece))
}

/** Torrents 1 and 2: the second begins as a magnet link. */
export const METAINFOS: ReadonlyMap<TorrentId, Metainfo> = new Map([
  [1, torrentOf(sha1(Bytes.latin1("first")))],
  [2, torrentOf(sha1(INFO))],
])

/** What of the client is not done yet. */
type Job = Extract<
  Command,
  { readonly _tag: "Write" | "Hash" | "HashBlocks" | "Read" | "Announce" | "LookUp" }
>

interface Conn {
  isOpen: boolean
  /** What the client says there. */
  readonly decoder: Decoder.Decoder
  /** Blocks it has asked for there. */
  readonly asked: Array<Message.Request>
  hasGreeted: boolean
}

export class World {
  client: Client.Client
  /** Does everything that the client does, where there is one. */
  twin: Client.Client | undefined
  now = 0
  readonly conns = new Map<ConnId, Conn>()
  readonly dialling: Array<ConnId> = []
  readonly jobs: Array<Job> = []
  readonly disks = new Map<TorrentId, Uint8Array>()
  readonly verified = new Map<TorrentId, Bitfield.Bitfield>()
  /** The user or the disk ended them. */
  readonly ended = new Set<TorrentId>()
  /** Magnet links whose metadata is here. */
  readonly found = new Set<TorrentId>()
  readonly #torrentOf = new Map<ConnId, TorrentId>()
  #lastAccepted = 0
  #lastDialled = 0

  /** Bits of `kind`: 0 to 2 a twin, 3 and 4 seeding, 5 no PEX, 6 super-seeding, 7 another choker and goals. */
  constructor(kind: number) {
    const isSeeding = (kind & 24) === 8
    const identity = {
      peerId: Bytes.latin1("-SH0100-mmmmmmmmmmmm"),
      port: 6_881,
      key: 7,
      clientName: "shoal",
      dhtPort: 6_881,
    }
    this.client = Client.make(identity, 0)
    if ((kind & 7) === 1) this.twin = Client.fork(this.client)
    this.addTorrent(1, isSeeding, kind)
    this.input({
      _tag: "AddMagnet",
      now: 0,
      torrent: 2,
      infoHash: METAINFOS.get(2)!.infoHashBytes,
      options: { trackers: [], announceToAllTiers: false, maxPeers: 20, seed: 2, maxBytes: 100_000 },
    })
  }

  addTorrent(torrent: TorrentId, isSeeding: boolean, kind: number): void {
    const { pieceCount } = geometry
    this.disks.set(torrent, isSeeding ? content.slice() : new Uint8Array(TOTAL_BYTES))
    this.verified.set(torrent, isSeeding ? Bitfield.full(pieceCount) : Bitfield.make(pieceCount))
    const have = (): Bitfield.Bitfield => isSeeding ? Bitfield.full(pieceCount) : Bitfield.make(pieceCount)
    const options = (): State.Options => ({
      ...State.defaults,
      have: have(),
      seed: torrent,
      maxPeers: 20,
      isPexEnabled: (kind & 32) === 0,
      superSeed: (kind & 64) !== 0,
      ...((kind & 128) !== 0 && {
        choker: { leeching: "anti-leech", seeding: "fastest-upload", slots: { _tag: "Fixed", slots: 2 } },
        goals: { ratio: 0.5, seedMs: 300_000 },
      }),
    })
    const metainfo = METAINFOS.get(torrent)!
    this.input({ _tag: "Add", now: this.now, torrent, metainfo, options: options() }, options)
  }

  /** One step of the client, and of its twin; `options` makes what an `Add` spends anew. */
  input(input: Input, options?: () => State.Options): ReadonlyArray<Command> {
    let digest: string | undefined
    if (this.twin !== undefined) {
      const own = options === undefined ? input : { ...input, options: options() } as Input
      const [twin, commands] = Client.step(this.twin, own)
      this.twin = twin
      digest = Digest.digest(commands)
    }
    const [client, commands] = Client.step(this.client, input)
    this.client = client
    if (this.twin !== undefined) {
      claim(Digest.digest(commands) === digest, "the same states and inputs give the same commands")
      claim(Client.nextWake(this.twin) === Client.nextWake(client), "and the same next wake-up")
    }
    claim(!Number.isNaN(Client.nextWake(client)), "a wake-up is a time")
    // Commands of one step have no order: what verifies comes before what is allowed by it.
    for (const command of commands) if (command._tag === "Emit") this.#event(command.torrent, command.event)
    for (const command of commands) this.#take(command)
    this.#tables()
    return commands
  }

  #event(torrent: TorrentId, event: Event): void {
    const disk = this.disks.get(torrent)
    const verified = this.verified.get(torrent)
    switch (event._tag) {
      case "PieceVerified": {
        const { piece } = event
        const offset = Geometry.pieceOffset(geometry, piece)
        const stored = disk!.subarray(offset, offset + Geometry.pieceLength(geometry, piece))
        claim(Bytes.equals(stored, pieceContent(piece)), "a verified piece is right on the disk")
        claim(Bitfield.set(verified!, piece), "a piece is verified once")
        return
      }
      case "Completed":
        claim(Bitfield.isFull(verified!), "what is complete has every piece")
        return
      case "Failed":
        claim(this.ended.has(torrent), "a torrent fails by its disk alone")
        return
      case "MetadataComplete":
        claim(Bytes.equals(event.infoBytes, INFO), "metadata is what the info-hash says")
        this.found.add(torrent)
    }
  }

  #take(command: Command): void {
    switch (command._tag) {
      case "Dial":
        claim(command.conn > this.#lastDialled, "a connection's number is new")
        this.#lastDialled = command.conn
        this.#open(command.conn, false)
        this.#torrentOf.set(command.conn, command.torrent)
        this.dialling.push(command.conn)
        return
      case "Close":
        claim(this.conns.has(command.conn), "what is closed was there")
        this.#close(command.conn)
        return
      case "Send": {
        const conn = this.conns.get(command.conn)
        // The same step may close it: what it had to say last goes out before.
        if (conn === undefined) return
        claim(conn.isOpen, "nothing is sent while dialling")
        claim(command.chunks.every((chunk) => chunk.length > 0), "nothing empty is sent")
        this.#heard(command.conn, conn, Decoder.decode(conn.decoder, Bytes.concat(command.chunks)))
        return
      }
      case "Write": {
        const { begin, bytes, piece, torrent } = command
        claim(!Bitfield.get(this.verified.get(torrent)!, piece), "nothing is written over a verified piece")
        claim(Geometry.pieceIndex(geometry, piece) !== undefined, "what is written has a piece")
        claim(
          bytes.length > 0 && begin + bytes.length <= Geometry.pieceLength(geometry, piece),
          "and lies in it",
        )
        this.jobs.push(command)
        return
      }
      case "Read": {
        const { begin, length, piece, torrent } = command
        claim(Bitfield.get(this.verified.get(torrent)!, piece), "only what is verified is read")
        claim(length > 0 && begin + length <= Geometry.pieceLength(geometry, piece), "and lies in its piece")
        this.jobs.push(command)
        return
      }
      case "Hash":
      case "HashBlocks": {
        const isBusy = this.jobs.some((job) =>
          (job._tag === "Write" || job._tag === "Hash") && job.torrent === command.torrent &&
          job.piece === command.piece
        )
        claim(!isBusy, "a piece is hashed when nothing changes it")
        this.jobs.push(command)
        return
      }
      case "Announce":
      case "LookUp":
        this.jobs.push(command)
        return
      case "PauseReads":
      case "ResumeReads":
        claim(this.conns.has(command.conn), "who is paused is there")
    }
  }

  /** What the client says to a peer. */
  #heard(id: ConnId, conn: Conn, items: ReadonlyArray<Message.Item>): void {
    for (const item of items) {
      const verified = this.verified.get(this.#torrentOf.get(id) ?? 0)
      switch (item._tag) {
        case "Handshake":
          conn.hasGreeted = true
          for (const [number, { infoHashBytes }] of METAINFOS) {
            if (Bytes.equals(infoHashBytes, item.infoHash)) this.#torrentOf.set(id, number)
          }
          break
        case "Violation":
          claim(false, `what we say keeps the protocol: ${item.reason}`)
          break
        case "Have":
          claim(Bitfield.get(verified!, item.piece), "only verified pieces are told of")
          break
        case "Bitfield":
          for (let piece = 0; piece < geometry.pieceCount; piece++) {
            const isTold = (item.bits[piece >> 3]! & (128 >> (piece & 7))) !== 0
            claim(!isTold || Bitfield.get(verified!, piece), "only verified pieces are told of")
          }
          break
        case "HaveAll":
          claim(Bitfield.isFull(verified!), "all are told of when there are all")
          break
        case "Request":
          claim(
            Geometry.blockIndex(geometry, item.piece, item.begin, item.length) !== undefined,
            "blocks are asked for",
          )
          conn.asked.push(item)
          break
        case "Fragment": {
          const from = item.piece * PIECE_BYTES + item.begin + item.offset
          claim(
            Bytes.equals(item.bytes, content.subarray(from, from + item.bytes.length)),
            "what is sent is right",
          )
        }
      }
    }
  }

  #open(id: ConnId, isOpen: boolean): void {
    const decoder = Decoder.make({ maxMessageBytes: 1_000_000 })
    this.conns.set(id, { isOpen, decoder, asked: [], hasGreeted: false })
  }

  #close(id: ConnId): void {
    this.conns.delete(id)
    const at = this.dialling.indexOf(id)
    if (at >= 0) this.dialling.splice(at, 1)
  }

  /** Nothing that strangers fill grows beyond its limit. */
  #tables(): void {
    let connections = 0
    for (const torrent of Client.torrents(this.client).values()) {
      connections += torrent.peers.size
      claim(torrent.peers.size <= torrent.maxPeers + 1, "peers have places")
      claim(Candidates.size(torrent.candidates) <= Candidates.MAX_CANDIDATES, "addresses have an end")
      for (const peer of torrent.peers.values()) {
        claim(peer.asked.size <= Limits.MAX_ASKED, "requests of a peer have an end")
        claim(peer.requests.size <= Limits.MAX_PIPELINE, "requests to a peer have an end")
        claim(peer.forgotten.size <= Limits.MAX_FORGOTTEN_BLOCKS, "what is forgotten has an end")
        claim(peer.decoder.body.length <= Limits.MAX_MESSAGE_BYTES + 1_024, "half a message has an end")
      }
    }
    for (const fetching of Client.fetchings(this.client).values()) connections += fetching.contacts.size
    claim(connections <= this.conns.size, "connections are those that there are")
  }

  accept(host: string, port: number): ConnId {
    const conn = --this.#lastAccepted
    this.#open(conn, true)
    this.input({ _tag: "ConnAccepted", now: this.now, conn, address: { host, port } })
    return conn
  }

  read(conn: ConnId, bytes: Bytes.Bytes): void {
    if (this.conns.get(conn)?.isOpen !== true || bytes.length === 0) return
    this.input({ _tag: "ConnRead", now: this.now, conn, bytes: bytes.slice() })
  }

  dialled(conn: ConnId, succeeds: boolean): void {
    this.dialling.splice(this.dialling.indexOf(conn), 1)
    if (succeeds) this.conns.get(conn)!.isOpen = true
    else this.conns.delete(conn)
    this.input(
      succeeds
        ? { _tag: "ConnOpened", now: this.now, conn }
        : { _tag: "ConnFailed", now: this.now, conn, reason: "refused" },
    )
  }

  hangUp(conn: ConnId): void {
    if (this.conns.get(conn)?.isOpen !== true) return
    this.#close(conn)
    this.input({ _tag: "ConnClosed", now: this.now, conn, reason: undefined })
  }

  /** Time goes on, by the ticks that the client asks for; a wake-up that changes nothing about the next one is a loop. */
  wait(ms: number): void {
    const until = this.now + ms
    let inPlace = 0
    for (let wake = Client.nextWake(this.client); wake <= until; wake = Client.nextWake(this.client)) {
      inPlace = wake <= this.now ? inPlace + 1 : 0
      claim(inPlace < 100, "time goes on")
      this.now = Math.max(this.now, wake)
      this.input({ _tag: "Tick", now: this.now })
    }
    this.now = until
  }

  /** What a block holds. */
  block({ begin, length, piece }: Message.Request): Bytes.Bytes {
    const from = piece * PIECE_BYTES + begin
    return content.slice(from, from + length)
  }

  /** Carries out a job; `fails`: says that it can't be done. */
  finish(at: number, fails: boolean): void {
    const [job] = this.jobs.splice(at, 1)
    if (job === undefined) return
    const { now } = this
    const { torrent } = job
    const failed = { now, torrent, reason: "io", message: "the disk is broken" } as const
    const disk = this.disks.get(torrent)!
    switch (job._tag) {
      case "Write": {
        if (fails) return this.#fail(torrent, { ...failed, _tag: "StorageFailed" })
        const { begin, bytes, piece } = job
        disk.set(bytes, piece * PIECE_BYTES + begin)
        this.input({ _tag: "Written", now, torrent, piece, bytes: bytes.length })
        return
      }
      case "Hash": {
        if (fails) return this.#fail(torrent, { ...failed, _tag: "StorageFailed" })
        const digest = sha1(this.#stored(torrent, job.piece))
        this.input({ _tag: "PieceHashed", now, torrent, piece: job.piece, digest })
        return
      }
      case "HashBlocks": {
        if (fails) return this.#fail(torrent, { ...failed, _tag: "StorageFailed" })
        const stored = this.#stored(torrent, job.piece)
        const digests: Array<Bytes.Bytes> = []
        for (let from = 0; from < stored.length; from += Geometry.BLOCK_BYTES) {
          digests.push(sha1(stored.subarray(from, from + Geometry.BLOCK_BYTES)))
        }
        this.input({ _tag: "BlocksHashed", now, torrent, piece: job.piece, digests: Bytes.concat(digests) })
        return
      }
      case "Read": {
        const { begin, conn, length, piece } = job
        if (fails) return this.#fail(torrent, { ...failed, _tag: "ReadFailed", conn, piece, begin })
        const from = piece * PIECE_BYTES + begin
        this.input({
          _tag: "BlockRead",
          now,
          torrent,
          conn,
          piece,
          begin,
          bytes: disk.slice(from, from + length),
        })
        return
      }
      case "Announce": {
        const { tracker } = job
        if (fails) {
          const failure = Announce.failure("Timeout", "no answer")
          this.input({ _tag: "AnnounceFailed", now, torrent, tracker, failure })
          return
        }
        const peers = Array.from({ length: 3 }, (_, i) => ({ host: `80.2.0.${i}`, port: 5_000 + i }))
        this.input({ _tag: "Announced", now, torrent, tracker, response: { intervalMs: 60_000, peers } })
        return
      }
      case "LookUp":
        this.input({ _tag: "LookedUp", now, torrent, answers: fails ? 0 : 8 })
    }
  }

  #fail(torrent: TorrentId, input: Input): void {
    this.ended.add(torrent)
    this.input(input)
  }

  #stored(torrent: TorrentId, piece: Geometry.PieceIndex): Bytes.Bytes {
    const offset = Geometry.pieceOffset(geometry, piece)
    return this.disks.get(torrent)!.subarray(offset, offset + Geometry.pieceLength(geometry, piece))
  }

  stop(torrent: TorrentId): void {
    this.ended.add(torrent)
    this.input({ _tag: "Stop", now: this.now, torrent })
    const left = Client.torrents(this.client).get(torrent)?.peers ??
      Client.fetchings(this.client).get(torrent)?.contacts
    claim((left?.size ?? 0) === 0, "who is stopped has no connections")
  }
}
