/** `shoal announce`: what a torrent's trackers say to a peer that joins, without joining for longer than the question. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Address from "../core/base/Address.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import type { AnnounceRequest, AnnounceResponse } from "../core/tracker/Announce.ts"
import * as PeerId from "../core/wire/PeerId.ts"
import { TrackerClient } from "../shell/TrackerClient.ts"
import type { Spec } from "./Command.ts"
import * as Options from "./Options.ts"
import * as Text from "./Text.ts"
import * as Trackers from "./Trackers.ts"

export const spec = {
  name: "announce",
  summary: "ask a torrent's trackers for peers, once",
  argument: Trackers.argument,
  flags: Trackers.flags,
  example: "shoal announce debian.torrent --tracker udp://tracker.example:6969/announce",
  interrupted: "interrupted",
} satisfies Spec

/** Peers asked for; trackers give fifty to two hundred. */
const NUM_WANT = 200

/** As a peer that has nothing yet, on the port that `download` names. */
const makeRequest = Effect.gen(function* () {
  const random = yield* Effect.replicateEffect(Random.nextIntBetween(0, 256), 12)
  const peerId = PeerId.make(Uint8Array.from(random))
  const key = yield* Random.nextIntBetween(0, 2 ** 32)
  return (metainfo: Metainfo): AnnounceRequest => ({
    infoHash: metainfo.infoHashBytes,
    peerId,
    port: Options.PORT,
    uploadedBytes: 0,
    downloadedBytes: 0,
    leftBytes: metainfo.geometry.totalBytes,
    event: "started",
    numWant: NUM_WANT,
    key,
  })
})

/** Joins with `started`, and leaves with `stopped`, so that nobody is told of a peer that isn't there. */
const joinAndLeave = (url: string, request: AnnounceRequest) =>
  Effect.gen(function* () {
    const client = yield* TrackerClient
    const leave = (response: AnnounceResponse | undefined) => {
      const trackerId = response?.trackerId
      const stopped: AnnounceRequest = {
        ...request,
        event: "stopped",
        numWant: 0,
        ...(trackerId === undefined ? {} : { trackerId }),
      }
      // It forgets us by itself in the end.
      return Effect.ignore(Effect.interruptible(client.announce(url, stopped)))
    }
    return yield* Effect.onExit(client.announce(url, request), (exit) =>
      Exit.isSuccess(exit)
        ? leave(exit.value)
        // The question may have arrived already.
        : Exit.isInterrupted(exit)
        ? leave(undefined)
        : Effect.void)
  })

/** An answer in the words of both outputs. */
export const tell = (response: AnnounceResponse): Trackers.Told => {
  const { intervalMs, minIntervalMs, seeders, leechers, downloads, externalIp, warning } = response
  const peers = [...new Set(response.peers.map(Address.format))]
  const facts = [
    ...(seeders === undefined ? [] : [Text.count(seeders, "seeder")]),
    ...(leechers === undefined ? [] : [Text.count(leechers, "leecher")]),
    ...(downloads === undefined ? [] : [Text.count(downloads, "download")]),
    `${Text.count(peers.length, "peer")}${peers.length === 0 ? "" : ":"}`,
  ]
  return {
    fields: {
      intervalSeconds: intervalMs / 1_000,
      minIntervalSeconds: minIntervalMs === undefined ? undefined : minIntervalMs / 1_000,
      seeders,
      leechers,
      downloads,
      externalIp,
      warning,
      peers,
    },
    lines: [
      facts.join(", "),
      ...(warning === undefined ? [] : [`warning: ${warning}`]),
      ...(externalIp === undefined ? [] : [`your address is ${externalIp}`]),
      ...peers,
    ],
  }
}

/** Announces to all at once; fails unless one answers. */
export const run = (options: Pick<Trackers.TrackersOptions, "trackers">, source: string) =>
  Effect.flatMap(makeRequest, (requestFor) => {
    const ask = (url: string, metainfo: Metainfo) => joinAndLeave(url, requestFor(metainfo))
    return Trackers.askAll(options, source, ask, tell, { peers: [] })
  })
