/**
 * A client that fetches metadata from scripted peers, on virtual time. Each peer has an address, answers after a latency
 * of its own, and is honest or goes wrong in one way.
 */
import type { Address } from "../../../../core/base/Address.ts"
import * as AddressOf from "../../../../core/base/Address.ts"
import * as Bytes from "../../../../core/base/Bytes.ts"
import * as Deadlines from "../../../../core/base/Deadlines.ts"
import { sha1 } from "../../../../core/base/Sha1.ts"
import * as Client from "../../../../core/client/Client.ts"
import type { Command } from "../../../../core/client/Command.ts"
import type { ConnId, Input } from "../../../../core/client/Input.ts"
import type { Event } from "../../../../core/torrent/Event.ts"
import type * as Fetching from "../../../../core/torrent/metadata/Fetching.ts"
import type { AnnounceRequest } from "../../../../core/tracker/Announce.ts"
import * as Decoder from "../../../../core/wire/Decoder.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import * as Extended from "../../../../core/wire/Extended.ts"
import * as Metadata from "../../../../core/wire/ExtendedMetadata.ts"
import type * as Message from "../../../../core/wire/Message.ts"

export type Kind =
  | "honest"
  /** One byte of each part is wrong. */
  | "liar"
  /** Only the part with this peer's index is wrong. */
  | "half-liar"
  | "rejecting"
  | "silent"
  /** Says 3 GiB, and 4 GiB, which is no number that a handshake may hold. */
  | "huge"
  | "beyond"
  /** Half or twice the size, of bytes that fit it. */
  | "shorter"
  | "longer"
  /** Goes after its first part, and comes back. */
  | "leaving"
  /** Has no metadata, and no extension protocol. */
  | "empty"
  | "plain"
  /** Sends parts of a wrong length. */
  | "misfit"
  /** Does not take connections. */
  | "closed"

export interface Script {
  readonly kind: Kind
  readonly latencyMs?: number
  readonly host?: string
  /** What it says after its handshake besides. */
  readonly says?: ReadonlyArray<(encoder: Encoder.Encoder) => void>
  /** Connects to us instead of being dialled. */
  readonly isIncoming?: boolean
}

interface Peer {
  readonly script: Script
  readonly index: number
  readonly address: Address
  readonly dials: Array<number>
  /** Parts that it was asked for. */
  readonly asked: Array<number>
  readonly refused: Array<number>
}

interface Link {
  readonly peer: Peer
  readonly decoder: Decoder.Decoder
  readonly heard: Array<Message.Item>
  metadataId: number
  given: number
}

const OUR_ID = Bytes.latin1("-SH0100-mmmmmmmmmmmm")
export const TRACKER = "http://tracker.test/announce"

export const addressOf = (index: number): Address => ({
  host: `80.0.${index >> 8}.${index & 255}`,
  port: 6881,
})

export class Scene {
  client: Client.Client
  now = 0
  readonly info: Bytes.Bytes
  readonly commands: Array<Command> = []
  readonly journal: Array<Input> = []
  readonly events: Array<Event> = []
  readonly announces: Array<AnnounceRequest> = []
  readonly peers: ReadonlyArray<Peer>
  readonly links = new Map<ConnId, Link>()
  readonly #due = Deadlines.make()
  readonly #actions = new Map<number, () => void>()
  #lastAction = 0
  #lastAccepted = 0

  constructor(
    info: Bytes.Bytes,
    scripts: ReadonlyArray<Script>,
    options: Partial<Fetching.Options> & { readonly isTracked?: boolean; readonly isNamed?: boolean } = {},
  ) {
    const { isNamed = true, isTracked = false, ...own } = options
    this.info = info
    this.peers = scripts.map((script, index) => ({
      script,
      index,
      address: {
        ...addressOf(index + 1),
        ...(script.host === undefined ? {} : { host: script.host, port: 7_000 + index }),
      },
      dials: [],
      asked: [],
      refused: [],
    }))
    this.client = Client.make({ peerId: OUR_ID, port: 6881, key: 1, clientName: "test" }, 0)
    this.input({
      _tag: "AddMagnet",
      now: 0,
      torrent: 1,
      infoHash: sha1(info),
      options: {
        trackers: isTracked ? [[TRACKER]] : [],
        announceToAllTiers: false,
        maxPeers: 50,
        seed: 1,
        maxBytes: 1024 * 1024,
        ...own,
      },
    })
    const named = this.peers.filter(({ script }) => script.isIncoming !== true).map(({ address }) => address)
    if (isNamed && !isTracked && named.length > 0) {
      this.input({ _tag: "PeersFound", now: 0, torrent: 1, source: "user", addresses: named })
    }
    for (const peer of this.peers) if (peer.script.isIncoming === true) this.#come(peer)
  }

  get fetching(): Fetching.Fetching {
    return Client.fetchings(this.client).get(1)!
  }

  /** The metadata, once it is there. */
  get found(): Bytes.Bytes | undefined {
    return this.events.flatMap((event) => event._tag === "MetadataComplete" ? [event.infoBytes] : [])[0]
  }

  /** It is there, byte for byte. */
  get isRight(): boolean {
    return this.found !== undefined && Bytes.equals(this.found, this.info)
  }

  get banned(): ReadonlyArray<string> {
    return this.events.flatMap((event) =>
      event._tag === "PeerBanned" ? [AddressOf.format(event.address)] : []
    )
  }

  get farewells(): ReadonlyArray<string> {
    return this.events.flatMap((event) => event._tag === "PeerDisconnected" ? [event.reason] : [])
  }

  /** Plays until the metadata is there, or for so long. */
  run(forMs = 60 * 60_000): this {
    const end = this.now + forMs
    while (this.found === undefined && this.advance(end)) { /* one thing after the other */ }
    return this
  }

  /** The next thing that happens until `end`; false: nothing more does. */
  advance(end: number): boolean {
    const at = Math.min(Deadlines.next(this.#due), Client.nextWake(this.client))
    if (at > end) {
      this.now = end
      return false
    }
    this.now = Math.max(this.now, at)
    const id = Deadlines.popDue(this.#due, this.now)
    if (id === undefined) this.input({ _tag: "Tick", now: this.now })
    else {
      const action = this.#actions.get(id)!
      this.#actions.delete(id)
      action()
    }
    return true
  }

  input(input: Input): void {
    this.journal.push(input)
    const [next, commands] = Client.step(this.client, input)
    this.client = next
    this.commands.push(...commands)
    for (const command of commands) this.#execute(command)
  }

  #after(delayMs: number, action: () => void): void {
    const id = ++this.#lastAction
    this.#actions.set(id, action)
    Deadlines.set(this.#due, id, this.now + delayMs)
  }

  #execute(command: Command): void {
    switch (command._tag) {
      case "Emit":
        this.events.push(command.event)
        return
      case "Dial": {
        const peer = this.peers.find(({ address }) => AddressOf.equals(address, command.address))
        const { conn } = command
        peer?.dials.push(this.now)
        this.#after(peer?.script.latencyMs ?? 10, () => {
          if (peer === undefined || peer.script.kind === "closed") {
            return this.input({ _tag: "ConnFailed", now: this.now, conn, reason: "connection refused" })
          }
          this.links.set(conn, link(peer))
          this.input({ _tag: "ConnOpened", now: this.now, conn })
        })
        return
      }
      case "Close":
        this.links.delete(command.conn)
        return
      case "Send":
        return this.#hear(command.conn, Bytes.concat(command.chunks))
      case "Announce":
        this.announces.push(command.request)
        this.#after(20, () =>
          this.input({
            _tag: "Announced",
            now: this.now,
            torrent: 1,
            tracker: command.tracker,
            response: { intervalMs: 1_800_000, peers: this.peers.map(({ address }) => address) },
          }))
        return
      default:
    }
  }

  #come(peer: Peer): void {
    const conn = --this.#lastAccepted
    this.links.set(conn, link(peer))
    this.#after(peer.script.latencyMs ?? 10, () => {
      this.input({ _tag: "ConnAccepted", now: this.now, conn, address: { ...peer.address, port: 50_000 } })
      this.#say(conn, (encoder) => this.#greet(peer, encoder))
    })
  }

  #say(conn: ConnId, write: (encoder: Encoder.Encoder) => void): void {
    const encoder = Encoder.make()
    write(encoder)
    const bytes = Encoder.take(encoder)
    if (bytes.length > 0 && this.links.has(conn)) this.input({ _tag: "ConnRead", now: this.now, conn, bytes })
  }

  #greet(peer: Peer, encoder: Encoder.Encoder): void {
    const { kind, says = [] } = peer.script
    Encoder.handshake(encoder, {
      infoHash: sha1(this.info),
      peerId: Bytes.latin1(`-XX0000-${String(peer.index).padStart(12, "0")}`),
      features: { fast: true, extended: kind !== "plain", dht: false },
    })
    if (kind !== "plain") {
      const size = sizeOf(kind, this.info.length)
      Encoder.extended(
        encoder,
        Extended.HANDSHAKE_ID,
        Extended.encodeHandshake({
          messages: new Map([["ut_metadata", 9]]),
          listenPort: peer.address.port,
          ...(size === undefined ? {} : { metadataSize: size }),
        }),
      )
    }
    for (const say of says) say(encoder)
  }

  #hear(conn: ConnId, bytes: Bytes.Bytes): void {
    const to = this.links.get(conn)
    if (to === undefined) return
    const { peer } = to
    for (const item of Decoder.decode(to.decoder, bytes)) {
      to.heard.push(item)
      if (item._tag === "Handshake" && peer.script.isIncoming !== true) {
        this.#after(
          peer.script.latencyMs ?? 10,
          () => this.#say(conn, (encoder) => this.#greet(peer, encoder)),
        )
      }
      if (item._tag !== "Extended") continue
      if (item.id === Extended.HANDSHAKE_ID) {
        const hello = Extended.decodeHandshake(item.payload)
        to.metadataId = (hello.ok ? hello.value.messages.get("ut_metadata") : undefined) ?? to.metadataId
        continue
      }
      const message = Metadata.decode(item.payload)
      if (!message.ok || item.id !== 9) continue
      if (message.value._tag === "Reject") peer.refused.push(message.value.part)
      if (message.value._tag === "Request") this.#answer(conn, to, message.value.part)
    }
  }

  #answer(conn: ConnId, to: Link, part: number): void {
    const { peer } = to
    const { kind, latencyMs = 10 } = peer.script
    peer.asked.push(part)
    if (kind === "silent") return
    this.#after(latencyMs, () => {
      if (this.links.get(conn) !== to) return
      const payload = kind === "rejecting" ? Metadata.reject(part) : this.#data(peer, part)
      this.#say(conn, (encoder) => Encoder.extended(encoder, to.metadataId, payload))
      if (kind !== "leaving" || ++to.given < 1) return
      this.links.delete(conn)
      this.input({ _tag: "ConnClosed", now: this.now, conn, reason: undefined })
    })
  }

  #data({ index, script: { kind } }: Peer, part: number): Bytes.Bytes {
    const size = sizeOf(kind, this.info.length)!
    const begin = part * Metadata.PART_BYTES
    const bytes = new Uint8Array(Metadata.partBytes(size, part))
    bytes.set(this.info.subarray(begin, begin + bytes.length))
    const isBad = kind === "liar" || (kind === "half-liar" && part === index % Metadata.partCount(size))
    if (isBad) bytes[0]! ^= 1 + index
    return Metadata.data(part, size, kind === "misfit" ? bytes.subarray(1) : bytes)
  }
}

const sizeOf = (kind: Kind, bytes: number): number | undefined => {
  switch (kind) {
    case "huge":
      return 3 * 2 ** 29
    case "beyond":
      return 2 ** 32
    case "shorter":
      return Math.ceil(bytes / 2)
    case "longer":
      return bytes * 2
    case "empty":
    case "plain":
      return undefined
    default:
      return bytes
  }
}

const link = (peer: Peer): Link => ({
  peer,
  decoder: Decoder.make({ maxMessageBytes: 1024 * 1024 }),
  heard: [],
  metadataId: 0,
  given: 0,
})

/** So many bytes that are nothing in particular. */
export const infoOf = (length: number): Bytes.Bytes => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7) & 255
  return bytes
}
