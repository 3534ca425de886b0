import * as Effect from "effect/Effect"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import type { AnnounceRequest, AnnounceResponse, TrackerFailure } from "../../core/tracker/Announce.ts"
import * as IpText from "../../core/tracker/IpText.ts"
import { layerMemory } from "../../shell/TrackerClient.ts"
import * as TrackerClientHttp from "../../shell/TrackerClientHttp.ts"
import { contract } from "../contract/TrackerClient.ts"
import { serve } from "./HttpServer.ts"

contract("in memory", (handler) =>
  Effect.succeed({
    layer: layerMemory(handler),
    url: "http://tracker.example/announce?passkey=secret",
  }))

contract("over HTTP", (handler) =>
  Effect.map(
    serve((request, response) => {
      const url = request.url ?? ""
      const answer = handler(url, readRequest(url))
      response.end(answer.ok ? writeResponse(answer.value) : writeFailure(answer.error))
    }),
    ({ origin }) => ({ layer: TrackerClientHttp.layer, url: `${origin}/announce?passkey=secret` }),
  ))

/** The query as a tracker reads it, byte by byte. */
const readRequest = (url: string): AnnounceRequest => {
  const query = new Map<string, Bytes.Bytes>()
  for (const pair of url.slice(url.indexOf("?") + 1).split("&")) {
    const [name, value] = pair.split("=") as [string, string]
    const text = value.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    query.set(name, Bytes.latin1(text))
  }
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
