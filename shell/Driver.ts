/**
 * The loop between the pure client and the world. A callback of a socket, a file or a timer pushes an input; a turn
 * steps the client, carries its commands out and arms the next wake-up. A turn is synchronous and allocates no fiber;
 * what is not per block (dialling, announcing, writing a run, hashing a piece) is an Effect in the driver's scope.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import { assert } from "../core/base/Assert.ts"
import { type Millis, MINUTE, NEVER } from "../core/base/Time.ts"
import * as Client from "../core/client/Client.ts"
import type { Command } from "../core/client/Command.ts"
import type { Input, TorrentId } from "../core/client/Input.ts"
import type { Event as DhtEvent } from "../core/dht/Event.ts"
import type { Event } from "../core/torrent/Event.ts"
import type { Identity } from "../core/torrent/State.ts"
import type { DhtNode } from "./Dht.ts"
import * as Disk from "./Disk.ts"
import { Hasher } from "./Hasher.ts"
import * as Sockets from "./Sockets.ts"
import { TrackerClient } from "./TrackerClient.ts"
import { type OnConnection, Transport } from "./Transport.ts"
import type { Turns } from "./Turns.ts"

/** Timers of the runtimes end at 2^31 ms; an early tick changes nothing. */
const MAX_SLEEP_MS = 60 * MINUTE

/** What the driver needs of a torrent that the core does not hold. */
export interface Attachment extends Disk.Files {
  readonly onEvent: (event: Event) => void
}

export interface Driver extends Pick<Turns, "now" | "push"> {
  /** Whether somebody from there may connect now. */
  readonly admits: (remote: Address) => boolean
  /** Takes a connection that a peer has made, for whichever torrent its handshake will name. */
  readonly accept: OnConnection
  /** The client between two turns, to be looked at only. */
  readonly client: () => Client.Client
  /** Hears what a magnet link brings; before its `AddMagnet`. Files come with `attach`. */
  readonly listen: (torrent: TorrentId, onEvent: (event: Event) => void) => void
  /** Gives a torrent its files; before its `Add`. */
  readonly attach: (torrent: TorrentId, attachment: Attachment) => void
  /** Succeeds once everything that was asked for this torrent is done: writes, hashes, announces; or never will be. */
  readonly idle: (torrent: TorrentId) => Effect.Effect<void>
  /** Lets go of a torrent's files; after its `Remove`. */
  readonly detach: (torrent: TorrentId) => void
  /** Dies with our own bug, if the client ever fails an assertion. Never succeeds. */
  readonly crashed: Effect.Effect<never>
}

interface Attached {
  onEvent: (event: Event) => void
  announcing: number
  readonly waiting: Array<Deferred.Deferred<void>>
}

/** A driver around a fresh client; everything that it started ends with the scope. */
export const make = (
  local: Identity,
  options: {
    readonly localAddress: string | undefined
    readonly dht: DhtNode | undefined
    /** Where peers can connect to us: told to the DHT, which takes no port that leads nowhere. */
    readonly listenPort: number | undefined
  },
): Effect.Effect<Driver, never, Transport | Hasher | TrackerClient | Scope.Scope> =>
  Effect.gen(function* () {
    const trackerClient = yield* TrackerClient
    const clock = yield* Clock.clockWith(Effect.succeed)
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const crash = yield* Deferred.make<never>()
    const torrents = new Map<TorrentId, Attached>()
    const inputs: Array<Input> = []
    let isRunning = false
    let isClosed = false
    let wakeAt = NEVER
    let wake: Fiber.RuntimeFiber<void> | undefined

    const now = (): Millis => Number(clock.unsafeCurrentTimeNanos() / 1_000n) / 1_000
    let client = Client.make(local, now())

    const pushAll = (more: ReadonlyArray<Input>): void => {
      for (const input of more) inputs.push(input)
      if (isRunning) return
      isRunning = true
      try {
        do {
          for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) turn(next)
          // What these turns want to read together; some of it may be answered at once.
          disk.flushReads()
        } while (inputs.length > 0)
        arm()
      } catch (defect) {
        inputs.length = 0
        Deferred.unsafeDone(crash, Exit.die(defect))
      } finally {
        isRunning = false
      }
    }

    const push = (input: Input): void => pushAll([input])

    const run = (effect: Effect.Effect<void>): Fiber.RuntimeFiber<void> =>
      fork(Effect.catchAllDefect(effect, (defect) => Deferred.die(crash, defect)))

    const turns: Turns = { now, push, pushAll, run }
    const transport = yield* Transport
    const sockets = Sockets.make(transport, turns, {
      localAddress: options.localAddress,
      onWritten: (bytes) => disk.giveBack(bytes),
    })
    const disk: Disk.Disk = Disk.make(yield* Hasher, turns, {
      onPressure: sockets.setAllPaused,
      onSettled: (id) => settled(id),
      onWritten: (bytes) => transport.recycle(bytes.buffer, bytes.length),
      isConnected: sockets.has,
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isClosed = true
        sockets.closeAll()
      })
    )

    const turn = (input: Input): void => {
      const [next, commands] = Client.step(client, input)
      client = next
      let keptBytes = 0
      for (const command of commands) {
        if (command._tag === "Write") keptBytes += command.bytes.length
        execute(command, input.now)
      }
      // Of a read only payload outlives its turn, until the disk has it.
      if (input._tag === "ConnRead") transport.recycle(input.bytes.buffer, input.bytes.length - keptBytes)
    }

    /** One timer for the whole client. It is only ever brought forward: an early tick changes nothing. */
    const arm = (): void => {
      const next = Client.nextWake(client)
      if (next >= wakeAt) return
      wakeAt = next
      if (wake !== undefined) wake.unsafeInterruptAsFork(wake.id())
      const delayMs = Math.min(MAX_SLEEP_MS, Math.max(0, Math.ceil(next - now())))
      wake = run(Effect.flatMap(Effect.sleep(delayMs), () =>
        Effect.sync(() => {
          wakeAt = NEVER
          wake = undefined
          push({ _tag: "Tick", now: now() })
        })))
    }

    const execute = (command: Command, at: Millis): void => {
      switch (command._tag) {
        case "Write":
          return disk.write(command.torrent, command.piece, command.begin, command.bytes, at)
        case "Send":
          return sockets.send(command.conn, command.chunks)
        case "Read":
          return disk.read(command.torrent, command)
        case "Hash":
          return disk.hash(command.torrent, command.piece)
        case "HashBlocks":
          return disk.hashBlocks(command.torrent, command.piece)
        case "Emit":
          if (command.event._tag === "DhtNode") options.dht?.addNode(command.event.address)
          return torrents.get(command.torrent)?.onEvent(command.event)
        case "Dial":
          return sockets.dial(command.conn, command.address)
        case "Close":
          return sockets.close(command.conn)
        case "PauseReads":
        case "ResumeReads":
          return sockets.setPaused(command.conn, command._tag === "PauseReads")
        case "LookUp":
          return lookUp(command)
        case "Announce":
          return announce(command)
      }
    }

    const announce = (command: Extract<Command, { readonly _tag: "Announce" }>): void => {
      const { torrent, tracker, url, request } = command
      const attached = torrents.get(torrent)
      if (attached === undefined) return
      attached.announcing++
      const answered = (input: Input): void => {
        attached.announcing--
        push(input)
        settled(torrent)
      }
      run(Effect.match(trackerClient.announce(url, request), {
        onFailure: ({ failure }) =>
          answered({ _tag: "AnnounceFailed", now: now(), torrent, tracker, failure }),
        onSuccess: (response) => answered({ _tag: "Announced", now: now(), torrent, tracker, response }),
      }))
    }

    const lookUp = ({ infoHash, isSeed, torrent }: Extract<Command, { readonly _tag: "LookUp" }>): void => {
      const { dht, listenPort } = options
      assert(dht !== undefined, "who has no DHT node looks nobody up")
      const announce = listenPort === undefined ? {} : {
        announce: { port: listenPort, impliedPort: false, isSeed },
      }
      const found = (event: DhtEvent): void => {
        if (event._tag !== "PeersFound") return
        push({ _tag: "PeersFound", now: now(), torrent, source: "dht", addresses: event.peers })
      }
      run(Effect.map(
        dht.ask({ _tag: "GetPeers", infoHash, ...announce }, found),
        (end) => {
          const answers = end._tag === "LookupDone" ? end.responses : 0
          push({ _tag: "LookedUp", now: now(), torrent, answers })
        },
      ))
    }

    const listen = (id: TorrentId, onEvent: (event: Event) => void): void => {
      const attached = torrents.get(id)
      // What a magnet link has asked of its trackers is answered to the torrent that it has become.
      if (attached === undefined) torrents.set(id, { onEvent, announcing: 0, waiting: [] })
      else attached.onEvent = onEvent
    }

    const isIdle = (id: TorrentId): boolean => (torrents.get(id)?.announcing ?? 0) === 0 && disk.isIdle(id)

    const settled = (id: TorrentId): void => {
      const waiting = torrents.get(id)?.waiting
      if (waiting === undefined || waiting.length === 0 || !isIdle(id)) return
      for (const one of waiting.splice(0)) Deferred.unsafeDone(one, Exit.void)
    }

    return {
      now,
      push,
      admits: sockets.admits,
      accept: sockets.accept,
      client: () => client,
      listen,
      attach: (id, attachment) => {
        disk.attach(id, attachment)
        listen(id, attachment.onEvent)
      },
      idle: (id) =>
        Effect.gen(function* () {
          disk.flush(id)
          if (isClosed || isIdle(id)) return
          const waiting = yield* Deferred.make<void>()
          torrents.get(id)?.waiting.push(waiting)
          yield* Deferred.await(waiting)
        }),
      detach: (id) => {
        torrents.delete(id)
        disk.detach(id)
      },
      crashed: Deferred.await(crash),
    }
  })
