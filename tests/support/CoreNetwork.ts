/**
 * Several clients that talk to each other on virtual time: no sockets, files or Effect. Each has a disk in memory, an
 * uplink of its own speed, and connections that fill up and drain as TCP's do. What one of them is told is kept as a
 * journal that can be played again.
 */
import * as Bytes from "../../core/base/Bytes.ts"
import * as Deadlines from "../../core/base/Deadlines.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import * as Client from "../../core/client/Client.ts"
import type { Command } from "../../core/client/Command.ts"
import type { ConnId, Input } from "../../core/client/Input.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import type { Event } from "../../core/torrent/Event.ts"
import * as State from "../../core/torrent/State.ts"
import type { Torrent } from "../../core/torrent/Torrent.ts"
import * as Decoder from "../../core/wire/Decoder.ts"
import type * as Message from "../../core/wire/Message.ts"
import { contentAt } from "./CoreSwarm.ts"

export interface MachineOptions {
  /** Pieces that it begins with; absent: none. */
  readonly has?: ReadonlyArray<number> | "all"
  /** By torrent, where there are several. */
  readonly options?: Partial<State.Options>
  readonly limits?: Partial<Limits>
  /** Bytes a second; absent: as fast as it likes. */
  readonly uplink?: number
  readonly latencyMs?: number
  /** Machines that it dials, at once. */
  readonly dials?: ReadonlyArray<number>
  /** When it comes; absent: at the start. */
  readonly joinsAt?: number
  readonly host?: string
  /** Promises blocks and sends none: its disk never answers a `Read`. */
  readonly isSnubbing?: boolean
}

type Limits = Omit<Extract<Input, { readonly _tag: "Limits" }>, "_tag" | "now">

/** One direction of a connection. */
interface Pipe {
  readonly from: Machine
  readonly fromConn: ConnId
  readonly to: Machine
  readonly toConn: ConnId
  /** Sent, and not yet read on the other side. */
  unreadBytes: number
  isCongested: boolean
  readonly unread: Array<Uint8Array>
  isPaused: boolean
  isClosed: boolean
  readonly tap: Decoder.Decoder
}

export interface Machine {
  readonly index: number
  readonly options: MachineOptions
  client: Client.Client
  readonly journal: Array<Input>
  readonly commands: Array<Command>
  readonly events: Array<{ readonly at: number; readonly torrent: number; readonly event: Event }>
  /** By torrent. */
  readonly disks: ReadonlyArray<Uint8Array>
  readonly outgoing: Map<ConnId, Pipe>
  readonly incoming: Map<ConnId, Pipe>
  lineFreeAt: number
  accepted: number
  /** Sent to it, and not read when the connection was closed. */
  lostBytes: number
}

/** What a message on the wire looks like to somebody who listens in. */
export type Tap = (from: number, to: number, item: Message.Item, at: number) => void

const READ_BYTES = 65_536
const CONGESTED_BYTES = 262_144
const DISK_MS = 0.5

export class CoreNetwork {
  readonly machines: ReadonlyArray<Machine>
  now = 0
  readonly torrents: ReadonlyArray<Metainfo>
  readonly #tap: Tap | undefined
  readonly #spuriousTicks: boolean
  readonly #keepsCommands: boolean
  readonly #due = Deadlines.make()
  readonly #actions = new Map<number, () => void>()
  #lastAction = 0

  constructor(options: {
    readonly torrents: ReadonlyArray<Metainfo>
    readonly machines: ReadonlyArray<MachineOptions>
    readonly tap?: Tap
    /** Ticks that nobody asked for, between any two inputs. */
    readonly spuriousTicks?: boolean
    /** For comparing with those of a replay. */
    readonly keepsCommands?: boolean
  }) {
    this.torrents = options.torrents
    this.#tap = options.tap
    this.#spuriousTicks = options.spuriousTicks ?? false
    this.#keepsCommands = options.keepsCommands ?? false
    this.machines = options.machines.map((machine, index) => this.#make(machine, index))
    for (const machine of this.machines) this.#after(machine.options.joinsAt ?? 0, () => this.#join(machine))
  }

  torrent(index: number, id = 1): Torrent {
    return Client.torrents(this.machines[index]!.client).get(id)!
  }

  isComplete(index: number, id = 1): boolean {
    const torrent = Client.torrents(this.machines[index]!.client).get(id)
    return torrent !== undefined && State.isComplete(torrent)
  }

  /** Content on the disk is what the torrent says. */
  isIntact(index: number, id = 1): boolean {
    const disk = this.machines[index]!.disks[id - 1]!
    return Bytes.equals(disk, contentAt(0, disk.length))
  }

  eventsOf<Tag extends Event["_tag"]>(
    index: number,
    tag: Tag,
  ): ReadonlyArray<Extract<Event, { readonly _tag: Tag }> & { readonly at: number }> {
    return this.machines[index]!.events.flatMap(({ at, event }) =>
      event._tag === tag ? [{ ...event as Extract<Event, { readonly _tag: Tag }>, at }] : []
    )
  }

  /** Lets virtual time pass until `isOver`, or `untilMs` is reached. */
  run(untilMs: number, isOver: () => boolean = () => false): this {
    while (!isOver()) {
      let at = Deadlines.next(this.#due)
      let sleeper: Machine | undefined
      for (const machine of this.machines) {
        const wake = Client.nextWake(machine.client)
        if (wake < at) {
          at = wake
          sleeper = machine
        }
      }
      if (at > untilMs) break
      this.now = Math.max(this.now, at)
      if (this.#spuriousTicks) { for (const machine of this.machines) this.#spuriousTick(machine) }
      if (sleeper !== undefined) {
        this.input(sleeper, { _tag: "Tick", now: this.now })
      } else {
        const key = Deadlines.popDue(this.#due, this.now)!
        const action = this.#actions.get(key)!
        this.#actions.delete(key)
        action()
      }
    }
    if (!isOver()) this.now = untilMs
    return this
  }

  /** Tells a machine something and carries out what it asks for. */
  input(machine: Machine, input: Input): void {
    machine.journal.push(input)
    const [client, commands] = Client.step(machine.client, input)
    machine.client = client
    for (const command of commands) {
      if (this.#keepsCommands) machine.commands.push(command)
      this.#execute(machine, command)
    }
  }

  setLimits(index: number, limits: Partial<Limits>): void {
    this.input(this.machines[index]!, { _tag: "Limits", now: this.now, ...UNLIMITED, ...limits })
  }

  #make(options: MachineOptions, index: number): Machine {
    return {
      index,
      options,
      client: makeClient(index),
      journal: [],
      commands: [],
      events: [],
      disks: this.torrents.map(({ geometry }) =>
        options.has === "all"
          ? contentAt(0, geometry.totalBytes)
          : this.#partialDisk(geometry, options.has ?? [])
      ),
      outgoing: new Map(),
      incoming: new Map(),
      lineFreeAt: 0,
      accepted: 0,
      lostBytes: 0,
    }
  }

  #partialDisk(geometry: Geometry.Geometry, pieces: ReadonlyArray<number>): Uint8Array {
    const disk = new Uint8Array(geometry.totalBytes)
    for (const index of pieces) {
      const piece = Geometry.pieceIndex(geometry, index)!
      const offset = Geometry.pieceOffset(geometry, piece)
      disk.set(contentAt(offset, Geometry.pieceLength(geometry, piece)), offset)
    }
    return disk
  }

  #join(machine: Machine): void {
    const { has, limits, options } = machine.options
    const { now } = this
    if (limits !== undefined) this.input(machine, { _tag: "Limits", now, ...UNLIMITED, ...limits })
    this.torrents.forEach((metainfo, at) => {
      const { pieceCount } = metainfo.geometry
      const have = has === "all" ? Bitfield.full(pieceCount) : Bitfield.make(pieceCount)
      if (has !== "all") { for (const piece of has ?? []) Bitfield.set(have, piece) }
      this.input(machine, {
        _tag: "Add",
        now,
        torrent: at + 1,
        metainfo,
        options: { ...State.defaults, seed: machine.index + 1, ...options, have },
      })
      const addresses = (machine.options.dials ?? []).map((index) => this.addressOf(index))
      if (addresses.length > 0) {
        this.input(machine, { _tag: "PeersFound", now, torrent: at + 1, source: "user", addresses })
      }
    })
  }

  /** Where the machine is found. */
  addressOf(index: number): { readonly host: string; readonly port: number } {
    return { host: this.machines[index]!.options.host ?? `80.4.${index}.1`, port: 6881 }
  }

  #spuriousTick(machine: Machine): void {
    if (this.now >= Client.nextWake(machine.client)) return
    const before = JSON.stringify([...Client.torrents(machine.client).values()].map(figures))
    const [client, commands] = Client.step(machine.client, { _tag: "Tick", now: this.now })
    machine.client = client
    if (commands.length > 0) {
      throw new Error(`a spurious tick asked for ${commands.map((one) => one._tag).join()}`)
    }
    if (JSON.stringify([...Client.torrents(client).values()].map(figures)) !== before) {
      throw new Error("a spurious tick changed a torrent")
    }
  }

  #after(delayMs: number, run: () => void): void {
    const key = ++this.#lastAction
    this.#actions.set(key, run)
    Deadlines.set(this.#due, key, this.now + delayMs)
  }

  #execute(machine: Machine, command: Command): void {
    switch (command._tag) {
      case "Emit":
        machine.events.push({ at: this.now, torrent: command.torrent, event: command.event })
        return
      case "Dial":
        return this.#dial(machine, command)
      case "Close":
        return this.#close(machine, command.conn)
      case "Send": {
        const pipe = machine.outgoing.get(command.conn)
        if (pipe !== undefined) this.#send(pipe, Bytes.concat(command.chunks))
        return
      }
      case "Write": {
        const { torrent, piece, begin, bytes } = command
        const { geometry } = this.torrents[torrent - 1]!
        machine.disks[torrent - 1]!.set(bytes, Geometry.pieceOffset(geometry, piece) + begin)
        return this.#after(
          DISK_MS,
          () => this.input(machine, { _tag: "Written", now: this.now, torrent, piece, bytes: bytes.length }),
        )
      }
      case "Hash": {
        const { piece, torrent } = command
        const { geometry } = this.torrents[torrent - 1]!
        const offset = Geometry.pieceOffset(geometry, piece)
        const disk = machine.disks[torrent - 1]!
        const digest = sha1(disk.subarray(offset, offset + Geometry.pieceLength(geometry, piece)))
        return this.#after(
          DISK_MS,
          () => this.input(machine, { _tag: "PieceHashed", now: this.now, torrent, piece, digest }),
        )
      }
      case "Read": {
        if (machine.options.isSnubbing === true) return
        const { torrent, conn, piece, begin, length } = command
        const at = Geometry.pieceOffset(this.torrents[torrent - 1]!.geometry, piece) + begin
        const bytes = machine.disks[torrent - 1]!.slice(at, at + length)
        return this.#after(
          DISK_MS,
          () => this.input(machine, { _tag: "BlockRead", now: this.now, torrent, conn, piece, begin, bytes }),
        )
      }
      case "PauseReads":
      case "ResumeReads": {
        const pipe = machine.incoming.get(command.conn)
        if (pipe === undefined) return
        pipe.isPaused = command._tag === "PauseReads"
        return this.#after(0, () => this.#read(pipe))
      }
      case "HashBlocks":
      case "Announce":
        throw new Error(`nobody here carries out ${command._tag}`)
    }
  }

  #dial(machine: Machine, { address, conn }: Extract<Command, { readonly _tag: "Dial" }>): void {
    const other = this.machines.find((one) => this.addressOf(one.index).host === address.host)
    const latencyMs = (machine.options.latencyMs ?? 5) + (other?.options.latencyMs ?? 5)
    this.#after(latencyMs, () => {
      if (other === undefined) {
        return this.input(machine, { _tag: "ConnFailed", now: this.now, conn, reason: "refused" })
      }
      const accepted = -++other.accepted
      this.#connect(machine, conn, other, accepted)
      this.#connect(other, accepted, machine, conn)
      const { host } = this.addressOf(machine.index)
      const from = { host, port: 50_000 + other.accepted }
      this.input(other, { _tag: "ConnAccepted", now: this.now, conn: accepted, address: from })
      this.input(machine, { _tag: "ConnOpened", now: this.now, conn })
    })
  }

  #connect(from: Machine, fromConn: ConnId, to: Machine, toConn: ConnId): void {
    const pipe: Pipe = {
      from,
      fromConn,
      to,
      toConn,
      unreadBytes: 0,
      isCongested: false,
      unread: [],
      isPaused: false,
      isClosed: false,
      tap: Decoder.make({ maxMessageBytes: 1_000_000 }),
    }
    from.outgoing.set(fromConn, pipe)
    to.incoming.set(toConn, pipe)
  }

  #close(machine: Machine, conn: ConnId): void {
    const pipe = machine.outgoing.get(conn)
    if (pipe === undefined) return
    const { to, toConn } = pipe
    const back = machine.incoming.get(conn)!
    for (const one of [pipe, back]) {
      one.isClosed = true
      one.to.lostBytes += one.unreadBytes
    }
    for (const [one, id] of [[machine, conn], [to, toConn]] as const) {
      one.outgoing.delete(id)
      one.incoming.delete(id)
    }
    this.#after(
      1,
      () => this.input(to, { _tag: "ConnClosed", now: this.now, conn: toConn, reason: undefined }),
    )
  }

  #send(pipe: Pipe, bytes: Uint8Array): void {
    for (const item of this.#tap === undefined ? [] : Decoder.decode(pipe.tap, bytes)) {
      this.#tap?.(pipe.from.index, pipe.to.index, item, this.now)
    }
    const { from, to } = pipe
    pipe.unreadBytes += bytes.length
    if (!pipe.isCongested && pipe.unreadBytes > CONGESTED_BYTES) {
      pipe.isCongested = true
      this.#after(0, () => this.#tell(pipe, "ConnCongested"))
    }
    const transferMs = bytes.length * 1000 / (from.options.uplink ?? Infinity)
    from.lineFreeAt = Math.max(from.lineFreeAt, this.now) + transferMs
    const latencyMs = (from.options.latencyMs ?? 5) + (to.options.latencyMs ?? 5)
    this.#after(from.lineFreeAt - this.now + latencyMs, () => {
      for (let at = 0; at < bytes.length; at += READ_BYTES) {
        pipe.unread.push(bytes.subarray(at, at + READ_BYTES))
      }
      this.#read(pipe)
    })
  }

  #read(pipe: Pipe): void {
    while (!pipe.isPaused && !pipe.isClosed) {
      const bytes = pipe.unread.shift()
      if (bytes === undefined) return
      pipe.unreadBytes -= bytes.length
      if (pipe.isCongested && pipe.unreadBytes <= CONGESTED_BYTES) {
        pipe.isCongested = false
        this.#after(0, () => this.#tell(pipe, "ConnDrained"))
      }
      this.input(pipe.to, { _tag: "ConnRead", now: this.now, conn: pipe.toConn, bytes })
    }
  }

  #tell(pipe: Pipe, tag: "ConnCongested" | "ConnDrained"): void {
    if (!pipe.isClosed) this.input(pipe.from, { _tag: tag, now: this.now, conn: pipe.fromConn })
  }
}

const UNLIMITED: Limits = {
  downloadRateBytesPerSec: 0,
  uploadRateBytesPerSec: 0,
  isLanExempt: false,
  maxConnections: 200,
}

/** A client as the machine of this number begins with. */
export const makeClient = (index: number): Client.Client =>
  Client.make({
    peerId: Bytes.latin1(`-SH0100-${String(index).padStart(12, "0")}`),
    port: 6881,
    key: index,
    clientName: "test",
  }, 0)

/** What a tick that nobody asked for must not change. */
const figures = (torrent: Torrent): unknown => [
  torrent.choking,
  [...torrent.serving],
  [...torrent.throttle.uploadQueue],
  [...torrent.peers.values()].map((peer) => [
    peer.amChoking,
    peer.reason,
    peer.requests.size,
    peer.asked.size,
    peer.readsInFlight,
    peer.lastSentAt,
  ]),
  [...torrent.rng.words],
]
