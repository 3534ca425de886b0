/** A client that has a torrent, and peers that a test speaks for, message by message. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Client from "../../../core/client/Client.ts"
import type { Command } from "../../../core/client/Command.ts"
import type { ConnId, Input } from "../../../core/client/Input.ts"
import type { Metainfo } from "../../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import type { Event } from "../../../core/torrent/Event.ts"
import type { Peer } from "../../../core/torrent/Peer.ts"
import * as State from "../../../core/torrent/State.ts"
import type { Torrent } from "../../../core/torrent/Torrent.ts"
import type { AnnounceRequest } from "../../../core/tracker/Announce.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import type * as Message from "../../../core/wire/Message.ts"
import { contentAt, makeClient } from "../../support/CoreSwarm.ts"

type Read = Extract<Command, { readonly _tag: "Read" }>

export class UploadScene {
  client = makeClient()
  now = 0
  readonly metainfo: Metainfo
  /** Reads that the disk has not answered, oldest first. */
  readonly reads: Array<Read> = []
  readonly events: Array<Event> = []
  /** Messages sent to each peer and not looked at yet, in the notation of {@link heard}. */
  readonly #heard = new Map<ConnId, Array<string>>()
  readonly #decoders = new Map<ConnId, Decoder.Decoder>()
  readonly closed = new Set<ConnId>()
  readonly announces: Array<AnnounceRequest> = []
  /** Writes to any of the peers. */
  writes = 0
  #conns = 0

  constructor(metainfo: Metainfo, options: Partial<State.Options> = {}) {
    this.metainfo = metainfo
    const have = Bitfield.full(metainfo.geometry.pieceCount)
    this.input({
      _tag: "Add",
      now: 0,
      torrent: 1,
      metainfo,
      options: { ...State.defaults, have, seed: 1, ...options },
    })
  }

  get torrent(): Torrent {
    return Client.torrents(this.client).get(1)!
  }

  peer(conn: ConnId): Peer {
    return this.torrent.peers.get(conn)!
  }

  input(input: Input): void {
    const [client, commands] = Client.step(this.client, input)
    this.client = client
    for (const command of commands) {
      if (command._tag === "Read") this.reads.push(command)
      else if (command._tag === "Emit") this.events.push(command.event)
      else if (command._tag === "Announce") this.announces.push(command.request)
      else if (command._tag === "Close") this.closed.add(command.conn)
      else if (command._tag === "Send") {
        this.writes++
        this.#hear(command.conn, Bytes.concat(command.chunks))
      }
    }
  }

  /** A peer connects, says its handshake and, with the fast extension, that it has nothing. */
  join(supportsFast: boolean, host?: string): ConnId {
    const conn = -++this.#conns
    this.#heard.set(conn, [])
    this.#decoders.set(conn, Decoder.make({ maxMessageBytes: 1_000_000 }))
    this.input({
      _tag: "ConnAccepted",
      now: this.now,
      conn,
      address: { host: host ?? `80.4.4.${this.#conns}`, port: 50_000 },
    })
    this.say(conn, (encoder) => {
      Encoder.handshake(encoder, {
        infoHash: this.metainfo.infoHashBytes,
        peerId: Bytes.latin1(`-XX0000-${String(this.#conns).padStart(12, "0")}`),
        features: { fast: supportsFast, extended: false, dht: false },
      })
      if (supportsFast) Encoder.haveNone(encoder)
    })
    return conn
  }

  say(conn: ConnId, write: (encoder: Encoder.Encoder) => void): void {
    const encoder = Encoder.make()
    write(encoder)
    this.input({ _tag: "ConnRead", now: this.now, conn, bytes: Encoder.take(encoder) })
  }

  /** The disk answers the oldest `count` reads. */
  answer(count = Infinity): void {
    for (const { conn, piece, begin, length } of this.reads.splice(0, Math.min(count, this.reads.length))) {
      const bytes = contentAt(piece * this.metainfo.geometry.pieceBytes + begin, length)
      this.input({ _tag: "BlockRead", now: this.now, torrent: 1, conn, piece, begin, bytes })
    }
  }

  /** The disk answers all reads at once. */
  answerTogether(): void {
    const blocks = this.reads.splice(0).map(({ conn, piece, begin, length }) => {
      const bytes = contentAt(piece * this.metainfo.geometry.pieceBytes + begin, length)
      return { conn, piece, begin, bytes }
    })
    this.input({ _tag: "BlocksRead", now: this.now, torrent: 1, blocks })
  }

  /** Time passes, with the ticks that are asked for. */
  wait(ms: number): void {
    const until = this.now + ms
    for (let wake = Client.nextWake(this.client); wake <= until; wake = Client.nextWake(this.client)) {
      this.now = Math.max(this.now, wake)
      this.input({ _tag: "Tick", now: this.now })
    }
    this.now = until
  }

  /** What the peer was told since the last call, as "Piece 0:16384", without the introduction. */
  heard(conn: ConnId): ReadonlyArray<string> {
    return this.#heard.get(conn)!.splice(0)
  }

  #hear(conn: ConnId, bytes: Uint8Array): void {
    for (const item of Decoder.decode(this.#decoders.get(conn)!, bytes)) {
      const text = this.#inWords(item)
      if (text !== undefined) this.#heard.get(conn)!.push(text)
    }
  }

  #inWords(item: Message.Item): string | undefined {
    switch (item._tag) {
      case "Handshake":
      case "HaveAll":
      case "Bitfield":
      case "Extended":
      case "KeepAlive":
        return undefined
      case "Fragment": {
        const content = contentAt(item.piece * this.metainfo.geometry.pieceBytes + item.begin, item.length)
        const isRight = Bytes.equals(
          content.subarray(item.offset, item.offset + item.bytes.length),
          item.bytes,
        )
        if (!isRight) throw new Error("the block's content is wrong")
        return `Piece ${item.piece}:${item.begin}`
      }
      case "Reject":
        return `Reject ${item.piece}:${item.begin}`
      case "AllowedFast":
        return `AllowedFast ${item.piece}`
      default:
        return item._tag
    }
  }
}
