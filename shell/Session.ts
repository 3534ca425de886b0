/** The public API: torrents go in, events, figures and a verdict come out. Closing a torrent's scope stops it cleanly. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Address } from "../core/base/Address.ts"
import { VERSION } from "../core/base/Version.ts"
import type * as Snapshot from "../core/client/Snapshot.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import type { Event } from "../core/torrent/Event.ts"
import type { Strategy } from "../core/torrent/Picker.ts"
import type * as State from "../core/torrent/State.ts"
import * as PeerId from "../core/wire/PeerId.ts"
import { BlockStore } from "./BlockStore.ts"
import * as Caretaker from "./Caretaker.ts"
import { Dht } from "./Dht.ts"
import * as Driver from "./Driver.ts"
import type * as Faults from "./Faults.ts"
import { Hasher } from "./Hasher.ts"
import * as Layout from "./Layout.ts"
import * as Listening from "./Listening.ts"
import * as LocalDiscovery from "./LocalDiscovery.ts"
import * as Magnet from "./Magnet.ts"
import type { Multicast } from "./Multicast.ts"
import type * as Resumption from "./Resumption.ts"
import { ResumeStore } from "./ResumeStore.ts"
import { fromPort, type SessionError } from "./SessionError.ts"
import * as Torrent from "./Torrent.ts"
import type { TrackerClient } from "./TrackerClient.ts"
import { Transport } from "./Transport.ts"

export type { ListenRequest } from "./Listening.ts"
export type { MetadataHandle, MetadataRequest } from "./Magnet.ts"
export { SessionError } from "./SessionError.ts"

export interface SessionOptions {
  /** Where peers can connect to us; `undefined`: nowhere. The port that was got is told to trackers and peers. */
  readonly listen: Listening.ListenRequest | undefined
  /** Local address of outgoing connections. */
  readonly bind: string | undefined
  /** For each torrent. */
  readonly maxPeers: number
  /** Of all torrents together. */
  readonly maxConnections: number
  /** Of all torrents together; 0: unlimited. */
  readonly maxDownloadRateBytesPerSec: number
  readonly maxUploadRateBytesPerSec: number
  /** Peers of this machine and its local network don't count towards any rate. */
  readonly isLanExempt: boolean
  /** How many peers of a torrent may download from us at a time. */
  readonly uploadSlots: State.Options["choker"]["slots"]
  /** Where peers may be found besides trackers: the DHT (BEP 5), other peers (BEP 11), the local network (BEP 14). */
  readonly isDhtEnabled?: boolean | undefined
  readonly isPexEnabled?: boolean
  readonly isLsdEnabled?: boolean
}

/** Bytes a second, the protocol's own included; 0: unlimited. */
export interface RateLimits {
  readonly downloadRateBytesPerSec: number
  readonly uploadRateBytesPerSec: number
}

export interface TorrentRequest {
  readonly metainfo: Metainfo
  /** The search that its metadata comes from: its connections go on with the torrent. */
  readonly search?: Magnet.MetadataHandle
  /**
   * `seed`: the data is there, or part of it, and what is right is given to others; no data file is ever written to.
   * `download`: what is missing is fetched. Either way a torrent stays in its swarm until its scope closes.
   */
  readonly mode: "download" | "seed"
  /** Absolute; for a download created when the first byte arrives. */
  readonly directory: string
  /** File indexes from 0; `undefined`: all. */
  readonly selection: ReadonlySet<number> | undefined
  readonly strategy: Strategy
  /** To be dialled besides those that trackers name. */
  readonly peers: ReadonlyArray<Address>
  /** Show each peer other pieces, until others have them all (BEP 16): for the only seed of a torrent. */
  readonly superSeed: boolean
  /** When seeding has done its part, all runs together; see `TorrentHandle.seeded`. */
  readonly goals: State.Options["goals"]
  /** One tracker of every tier hears of us, instead of the first that answers (BEP 12). */
  readonly announceToAllTiers?: boolean
  /** Of this torrent alone; 0: unlimited. */
  readonly maxDownloadRateBytesPerSec: number
  readonly maxUploadRateBytesPerSec: number
  /** Who gets upload slots; what is missing is as usual. */
  readonly choker?: Partial<Omit<State.Options["choker"], "slots">>
}

/** What a torrent tells; see `core/torrent/Event.ts` for what its swarm brings. */
export type TorrentEvent =
  | Resumption.Progress
  /** A seed's files that are not as they should be; only what is right of them is given to others. */
  | { readonly _tag: "FilesFaulty"; readonly faults: ReadonlyArray<Faults.FileFault> }
  /** What is on the disk is known; the swarm is joined now. */
  | { readonly _tag: "Started"; readonly piecesHave: number; readonly pieceCount: number }
  | Event

export type TorrentSnapshot = Snapshot.Snapshot
export type PeerSnapshot = Snapshot.PeerSnapshot

export interface TorrentHandle {
  /** For one reader; the oldest are dropped if nobody reads. Ends with the scope. */
  readonly events: Stream.Stream<TorrentEvent>
  /** Instead of `events`: gets each one as it happens, beginning with those that nobody has read. It must not throw. */
  readonly listen: (listener: (event: TorrentEvent) => void) => void
  /** Succeeds when what is on the disk is known and the swarm is joined. */
  readonly started: Effect.Effect<void, SessionError>
  readonly snapshot: Effect.Effect<TorrentSnapshot>
  /** The connected peers. */
  readonly peers: Effect.Effect<ReadonlyArray<PeerSnapshot>>
  /** Succeeds when every wanted piece is verified on the disk; seeding goes on. */
  readonly completed: Effect.Effect<void, SessionError>
  /** Succeeds when one of the goals is reached; without goals never. Seeding goes on until the scope closes. */
  readonly seeded: Effect.Effect<void, SessionError>
  /** From now on. */
  readonly setLimits: (limits: RateLimits) => Effect.Effect<void>
}

export class Session extends Context.Tag("shoal/Session")<Session, {
  /** Where peers can connect to us: the port is the one that was got. `undefined`: nowhere. */
  readonly listening: Address | undefined
  /** What is not as it was asked for, in words for people: another port, because that one is taken. */
  readonly warnings: ReadonlyArray<string>
  /** For all torrents together, from now on. */
  readonly setLimits: (limits: RateLimits) => Effect.Effect<void>
  /**
   * Finds the metadata of a magnet link: in what an earlier run has kept, else with peers. When the scope closes the search
   * ends, unless a torrent has taken it over.
   */
  readonly fetch: (
    request: Magnet.MetadataRequest,
  ) => Effect.Effect<Magnet.MetadataHandle, never, Scope.Scope>
  /** Checks what is there, then joins the swarm. When the scope closes the torrent leaves it and resume data is saved. */
  readonly add: (request: TorrentRequest) => Effect.Effect<TorrentHandle, SessionError, Scope.Scope>
}>() {}

const CLIENT_NAME = `shoal ${VERSION}`

/** What a session needs of the world; without a DHT and a local network, `Dht.layerNone` and `Multicast.layerNone`. */
export type Ports = Transport | BlockStore | Hasher | ResumeStore | TrackerClient | Dht | Multicast

/** A system that allows less than this share of the connections that were asked for is worth a word. */
const FEW = 0.25

/** No more connections than the system allows, so that files can be opened however many peers come. */
const affordable = (options: SessionOptions) =>
  Effect.gen(function* () {
    const { capacity = Infinity } = yield* Transport
    const { maxConnections } = options
    if (capacity < maxConnections * FEW) {
      yield* Effect.logWarning(
        `at most ${capacity} connections: the system allows few open files; raise the limit (ulimit -n)`,
      )
    }
    return { ...options, maxConnections: Math.min(maxConnections, capacity) }
  })

/** A session over the ports; fails where it cannot listen as it was told to. */
export const layer = (
  asked: SessionOptions,
): Layer.Layer<Session, SessionError, Ports> =>
  Layer.scoped(
    Session,
    Effect.gen(function* () {
      const options = yield* affordable(asked)
      const blockStore = yield* BlockStore
      // These two alone: the whole context has this layer's scope, and a torrent must not outlive its own.
      const services = Context.pick(Hasher, ResumeStore)(yield* Effect.context<Hasher | ResumeStore>())
      const { dht, driver, listening } = yield* makeDriver(options)
      const neighbours = yield* neighboursOf(options, listening.address?.port)
      const engine = { driver, dht, neighbours }
      const caretaker = yield* Caretaker.make(driver)
      let nextTorrent = 1
      return {
        listening: listening.address,
        warnings: listening.warnings,
        setLimits: (limits) => Effect.sync(() => setLimits(driver, options, limits)),
        fetch: (request) => Effect.provide(Magnet.open(engine, options, request, nextTorrent++), services),
        add: (request) =>
          Effect.gen(function* () {
            const { metainfo, directory, mode, selection } = request
            const store = yield* blockStore.open(Layout.of(metainfo, directory, selection))
            if (mode === "download") yield* store.check
            const id = request.search?.id ?? nextTorrent++
            const torrent = Torrent.make(engine, options, request, store, id)
            // One for all that a torrent leaves behind: each costs as much memory as an idle torrent's queues.
            yield* Effect.addFinalizer(() => {
              caretaker.leave(torrent)
              return Effect.provide(Torrent.close(torrent), services)
            })
            caretaker.take(torrent)
            const entering = Effect.ensuring(Torrent.enter(torrent), caretaker.entered(torrent))
            yield* Effect.forkScoped(Effect.provide(entering, services))
            return Torrent.handle(torrent)
          }).pipe(Effect.mapError(fromPort)),
      }
    }),
  )

/** Who does not listen has to announce some port: trackers refuse 0. */
const NO_PORT = 1

const makeDriver = (options: SessionOptions) =>
  Effect.gen(function* () {
    // Who connects before the driver is there is sent away.
    let door: Listening.Door | undefined = undefined
    const listening = yield* Listening.open(options.listen, {
      admits: (remote) => door?.admits(remote) === true,
      accept: (connection, setHandlers) => door?.accept(connection, setHandlers),
    }).pipe(Effect.mapError(fromPort))
    yield* Effect.forEach(listening.warnings, (warning) => Effect.logWarning(warning))
    const listenPort = listening.address?.port
    const dht = options.isDhtEnabled === true ? yield* openDht(options.bind, listenPort ?? 0) : undefined
    const random = yield* Effect.replicateEffect(Random.nextIntBetween(0, 256), 12)
    const driver = yield* Driver.make({
      peerId: PeerId.make(Uint8Array.from(random)),
      port: listenPort ?? NO_PORT,
      key: yield* Random.nextIntBetween(0, 2 ** 32),
      clientName: CLIENT_NAME,
      dhtPort: dht?.address.port,
    }, { localAddress: options.bind, dht, listenPort })
    setLimits(driver, options, {
      downloadRateBytesPerSec: options.maxDownloadRateBytesPerSec,
      uploadRateBytesPerSec: options.maxUploadRateBytesPerSec,
    })
    door = driver
    return { dht, driver, listening }
  })

/** On the port of the same number, by custom; on any other where that is taken. */
const openDht = (host: string | undefined, port: number) =>
  Effect.gen(function* () {
    const dht = yield* Dht
    return yield* dht.open({ host, port }).pipe(
      Effect.catchIf(({ reason }) => reason === "AddressInUse", () => dht.open({ host, port: 0 })),
      Effect.mapError(fromPort),
    )
  })

/** Who cannot be connected to has nothing to announce. */
const neighboursOf = (options: SessionOptions, port: number | undefined) =>
  options.isLsdEnabled === true && port !== undefined
    ? LocalDiscovery.make({ port, host: options.bind })
    : Effect.succeed(undefined)

const setLimits = (
  driver: Driver.Driver,
  { isLanExempt, maxConnections }: SessionOptions,
  limits: RateLimits,
): void => driver.push({ _tag: "Limits", now: driver.now(), ...limits, isLanExempt, maxConnections })
