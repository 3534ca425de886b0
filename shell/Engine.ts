/** What the torrents of a session share: the driver, and where peers are found besides trackers. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import { type Millis, SECOND } from "../core/base/Time.ts"
import type { TorrentId } from "../core/client/Input.ts"
import type { InfoHash } from "../core/metainfo/Metainfo.ts"
import * as Dht from "./Dht.ts"
import type { Driver } from "./Driver.ts"
import type { LocalDiscovery } from "./LocalDiscovery.ts"
import * as Multicast from "./Multicast.ts"

/** Peers are those of trackers and of other peers alone: no DHT, no local network. */
export const layerTrackersOnly: Layer.Layer<Dht.Dht | Multicast.Multicast> = Layer.merge(
  Dht.layerNone,
  Multicast.layerNone,
)

export interface Engine {
  readonly driver: Driver
  /** `undefined`: the user wants none. */
  readonly dht: Dht.DhtNode | undefined
  readonly neighbours: LocalDiscovery | undefined
}

/** Announces a torrent to the local network, and dials who announces it there, until the scope ends. Never a private one. */
export const meetNeighbours = (
  { driver, neighbours }: Engine,
  torrent: TorrentId,
  infoHash: InfoHash,
): Effect.Effect<void, never, Scope.Scope> =>
  neighbours === undefined
    ? Effect.void
    : neighbours.take(infoHash, (address) =>
      driver.push({ _tag: "PeersFound", now: driver.now(), torrent, source: "lsd", addresses: [address] }))

/** An announce of ours is answered by a dial at once, but some clients look at what they have heard every few seconds only. */
const HEARING_MS: Millis = 10 * SECOND

/** How long a torrent is not given up, though nothing that is known promises peers: neighbours need time to answer. */
export const patienceMs = ({ neighbours }: Engine): Millis => neighbours === undefined ? 0 : HEARING_MS

/** Addresses at which there may be a DHT node: those that a torrent names, and peers that a link names (BEP 9). */
export const enterDhtBy = ({ dht }: Engine, addresses: ReadonlyArray<Address>): void => {
  for (const address of addresses) dht?.addNode(address)
}
