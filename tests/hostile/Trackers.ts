/** What the tests of trackers and their URLs share: a client as `shell/Live.ts` composes it, and how it fails. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import type { AnnounceRequest, AnnounceResponse } from "../../core/tracker/Announce.ts"
import * as NodeDatagram from "../../shell/node/NodeDatagram.ts"
import * as NodeHttpClient from "../../shell/node/NodeHttpClient.ts"
import * as TrackerClient from "../../shell/TrackerClient.ts"
import * as TrackerClientHttp from "../../shell/TrackerClientHttp.ts"
import * as TrackerClientUdp from "../../shell/TrackerClientUdp.ts"
import * as UdpScene from "../core/tracker/UdpScene.ts"

export const request: AnnounceRequest = {
  ...UdpScene.request,
  infoHash: Bytes.fromHex("0123456789abcdef0123456789abcdef01234567")!,
}

/** An answer without peers. */
export const empty: Bytes.Bytes = Encode.encode({ interval: 1_800, peers: "" })

/** What names resolve to in a test: each question takes the next answer, and the last one stays. */
export type Names = Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>>

export interface Asking {
  readonly announce: (
    url: string,
    asked?: AnnounceRequest,
  ) => Effect.Effect<AnnounceResponse, TrackerClient.TrackerError>
  /** The failure of an announce, as `reason: message`. */
  readonly failure: (url: string) => Effect.Effect<string, AnnounceResponse>
  readonly scrape: (url: string) => Effect.Effect<string | undefined>
  /** How often a name was resolved. */
  readonly resolved: () => number
}

/** Runs a body with a live client of trackers for which `names` is all that there is of the DNS. */
export const withClient = (
  body: (asking: Asking) => Effect.Effect<void, unknown, Scope.Scope>,
  trust: TrackerClient.Trust = {},
  names: Names = {},
): Promise<void> => {
  const asked = new Map<string, number>()
  const resolve: NodeHttpClient.Resolve = (host, answer) => {
    const answers = names[host]
    const count = asked.get(host) ?? 0
    asked.set(host, count + 1)
    const found = answers?.[Math.min(count, answers.length - 1)]
    // Later, as the system does it.
    setTimeout(
      () =>
        found === undefined
          ? answer(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), [])
          : answer(null, found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))),
      0,
    )
  }
  const layer = TrackerClient.layerByScheme({
    http: Layer.provide(TrackerClientHttp.layer(trust), NodeHttpClient.layerWith(resolve)),
    udp: Layer.provide(TrackerClientUdp.layer(trust), NodeDatagram.layer),
  })
  const program = Effect.flatMap(TrackerClient.TrackerClient, (client) =>
    body({
      announce: (url, asked = request) => client.announce(url, asked),
      failure: (url) =>
        Effect.map(
          Effect.flip(client.announce(url, request)),
          ({ failure }) => `${failure.reason}: ${failure.message}`,
        ),
      scrape: (url) =>
        Effect.match(client.scrape(url, [request.infoHash]), {
          onSuccess: () => undefined,
          onFailure: ({ failure }) => failure.reason,
        }),
      resolved: () => [...asked.values()].reduce((sum, count) => sum + count, 0),
    }))
  return Effect.runPromise(Effect.scoped(Effect.provide(program, layer)))
}
