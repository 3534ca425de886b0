/** Where the live layers are put together: sockets, files, worker threads and HTTP of the runtime. */
import * as Layer from "effect/Layer"
import type { BlockStore } from "./BlockStore.ts"
import type { Hasher } from "./Hasher.ts"
import * as NodeBlockStore from "./node/NodeBlockStore.ts"
import * as NodeDatagram from "./node/NodeDatagram.ts"
import * as NodeHasher from "./node/NodeHasher.ts"
import * as NodeResumeStore from "./node/NodeResumeStore.ts"
import * as NodeTransport from "./node/NodeTransport.ts"
import type { ResumeStore } from "./ResumeStore.ts"
import * as Session from "./Session.ts"
import * as TrackerClient from "./TrackerClient.ts"
import * as TrackerClientHttp from "./TrackerClientHttp.ts"
import * as TrackerClientUdp from "./TrackerClientUdp.ts"
import type { Transport } from "./Transport.ts"

/** Trackers over HTTP and UDP; UDP packets leave from the local address `bind`, any if it is undefined. */
export const trackers = (bind: string | undefined): Layer.Layer<TrackerClient.TrackerClient> =>
  TrackerClient.layerByScheme({
    http: TrackerClientHttp.layer,
    udp: Layer.provide(TrackerClientUdp.layer({ bind }), NodeDatagram.layer),
  })

/** The ports that torrents need but for the trackers, live; the same on Node and on Deno. */
export const ports: Layer.Layer<Transport | BlockStore | Hasher | ResumeStore> = Layer.mergeAll(
  NodeTransport.layer,
  NodeBlockStore.layer,
  NodeHasher.layer,
  NodeResumeStore.layer,
)

/** A live session. */
export const layer = (
  options: Session.SessionOptions,
): Layer.Layer<Session.Session, Session.SessionError> =>
  Layer.provide(Session.layer(options), Layer.merge(ports, trackers(options.bind)))
