/** Where the live layers are put together: sockets, files, worker threads and HTTP of the runtime. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Layer from "effect/Layer"
import type { BlockStore } from "./BlockStore.ts"
import * as Dht from "./Dht.ts"
import type { Hasher } from "./Hasher.ts"
import * as NodeBlockStore from "./node/NodeBlockStore.ts"
import * as NodeDatagram from "./node/NodeDatagram.ts"
import * as NodeHasher from "./node/NodeHasher.ts"
import * as NodeHttpClient from "./node/NodeHttpClient.ts"
import * as NodeMulticast from "./node/NodeMulticast.ts"
import * as NodeResumeStore from "./node/NodeResumeStore.ts"
import * as NodeSignatures from "./node/NodeSignatures.ts"
import * as NodeTransport from "./node/NodeTransport.ts"
import type { ResumeStore } from "./ResumeStore.ts"
import * as Session from "./Session.ts"
import type { Signatures } from "./Signatures.ts"
import * as TrackerClient from "./TrackerClient.ts"
import * as TrackerClientHttp from "./TrackerClientHttp.ts"
import * as TrackerClientUdp from "./TrackerClientUdp.ts"
import type { Transport } from "./Transport.ts"

/**
 * Trackers over HTTP and UDP, as far as strangers' torrents are trusted; UDP packets leave from the local address `bind`, any
 * if it is undefined.
 */
export const trackers = (
  bind: string | undefined,
  trust: TrackerClient.Trust = {},
): Layer.Layer<TrackerClient.TrackerClient> =>
  TrackerClient.layerByScheme({
    http: Layer.provide(TrackerClientHttp.layer(trust), NodeHttpClient.layer),
    udp: Layer.provide(TrackerClientUdp.layer({ ...trust, bind }), NodeDatagram.layer),
  })

/** The ports that torrents need but for the trackers, live; the same on Node and on Deno. */
export const ports: Layer.Layer<Transport | BlockStore | Hasher | ResumeStore> = Layer.mergeAll(
  NodeTransport.layer,
  NodeBlockStore.layer,
  NodeHasher.layer,
  NodeResumeStore.layer,
)

/** A DHT node on UDP; without `bootstrap` it begins at the nodes that everybody knows. */
export const dht = (
  { bootstrap, ...options }: Dht.DhtOptions,
): Layer.Layer<Dht.Dht | Signatures> =>
  Layer.provideMerge(
    Dht.layer({ ...options, bootstrap: bootstrap.length === 0 ? Dht.ROUTERS : bootstrap }),
    Layer.mergeAll(NodeDatagram.layer, NodeFileSystem.layer, NodeSignatures.layer),
  )

/** A live session. */
export const layer = (
  options: Session.SessionOptions,
  dhtOptions: Dht.DhtOptions,
  trust: TrackerClient.Trust = {},
): Layer.Layer<Session.Session, Session.SessionError> =>
  Layer.provide(
    Session.layer(options),
    Layer.mergeAll(ports, trackers(options.bind, trust), NodeMulticast.layer, dht(dhtOptions)),
  )
