/** Where the live layers are put together: sockets, files, worker threads and HTTP of the runtime. */
import * as Layer from "effect/Layer"
import type { BlockStore } from "./BlockStore.ts"
import type { Hasher } from "./Hasher.ts"
import * as NodeBlockStore from "./node/NodeBlockStore.ts"
import * as NodeHasher from "./node/NodeHasher.ts"
import * as NodeResumeStore from "./node/NodeResumeStore.ts"
import * as NodeTransport from "./node/NodeTransport.ts"
import type { ResumeStore } from "./ResumeStore.ts"
import * as Session from "./Session.ts"
import type { TrackerClient } from "./TrackerClient.ts"
import * as TrackerClientHttp from "./TrackerClientHttp.ts"
import type { Transport } from "./Transport.ts"

/** Every port of the shell, live; the same on Node and on Deno. */
export const ports: Layer.Layer<Transport | BlockStore | Hasher | ResumeStore | TrackerClient> = Layer
  .mergeAll(
    NodeTransport.layer,
    NodeBlockStore.layer,
    NodeHasher.layer,
    NodeResumeStore.layer,
    TrackerClientHttp.layer,
  )

/** A live session. */
export const layer = (options: Session.SessionOptions): Layer.Layer<Session.Session> =>
  Layer.provide(Session.layer(options), ports)
