/** One client and the peers that come to it, byte by byte: what it is told is scripted, what it says is decoded. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Client from "../../../core/client/Client.ts"
import type { Command } from "../../../core/client/Command.ts"
import type { ConnId, Input, PeerSource } from "../../../core/client/Input.ts"
import type { Metainfo } from "../../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import type { Event } from "../../../core/torrent/Event.ts"
import * as State from "../../../core/torrent/State.ts"
import type { Torrent } from "../../../core/torrent/Torrent.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as Extended from "../../../core/wire/Extended.ts"
import type * as Message from "../../../core/wire/Message.ts"

export const OUR_ID = "-SH0100-mmmmmmmmmmmm"

type Say = (encoder: Encoder.Encoder) => void

export class Door {
  client: Client.Client
  now = 0
  readonly metainfo: Metainfo
  readonly journal: Array<Input> = []
  readonly commands: Array<Command> = []
  readonly heard = new Map<ConnId, Array<Message.Item>>()
  readonly #decoders = new Map<ConnId, Decoder.Decoder>()
  #lastAccepted = 0

  constructor(metainfo: Metainfo, options: Partial<State.Options> = {}, dhtPort?: number) {
    this.metainfo = metainfo
    this.client = makeClient(dhtPort)
    const have = options.have ?? Bitfield.make(metainfo.geometry.pieceCount)
    this.input({
      _tag: "Add",
      now: 0,
      torrent: 1,
      metainfo,
      options: { ...State.defaults, seed: 1, ...options, have },
    })
  }

  get torrent(): Torrent {
    return Client.torrents(this.client).get(1)!
  }

  get events(): ReadonlyArray<Event> {
    return this.commands.flatMap((command) => command._tag === "Emit" ? [command.event] : [])
  }

  /** Why peers that had been greeted were disconnected. */
  get farewells(): ReadonlyArray<string> {
    return this.events.flatMap((event) => event._tag === "PeerDisconnected" ? [event.reason] : [])
  }

  get dialled(): ReadonlyArray<string> {
    return this.commands.flatMap((command) =>
      command._tag === "Dial" ? [`${command.address.host}:${command.address.port}`] : []
    )
  }

  input(input: Input): ReadonlyArray<Command> {
    this.journal.push(input)
    const [client, commands] = Client.step(this.client, input)
    this.client = client
    this.commands.push(...commands)
    for (const command of commands) {
      if (command._tag !== "Send") continue
      const { conn } = command
      const decoder = this.#decoders.get(conn) ?? Decoder.make({ maxMessageBytes: 1_000_000 })
      this.#decoders.set(conn, decoder)
      const items = Decoder.decode(decoder, Bytes.concat(command.chunks))
      this.heard.set(conn, [...this.heard.get(conn) ?? [], ...items])
    }
    return commands
  }

  /** Lets virtual time pass, with the ticks that the client asks for. */
  wait(ms: number): this {
    const until = this.now + ms
    for (let wake = Client.nextWake(this.client); wake <= until; wake = Client.nextWake(this.client)) {
      this.now = Math.max(this.now, wake)
      this.input({ _tag: "Tick", now: this.now })
    }
    this.now = until
    return this
  }

  /** Somebody connects, from this host and any port. */
  accept(host: string, port = 50_000): ConnId {
    const conn = --this.#lastAccepted
    this.input({ _tag: "ConnAccepted", now: this.now, conn, address: { host, port } })
    return conn
  }

  read(conn: ConnId, bytes: Uint8Array): ReadonlyArray<Command> {
    return this.input({ _tag: "ConnRead", now: this.now, conn, bytes })
  }

  say(conn: ConnId, ...says: ReadonlyArray<Say>): ReadonlyArray<Command> {
    return this.read(conn, spoken(...says))
  }

  /** A peer connects, with its handshake and what else it says at once. */
  welcome(host: string, peerId: string, ...says: ReadonlyArray<Say>): ConnId {
    const conn = this.accept(host)
    this.say(conn, handshake(this.metainfo, peerId), ...says)
    return conn
  }

  /** Payloads of the extended messages that a peer heard under this number of its own, oldest first. */
  payloads(conn: ConnId, id: number): ReadonlyArray<Uint8Array> {
    return (this.heard.get(conn) ?? []).flatMap((item) =>
      item._tag === "Extended" && item.id === id ? [item.payload] : []
    )
  }

  /** A connection ends from the other side. */
  leave(conn: ConnId): void {
    this.input({ _tag: "ConnClosed", now: this.now, conn, reason: undefined })
  }

  found(source: PeerSource, ...ports: ReadonlyArray<number>): void {
    const addresses = ports.map((port) => ({ host: `80.1.${port % 250}.1`, port }))
    this.input({ _tag: "PeersFound", now: this.now, torrent: 1, source, addresses })
  }

  /** What the client dialled last is open. */
  open(): ConnId {
    const conn = this.commands.flatMap((command) => command._tag === "Dial" ? [command.conn] : []).at(-1)!
    this.input({ _tag: "ConnOpened", now: this.now, conn })
    return conn
  }

  isOpen(conn: ConnId): boolean {
    return !this.commands.some((command) => command._tag === "Close" && command.conn === conn)
  }

  /** Tags of the messages that a peer heard. */
  tags(conn: ConnId): ReadonlyArray<string> {
    return (this.heard.get(conn) ?? []).map((item) => item._tag)
  }

  /** The client's extended handshake, as a peer heard it last. */
  hello(conn: ConnId): Extended.Handshake | undefined {
    for (const item of [...this.heard.get(conn) ?? []].reverse()) {
      if (item._tag !== "Extended" || item.id !== 0) continue
      const hello = Extended.decodeHandshake(item.payload)
      if (hello.ok) return hello.value
    }
    return undefined
  }
}

/** A client as every door has; to be told the door's journal again. */
export const makeClient = (dhtPort?: number): Client.Client =>
  Client.make({ peerId: Bytes.latin1(OUR_ID), port: 6881, key: 1, clientName: "test", dhtPort }, 0)

export const spoken = (...says: ReadonlyArray<Say>): Uint8Array => {
  const encoder = Encoder.make()
  for (const say of says) say(encoder)
  return Encoder.take(encoder)
}

/** A peer id of 20 characters from a few. */
export const idOf = (text: string): string => `-XX0000-${text.padStart(12, ".")}`

export const handshake = ({ infoHashBytes }: Metainfo, peerId: string, dht = false): Say => (encoder) =>
  Encoder.handshake(encoder, {
    infoHash: infoHashBytes,
    peerId: Bytes.latin1(peerId),
    features: { fast: true, extended: true, dht },
  })

export const extended = (handshake: Partial<Extended.Handshake>): Say => (encoder) =>
  Encoder.extended(encoder, 0, Extended.encodeHandshake({ messages: new Map(), ...handshake }))
