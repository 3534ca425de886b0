/** A session that isn't one: each torrent goes as its plot says, and what the command asks for is remembered. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Address } from "../../core/base/Address.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Output from "../../cli/Output.ts"
import {
  type MetadataRequest,
  Session,
  type SessionError,
  type TorrentEvent,
  type TorrentRequest,
  type TorrentSnapshot,
} from "../../shell/Session.ts"
import { memorySink, snapshot } from "./support.ts"

/** How a torrent goes; all is there at once, and it is never over, but for what stands here. */
export interface Plot {
  readonly events?: ReadonlyArray<TorrentEvent>
  readonly completed?: Effect.Effect<void, SessionError>
  readonly seeded?: Effect.Effect<void, SessionError>
  readonly figures?: Partial<TorrentSnapshot>
}

/** What comes of a magnet link. */
export type Search = (request: MetadataRequest) => {
  readonly metainfo: Effect.Effect<Metainfo, SessionError>
  readonly events?: ReadonlyArray<TorrentEvent>
}

export interface Scene {
  readonly plot?: Plot | ((request: TorrentRequest) => Plot)
  readonly search?: Search
  readonly listening?: Address | undefined
  readonly warnings?: ReadonlyArray<string>
  readonly isJson?: boolean
}

/** The layers that a command needs, and what it did with them. */
export const make = (scene: Scene) => {
  const { plot = {}, isJson = false, warnings = [] } = scene
  const listening = "listening" in scene ? scene.listening : { host: "::", port: 6881 }
  const requests: Array<TorrentRequest> = []
  const searches: Array<MetadataRequest> = []
  const closed: Array<string> = []
  const stdout = memorySink()
  const stderr = memorySink()
  const session = Layer.succeed(Session, {
    listening,
    warnings,
    setLimits: () => Effect.void,
    fetch: (request) =>
      Effect.gen(function* () {
        searches.push(request)
        yield* Effect.addFinalizer(() => Effect.sync(() => closed.push(request.name)))
        const { events = [], metainfo } = scene.search?.(request) ?? { metainfo: Effect.never }
        return {
          id: searches.length,
          events: Stream.concat(Stream.fromIterable(events), Stream.never),
          snapshot: Effect.succeed(snapshot({ state: "metadata" })),
          metainfo,
        }
      }),
    add: (request) =>
      Effect.gen(function* () {
        requests.push(request)
        yield* Effect.addFinalizer(() => Effect.sync(() => closed.push(request.metainfo.name)))
        const { events = [], completed = Effect.void, seeded = Effect.never, figures } =
          typeof plot === "function" ? plot(request) : plot
        const wantedBytes = request.metainfo.geometry.totalBytes
        return {
          events: Stream.concat(Stream.fromIterable(events), Stream.never),
          listen: (listener) => events.forEach(listener),
          // Who tells nothing of having started fails before, or never starts.
          started: events.some(({ _tag }) => _tag === "Started")
            ? Effect.void
            : Effect.zipRight(seeded, Effect.never),
          completed,
          seeded,
          snapshot: Effect.succeed(snapshot({ wantedBytes, haveBytes: wantedBytes, ...figures })),
          peers: Effect.succeed([]),
          setLimits: () => Effect.void,
        }
      }),
  })
  const output = Output.layer({ stdout, stderr, isJson, isQuiet: false, isColourless: true })
  const noNetwork = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make(() => Effect.die("no network in this test")),
  )
  const layer = Layer.mergeAll(session, output, NodeFileSystem.layer, NodePath.layer, noNetwork)
  return { layer, requests, searches, closed, stdout, stderr }
}
