import { expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Bytes from "../../core/base/Bytes.ts"
import { err, ok } from "../../core/base/Result.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import type { AnnounceRequest, AnnounceResponse, TrackerFailure } from "../../core/tracker/Announce.ts"
import * as IpText from "../../core/base/IpText.ts"
import type { ScrapeEntry } from "../../core/tracker/Scrape.ts"
import * as Udp from "../../core/tracker/Udp.ts"
import * as Datagram from "../../shell/Datagram.ts"
import * as NodeDatagram from "../../shell/node/NodeDatagram.ts"
import * as NodeHttpClient from "../../shell/node/NodeHttpClient.ts"
import * as SimDatagram from "../../shell/sim/SimDatagram.ts"
import * as SimHttp from "../../shell/sim/SimHttp.ts"
import {
  type AnnounceHandler,
  layerByScheme,
  layerMemory,
  type ScrapeHandler,
  TrackerClient,
} from "../../shell/TrackerClient.ts"
import * as TrackerClientHttp from "../../shell/TrackerClientHttp.ts"
import * as TrackerClientUdp from "../../shell/TrackerClientUdp.ts"
import { HttpListener } from "../../shell/TrackerHttp.ts"
import { contract, request } from "../contract/TrackerClient.ts"
import { serve } from "./HttpServer.ts"
import { inWorld, machine } from "./sim/Inside.ts"
import { serveUdp } from "./UdpServer.ts"

contract("in memory", (onAnnounce, onScrape) =>
  Effect.succeed({
    layer: layerMemory(onAnnounce, onScrape),
    url: "http://tracker.example/announce?passkey=secret",
  }), { isUdp: false })

contract("over HTTP", (onAnnounce, onScrape) =>
  Effect.map(
    serve((request, response) => {
      response.end(answerHttp(request.url ?? "", onAnnounce, onScrape))
    }),
    ({ origin }) => ({
      layer: Layer.provide(TrackerClientHttp.layer(), NodeHttpClient.layer),
      url: `${origin}/announce?passkey=secret`,
    }),
  ), { isUdp: false })

const answerHttp = (
  url: string,
  onAnnounce: AnnounceHandler,
  onScrape: ScrapeHandler | undefined,
): Bytes.Bytes => {
  if (url.startsWith("/announce")) {
    const answer = onAnnounce(url, readRequest(url))
    return answer.ok ? writeResponse(answer.value) : writeFailure(answer.error)
  }
  const infoHashes = readQuery(url).flatMap(([name, value]) => name === "info_hash" ? [value] : [])
  const answer = onScrape!(url, infoHashes)
  return answer.ok ? writeScrape(infoHashes, answer.value) : writeFailure(answer.error)
}

/** A UDP tracker and its client over one network, which is built once for both. */
const overUdp =
  (network: Layer.Layer<Datagram.Datagram>) => (onAnnounce: AnnounceHandler, onScrape?: ScrapeHandler) =>
    Effect.gen(function* () {
      const built = Layer.succeedContext(yield* Layer.build(network))
      const { address } = yield* Effect.provide(
        serveUdp((asked) => answerUdp(asked, onAnnounce, onScrape)),
        built,
      )
      return {
        layer: Layer.provide(TrackerClientUdp.layer(), built),
        url: `udp://127.0.0.1:${address.port}/announce?passkey=secret`,
      }
    }).pipe(Effect.orDie)

const answerUdp = (
  asked: Exclude<Udp.Request, Udp.ConnectRequest>,
  onAnnounce: AnnounceHandler,
  onScrape: ScrapeHandler | undefined,
): Bytes.Bytes => {
  const { transactionId } = asked
  if (asked._tag === "Scrape") {
    const answer = onScrape!("", asked.infoHashes)
    return answer.ok
      ? Udp.encodeScraped(transactionId, answer.value.map((entry) => entry!))
      : Udp.encodeRefused(transactionId, answer.error.message)
  }
  const { _tag, transactionId: _, connectionId: __, ip: ___, urlData, ...request } = asked
  const answer = onAnnounce(Bytes.toLatin1(urlData), request)
  if (!answer.ok) return Udp.encodeRefused(transactionId, answer.error.message)
  const { intervalMs, seeders = 0, leechers = 0, peers } = answer.value
  return Udp.encodeAnnounced(transactionId, {
    intervalSeconds: intervalMs / 1_000,
    seeders,
    leechers,
    peers: Bytes.concat(
      peers.map(({ host, port }) => Bytes.concat([IpText.parse4(host)!, Uint8Array.of(port >> 8, port)])),
    ),
  })
}

const simulatedDatagrams = Layer.unwrapEffect(
  Effect.map(machine, ({ host, process }) => SimDatagram.layer(host, process)),
)

const overSimulatedHttp = (onAnnounce: AnnounceHandler, onScrape?: ScrapeHandler) =>
  Effect.gen(function* () {
    const { host, process } = yield* machine
    const context = yield* Layer.build(SimHttp.listener(host, process))
    const { port } = yield* Context.get(context, HttpListener).listen(
      { host: "127.0.0.1", port: 0 },
      ({ target }, reply) => {
        const body = answerHttp(target, onAnnounce, onScrape)
        reply({ status: 200, headers: {}, body })
      },
      () => {},
    )
    return {
      layer: Layer.provide(TrackerClientHttp.layer(), SimHttp.client(host, process)),
      url: `http://127.0.0.1:${port}/announce?passkey=secret`,
    }
  }).pipe(Effect.orDie)

contract("over UDP in memory", overUdp(Datagram.layerMemory()), { isUdp: true })
contract("over UDP", overUdp(NodeDatagram.layer), { isUdp: true })
contract("over UDP in a simulated world", overUdp(simulatedDatagrams), { isUdp: true, inside: inWorld(1) })
contract("over HTTP in a simulated world", overSimulatedHttp, { isUdp: false, inside: inWorld(1) })

it.effect("by scheme, UDP has its own client, and all the rest the other", () =>
  Effect.gen(function* () {
    const named = (name: string) =>
      layerMemory(
        (url) => err({ reason: "Refused", message: `${name} ${url}` }),
        (url) => err({ reason: "Refused", message: `${name} scrape ${url}` }),
      )
    const client = yield* TrackerClient.pipe(
      Effect.provide(layerByScheme({ http: named("http"), udp: named("udp") })),
    )
    const whoAnnounces = (url: string) =>
      Effect.map(Effect.flip(client.announce(url, request)), ({ failure }) => failure.message)
    expect(yield* whoAnnounces("udp://a:1")).toBe("udp udp://a:1")
    expect(yield* whoAnnounces("\tUDP://a:1/announce")).toBe("udp \tUDP://a:1/announce")
    for (const url of ["http://a/udp://", "https://a", "wss://a", "udp:a", "nothing"]) {
      expect(yield* whoAnnounces(url)).toBe(`http ${url}`)
    }
    const error = yield* Effect.flip(client.scrape("udp://a:1", []))
    expect(error.failure.message).toBe("udp scrape udp://a:1")
  }))

it.effect("in memory, a tracker that plays no scraping cannot be scraped", () =>
  Effect.gen(function* () {
    const client = yield* TrackerClient
    const error = yield* Effect.flip(client.scrape("http://a/announce", [request.infoHash]))
    expect(error.failure.reason).toBe("NoScrape")
  }).pipe(Effect.provide(layerMemory(() => ok({ intervalMs: 1, peers: [] })))))

/** The query as a tracker reads it, byte by byte. */
const readQuery = (url: string): ReadonlyArray<readonly [name: string, value: Bytes.Bytes]> =>
  url.slice(url.indexOf("?") + 1).split("&").map((pair) => {
    const [name, value] = pair.split("=") as [string, string]
    const text = value.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    return [name, Bytes.latin1(text)]
  })

const readRequest = (url: string): AnnounceRequest => {
  const query = new Map(readQuery(url))
  const text = (name: string): string => Bytes.toLatin1(query.get(name) ?? Bytes.empty)
  const trackerId = text("trackerid")
  return {
    infoHash: query.get("info_hash")!,
    peerId: query.get("peer_id")!,
    port: Number(text("port")),
    uploadedBytes: Number(text("uploaded")),
    downloadedBytes: Number(text("downloaded")),
    leftBytes: Number(text("left")),
    event: (text("event") || undefined) as AnnounceRequest["event"],
    numWant: Number(text("numwant")),
    key: Number.parseInt(text("key"), 16),
    ...(trackerId === "" ? {} : { trackerId }),
  }
}

const writeResponse = (response: AnnounceResponse): Bytes.Bytes =>
  Encode.encode({
    complete: response.seeders,
    downloaded: response.downloads,
    "external ip": response.externalIp && IpText.parse4(response.externalIp),
    incomplete: response.leechers,
    interval: response.intervalMs / 1_000,
    "min interval": response.minIntervalMs && response.minIntervalMs / 1_000,
    peers: response.peers.map(({ host, port }) => ({ ip: host, port })),
    "tracker id": response.trackerId && Bytes.latin1(response.trackerId),
    "warning message": response.warning,
  })

const writeFailure = ({ message, retryInMs }: TrackerFailure): Bytes.Bytes =>
  Encode.encode({
    "failure reason": message,
    "retry in": typeof retryInMs === "number" ? retryInMs / 60_000 : retryInMs,
  })

/** Keys of the files are bytes, which an encoder of text cannot write. */
const writeScrape = (
  infoHashes: ReadonlyArray<Bytes.Bytes>,
  entries: ReadonlyArray<ScrapeEntry | undefined>,
): Bytes.Bytes => {
  const files = infoHashes.map((hash, i) => {
    const { seeders, leechers, downloads } = entries[i]!
    const entry = Encode.encode({ complete: seeders, downloaded: downloads, incomplete: leechers })
    return { hash, bytes: Bytes.concat([Bytes.latin1("20:"), hash, entry]) }
  }).sort((a, b) => Bytes.compare(a.hash, b.hash))
  return Bytes.concat([
    Bytes.latin1("d5:filesd"),
    ...files.map(({ bytes }) => bytes),
    Bytes.latin1("ee"),
  ])
}
