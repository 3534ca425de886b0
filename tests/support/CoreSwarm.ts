/**
 * One client against scripted peers on virtual time, without sockets, files or Effect: commands are carried out in
 * memory, and everything that the client is told is kept as a journal that can be played again.
 */
import type * as Address from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Digest from "../../core/base/Digest.ts"
import * as Rng from "../../core/base/Rng.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import * as Client from "../../core/client/Client.ts"
import type { Command } from "../../core/client/Command.ts"
import type { ConnId, Input } from "../../core/client/Input.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import type { InfoHash, Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import type { Event } from "../../core/torrent/Event.ts"
import type { Strategy } from "../../core/torrent/Picker.ts"
import * as State from "../../core/torrent/State.ts"
import type { Torrent } from "../../core/torrent/Torrent.ts"
import * as Decoder from "../../core/wire/Decoder.ts"
import * as Encoder from "../../core/wire/Encoder.ts"
import * as Extended from "../../core/wire/Extended.ts"
import type * as Message from "../../core/wire/Message.ts"

/** The content of every torrent here: a pure function of the offset. */
export const contentAt = (offset: number, bytes: number): Uint8Array => {
  const content = new Uint8Array(bytes)
  for (let i = 0; i < bytes; i++) content[i] = ((offset + i) * 2_654_435_761) >>> 13
  return content
}

/** A torrent over that content, as if it had been parsed. */
export const torrentOf = (pieceBytes: number, fileBytes: ReadonlyArray<number>): Metainfo => {
  const geometry = Geometry.make(pieceBytes, fileBytes)
  const pieceHashes = new Uint8Array(geometry.pieceCount * 20)
  for (const piece of Geometry.pieces(geometry)) {
    const content = contentAt(Geometry.pieceOffset(geometry, piece), Geometry.pieceLength(geometry, piece))
    pieceHashes.set(sha1(content), piece * 20)
  }
  const infoHashBytes = sha1(pieceHashes)
  return Object.freeze({
    infoHash: Bytes.toHex(infoHashBytes) as InfoHash,
    infoHashBytes,
    infoBytes: Bytes.empty,
    name: "torrent",
    files: fileBytes.map((bytes, index) => ({ path: `file${index}`, bytes, isPadding: false })),
    geometry,
    pieceHashes,
    isPrivate: false,
    trackers: [],
    webSeeds: [],
    warnings: [],
  }) as unknown as Metainfo
}

export interface PeerScript {
  /** Pieces it announces; absent: all of them. */
  readonly pieces?: ReadonlyArray<number>
  readonly supportsFast?: boolean
  readonly reqq?: number
  /** `false`: chokes for ever. */
  readonly unchokes?: boolean
  /** Never answers the dial; or answers it, and then nothing. */
  readonly silence?: "dial" | "handshake" | "requests"
  /** Spoils the content of these pieces, or of all. */
  readonly spoils?: ReadonlyArray<number> | "all"
  readonly rejectsAll?: boolean
  /** One-way latency. */
  readonly latencyMs?: number
  /** Thinks for so long before it answers a read. */
  readonly ponderMs?: number
  /** Said instead of a bitfield and unchoke, after the handshake; what it returns follows as it is. */
  readonly says?: (encoder: Encoder.Encoder) => Uint8Array | void
}

interface Peer {
  readonly script: PeerScript
  readonly decoder: Decoder.Decoder
  readonly requests: Array<{ readonly piece: number; readonly begin: number; readonly length: number }>
  readonly cancelled: Array<string>
  /** Sent and not yet read by the client. */
  readonly unread: Array<Uint8Array>
  isPaused: boolean
  isClosed: boolean
}

/** What one read brings at most. */
const READ_BYTES = 65_536

export interface Options {
  readonly metainfo: Metainfo
  readonly peers: ReadonlyArray<PeerScript>
  readonly seed?: number
  readonly strategy?: Strategy
  readonly selection?: ReadonlySet<number>
  readonly have?: Bitfield.Bitfield
  /** Cuts every delivery into random parts. */
  readonly chunkSeed?: number
  /** Ticks that nobody asked for, between any two inputs. */
  readonly spuriousTicks?: boolean
}

export class CoreSwarm {
  readonly journal: Array<Input> = []
  readonly commands: Array<Command> = []
  readonly events: Array<Event> = []
  readonly peers = new Map<ConnId, Peer>()
  readonly disk: Uint8Array
  client: Client.Client
  now = 0
  readonly metainfo: Metainfo
  readonly #options: Options
  readonly #queue: Array<{ readonly at: number; readonly run: () => void }> = []
  readonly #chunks: Rng.Rng | undefined

  constructor(options: Options) {
    this.#options = options
    this.metainfo = options.metainfo
    this.disk = new Uint8Array(options.metainfo.geometry.totalBytes)
    this.#chunks = options.chunkSeed === undefined ? undefined : Rng.make(options.chunkSeed)
    this.client = makeClient()
    this.input({
      _tag: "Add",
      now: 0,
      torrent: 1,
      metainfo: options.metainfo,
      options: {
        ...State.defaults,
        have: options.have ?? Bitfield.make(options.metainfo.geometry.pieceCount),
        strategy: options.strategy ?? "rarest",
        seed: options.seed ?? 1,
        ...(options.selection === undefined ? {} : { selection: options.selection }),
      },
    })
    this.input({
      _tag: "PeersFound",
      now: 0,
      torrent: 1,
      source: "user",
      addresses: options.peers.map((_, index) => addressOf(index)),
    })
  }

  /** Everything on the disk is as the torrent says. */
  get isIntact(): boolean {
    return Bytes.equals(this.disk, contentAt(0, this.disk.length))
  }

  /** The torrent, to be looked at. */
  get torrent(): Torrent {
    return Client.torrents(this.client).get(1)!
  }

  get isComplete(): boolean {
    return this.events.some((event) => event._tag === "Completed")
  }

  eventsOf<Tag extends Event["_tag"]>(tag: Tag): ReadonlyArray<Extract<Event, { readonly _tag: Tag }>> {
    return this.events.filter((event): event is Extract<Event, { readonly _tag: Tag }> => event._tag === tag)
  }

  /** Tells the client something and carries out what it asks for. */
  input(input: Input): void {
    this.journal.push(input)
    const [client, commands] = Client.step(this.client, input)
    this.client = client
    for (const command of commands) {
      this.commands.push(command)
      this.#execute(command)
    }
  }

  /** Lets virtual time pass until the torrent is complete or `untilMs` is reached. */
  run(untilMs: number): this {
    while (!this.isComplete && this.now <= untilMs) {
      const wake = Client.nextWake(this.client)
      const next = this.#queue[0]
      const at = Math.min(next?.at ?? Infinity, wake)
      if (at > untilMs) break
      this.now = Math.max(this.now, at)
      if (this.#options.spuriousTicks === true) this.#spuriousTick()
      if (next !== undefined && next.at <= wake) {
        this.#queue.shift()
        next.run()
      } else {
        this.input({ _tag: "Tick", now: this.now })
      }
    }
    return this
  }

  /** A tick before `nextWake` that must change nothing and ask for nothing; it is not part of the journal. */
  #spuriousTick(): void {
    if (this.now >= Client.nextWake(this.client)) return
    const before = Digest.digest(this.torrent)
    const [client, commands] = Client.step(this.client, { _tag: "Tick", now: this.now })
    this.client = client
    if (commands.length > 0) {
      throw new Error(`a spurious tick asked for ${commands.map((one) => one._tag).join()}`)
    }
    if (Digest.digest(this.torrent) !== before) throw new Error("a spurious tick changed the torrent")
  }

  #after(delayMs: number, run: () => void): void {
    const at = this.now + delayMs
    let index = this.#queue.length
    while (index > 0 && this.#queue[index - 1]!.at > at) index--
    this.#queue.splice(index, 0, { at, run })
  }

  #execute(command: Command): void {
    switch (command._tag) {
      case "Emit":
        this.events.push(command.event)
        return
      case "Dial":
        return this.#dial(command.conn, command.address)
      case "Close": {
        const peer = this.peers.get(command.conn)
        if (peer !== undefined) peer.isClosed = true
        return
      }
      case "Send":
        return this.#after(
          this.#latency(command.conn),
          () => this.#hear(command.conn, Bytes.concat(command.chunks)),
        )
      case "Write": {
        const { piece, begin, bytes } = command
        this.disk.set(bytes, Geometry.pieceOffset(this.metainfo.geometry, piece) + begin)
        return this.#after(
          1,
          () => this.input({ _tag: "Written", now: this.now, torrent: 1, piece, bytes: bytes.length }),
        )
      }
      case "Hash": {
        const { geometry } = this.metainfo
        const offset = Geometry.pieceOffset(geometry, command.piece)
        const digest = sha1(
          this.disk.subarray(offset, offset + Geometry.pieceLength(geometry, command.piece)),
        )
        return this.#after(
          2,
          () => this.input({ _tag: "PieceHashed", now: this.now, torrent: 1, piece: command.piece, digest }),
        )
      }
      case "HashBlocks": {
        const { piece } = command
        const digests = blockDigests(this.metainfo, this.disk, piece)
        return this.#after(
          3,
          () => this.input({ _tag: "BlocksHashed", now: this.now, torrent: 1, piece, digests }),
        )
      }
      case "PauseReads":
      case "ResumeReads": {
        this.peers.get(command.conn)!.isPaused = command._tag === "PauseReads"
        return this.#after(0, () => this.#read(command.conn))
      }
      case "Announce": {
        const response = { intervalMs: 1_800_000, peers: [] }
        return this.#after(
          10,
          () =>
            this.input({ _tag: "Announced", now: this.now, torrent: 1, tracker: command.tracker, response }),
        )
      }
    }
  }

  #latency(conn: ConnId): number {
    return this.peers.get(conn)?.script.latencyMs ?? 5
  }

  #dial(conn: ConnId, address: Address.Address): void {
    const script = this.#options.peers[address.port - 1]
    if (script === undefined) {
      return this.#after(5, () => this.input({ _tag: "ConnFailed", now: this.now, conn, reason: "refused" }))
    }
    const peer: Peer = {
      script,
      decoder: Decoder.make({ maxMessageBytes: 1_000_000 }),
      requests: [],
      cancelled: [],
      unread: [],
      isPaused: false,
      isClosed: false,
    }
    this.peers.set(conn, peer)
    if (script.silence === "dial") return
    this.#after(this.#latency(conn), () => {
      if (!peer.isClosed) this.input({ _tag: "ConnOpened", now: this.now, conn })
    })
  }

  /** The peer reads what the client sent. */
  #hear(conn: ConnId, bytes: Uint8Array): void {
    const peer = this.peers.get(conn)!
    if (peer.isClosed) return
    const reply = Encoder.make()
    const parts: Array<Uint8Array> = []
    for (const item of Decoder.decode(peer.decoder, bytes)) this.#answer(conn, peer, item, reply, parts)
    if (!Encoder.isEmpty(reply)) parts.push(Encoder.take(reply))
    const ponderMs = peer.requests.length > 0 ? peer.script.ponderMs ?? 0 : 0
    if (parts.length > 0) this.#after(ponderMs, () => this.say(conn, Bytes.concat(parts)))
  }

  #answer(
    conn: ConnId,
    peer: Peer,
    item: Message.Item,
    reply: Encoder.Encoder,
    parts: Array<Uint8Array>,
  ): void {
    const { script } = peer
    switch (item._tag) {
      case "Handshake": {
        if (script.silence === "handshake") return
        const fast = script.supportsFast ?? false
        const peerId = Bytes.latin1(`-XX0000-${String(conn).padStart(12, "0")}`)
        Encoder.handshake(reply, {
          infoHash: item.infoHash,
          peerId,
          features: { fast, extended: script.reqq !== undefined, dht: false },
        })
        if (script.reqq !== undefined) {
          const hello = Extended.encodeHandshake({ messages: new Map(), reqq: script.reqq })
          Encoder.extended(reply, Extended.HANDSHAKE_ID, hello)
        }
        if (script.says !== undefined) {
          const raw = script.says(reply) ?? Bytes.empty
          parts.push(Encoder.take(reply), raw)
          return
        }
        this.#introduce(script, fast, reply)
        if (script.unchokes !== false) Encoder.unchoke(reply)
        return
      }
      case "Request":
        peer.requests.push(item)
        if (script.silence === "requests") return
        if (script.rejectsAll === true) return Encoder.reject(reply, item.piece, item.begin, item.length)
        Encoder.pieceHeader(reply, item.piece, item.begin, item.length)
        parts.push(Encoder.take(reply), this.#block(script, item))
        return
      case "Cancel":
        peer.cancelled.push(`${item.piece}:${item.begin}`)
        return
      case "Violation":
        throw new Error(`the client broke the protocol: ${item.reason} (${item.section})`)
    }
  }

  #introduce(script: PeerScript, fast: boolean, reply: Encoder.Encoder): void {
    const { pieceCount } = this.metainfo.geometry
    if (script.pieces === undefined && fast) return Encoder.haveAll(reply)
    const bits = script.pieces === undefined ? Bitfield.full(pieceCount) : Bitfield.make(pieceCount)
    for (const piece of script.pieces ?? []) Bitfield.set(bits, piece)
    Encoder.bitfield(reply, bits.bytes)
  }

  #block(script: PeerScript, { piece, begin, length }: Message.Request): Uint8Array {
    const content = contentAt(piece * this.metainfo.geometry.pieceBytes + begin, length)
    const { spoils } = script
    if (spoils === "all" || spoils?.includes(piece) === true) content[0]! ^= 0xff
    return content
  }

  /** The peer sends bytes, which arrive in reads of the usual size or, if the swarm is chunked, of any. */
  say(conn: ConnId, bytes: Uint8Array): void {
    this.#after(this.#latency(conn), () => {
      for (let at = 0; at < bytes.length;) {
        const size = this.#chunks === undefined ? READ_BYTES : 1 + Rng.below(this.#chunks, 40_000)
        const part = bytes.subarray(at, at + size)
        at += part.length
        this.peers.get(conn)!.unread.push(part)
      }
      this.#read(conn)
    })
  }

  #read(conn: ConnId): void {
    const peer = this.peers.get(conn)!
    while (!peer.isPaused && !peer.isClosed) {
      const bytes = peer.unread.shift()
      if (bytes === undefined) return
      this.input({ _tag: "ConnRead", now: this.now, conn, bytes })
    }
  }
}

/** SHA-1 of each block of a piece, as it stands on a disk. */
export const blockDigests = (
  { geometry }: Metainfo,
  disk: Uint8Array,
  piece: Geometry.PieceIndex,
): Uint8Array => {
  const start = Geometry.pieceOffset(geometry, piece)
  const end = start + Geometry.pieceLength(geometry, piece)
  const digests: Array<Uint8Array> = []
  for (let at = start; at < end; at += Geometry.BLOCK_BYTES) {
    digests.push(sha1(disk.subarray(at, Math.min(end, at + Geometry.BLOCK_BYTES))))
  }
  return Bytes.concat(digests)
}

/** A client as every swarm begins with. */
export const makeClient = (): Client.Client =>
  Client.make({
    peerId: Bytes.latin1("-SH0100-000000000000"),
    port: 6881,
    key: 1,
    clientName: "test",
  }, 0)

/** The nth scripted peer; each is a host of its own. */
export const addressOf = (index: number): Address.Address => ({
  host: `10.0.0.${index + 1}`,
  port: index + 1,
})
