/** What a tracker counts, and how Prometheus and the page for people read it. The hot path adds to plain integers. */
import { VERSION } from "../core/base/Version.ts"
import type { StoreStats } from "./PeerStore.ts"

/** Requests since the start. Mutable, one owner; the sums of several processes are made with {@link sum}. */
export interface Counters {
  httpAnnounces: number
  httpScrapes: number
  /** Announces and scrapes that got a failure reason. */
  httpRefusals: number
  /** Everything else that is served: the pages, the metrics. */
  httpPages: number
  /** What is no request, or asks for what is not there. */
  httpErrors: number
  udpConnects: number
  udpAnnounces: number
  udpScrapes: number
  udpRefusals: number
  /** Packets without an answer: no request at all, or with a connection id that is forged or too old. */
  udpDropped: number
  /** Announces and scrapes, among the refusals, that the store of the swarms could not serve. */
  storeFailures: number
}

export const make = (): Counters => ({
  httpAnnounces: 0,
  httpScrapes: 0,
  httpRefusals: 0,
  httpPages: 0,
  httpErrors: 0,
  udpConnects: 0,
  udpAnnounces: 0,
  udpScrapes: 0,
  udpRefusals: 0,
  udpDropped: 0,
  storeFailures: 0,
})

/** The names of the counters, in the order in which {@link toArray} has them. */
const NAMES = Object.keys(make()) as ReadonlyArray<keyof Counters>

/** The counters as numbers in a fixed order, to be sent to a process of the same version. */
export const toArray = (counters: Counters): Array<number> => NAMES.map((name) => counters[name])

/** Reads what {@link toArray} made; what is missing or no number counts as 0. */
export const fromArray = (values: ReadonlyArray<unknown>): Counters => {
  const counters = make()
  NAMES.forEach((name, index) => {
    const value = values[index]
    counters[name] = typeof value === "number" ? value : 0
  })
  return counters
}

export const sum = (all: Iterable<Counters>): Counters => {
  const total = make()
  for (const one of all) for (const name of NAMES) total[name] += one[name]
  return total
}

/** Everything that was asked, answered or not. */
export const requests = (counters: Counters): number =>
  counters.httpAnnounces + counters.httpScrapes + counters.httpPages + counters.httpErrors +
  counters.udpConnects + counters.udpAnnounces + counters.udpScrapes + counters.udpDropped

/** A tracker at a moment. */
export interface Snapshot {
  readonly counters: Counters
  /** `undefined` while the store can't be asked. */
  readonly store: StoreStats | undefined
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  readonly nowMs: number
  readonly intervalSeconds: number
}

/** The content type of {@link prometheus}. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

/** The text format 0.0.4 of Prometheus. */
export const prometheus = ({ counters, store, startedAtMs }: Snapshot): string => {
  const lines: Array<string> = []
  const metric = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    samples: ReadonlyArray<readonly [labels: string, value: number]>,
  ): void => {
    lines.push(`# HELP shoal_tracker_${name} ${help}`, `# TYPE shoal_tracker_${name} ${type}`)
    for (const [labels, value] of samples) lines.push(`shoal_tracker_${name}${labels} ${value}`)
  }
  metric("info", "gauge", "The program that runs, always 1.", [[`{version="${VERSION}"}`, 1]])
  metric("start_time_seconds", "gauge", "When it started, in seconds since 1970.", [[
    "",
    startedAtMs / 1_000,
  ]])
  metric("announces_total", "counter", "Announces that were read, refused ones included.", [
    [`{protocol="http"}`, counters.httpAnnounces],
    [`{protocol="udp"}`, counters.udpAnnounces],
  ])
  metric("scrapes_total", "counter", "Scrapes that were read, refused ones included.", [
    [`{protocol="http"}`, counters.httpScrapes],
    [`{protocol="udp"}`, counters.udpScrapes],
  ])
  metric("refusals_total", "counter", "Announces and scrapes that were answered with a failure.", [
    [`{protocol="http"}`, counters.httpRefusals],
    [`{protocol="udp"}`, counters.udpRefusals],
  ])
  metric("udp_connects_total", "counter", "Connection ids that were given out.", [["", counters.udpConnects]])
  metric("udp_dropped_total", "counter", "Packets that got no answer: malformed, forged or too late.", [
    ["", counters.udpDropped],
  ])
  metric("http_pages_total", "counter", "Requests for statistics and health.", [["", counters.httpPages]])
  metric("http_errors_total", "counter", "Requests that were malformed or for what is not there.", [
    ["", counters.httpErrors],
  ])
  metric("store_failures_total", "counter", "Announces and scrapes that the store could not serve.", [
    ["", counters.storeFailures],
  ])
  metric("store_up", "gauge", "Whether the store of the swarms answers.", [["", store === undefined ? 0 : 1]])
  if (store !== undefined) {
    metric("swarms", "gauge", "Torrents with peers, each family counted by itself.", [["", store.swarms]])
    metric("peers", "gauge", "Peers in all swarms.", [
      [`{state="seeder"}`, store.seeders],
      [`{state="leecher"}`, store.leechers],
    ])
  }
  return `${lines.join("\n")}\n`
}

/** The same for scripts, as a plain object whose fields keep their names. */
export const json = (snapshot: Snapshot): object => {
  const { counters, store, startedAtMs, nowMs, intervalSeconds } = snapshot
  return {
    version: VERSION,
    uptimeSeconds: Math.round((nowMs - startedAtMs) / 1_000),
    intervalSeconds,
    swarms: store?.swarms ?? null,
    seeders: store?.seeders ?? null,
    leechers: store?.leechers ?? null,
    http: {
      announces: counters.httpAnnounces,
      scrapes: counters.httpScrapes,
      refusals: counters.httpRefusals,
      pages: counters.httpPages,
      errors: counters.httpErrors,
    },
    udp: {
      connects: counters.udpConnects,
      announces: counters.udpAnnounces,
      scrapes: counters.udpScrapes,
      refusals: counters.udpRefusals,
      dropped: counters.udpDropped,
    },
    storeFailures: counters.storeFailures,
  }
}
