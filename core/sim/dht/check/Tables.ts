/** What a routing table must be like, as far as it can be seen in what a node would save and what it tells of itself. */
import { toHex } from "../../../base/Bytes.ts"
import * as IpBytes from "../../../base/IpBytes.ts"
import { type Millis, MINUTE } from "../../../base/Time.ts"
import * as NodeId from "../../../dht/NodeId.ts"
import * as Host from "../Host.ts"
import * as Checker from "./Checker.ts"

const BUCKET_NODES = 8
const NETWORK_NODES = 2
const OPEN_QUERIES = 256

/** By then a node has found somebody, unless all that it was told of are gone. */
const LONELY_MS: Millis = 10 * MINUTE

export const tables = (desk: Checker.Desk): Checker.Checker => {
  const { machine } = desk
  const book = desk.open("tables")
  const isReadOnly = new Map<number, boolean>()
  const look = (host: Host.Host, now: Millis): void => {
    const { node, upAt } = host
    if (node === undefined) return
    book.looks++
    const report = (message: string): void => book.report(host, now, message)
    const contacts = machine.saved(node)
    const stats = machine.stats(node)
    const ownId = machine.id(node)
    const seen = new Set<string>()
    /** Nodes by bucket, by bucket and network, and by bucket and host. */
    const counts = new Map<string, number>()
    const count = (key: string): number => {
      const more = (counts.get(key) ?? 0) + 1
      counts.set(key, more)
      return more
    }
    for (const { address, id } of contacts) {
      const ip = IpBytes.fromText(address.host)!
      // What agrees with our own id in as many bits or more shares the last bucket.
      const bucket = Math.min(NodeId.commonBits(ownId, id), stats.buckets.ipv4 - 1)
      for (const name of [`${address.host}:${address.port}`, toHex(id)]) {
        if (seen.has(name)) report(`${name} is in the table twice`)
        seen.add(name)
      }
      if (toHex(id) === toHex(ownId)) report("its own id is in its table")
      if (count(`${bucket}`) > BUCKET_NODES) report(`more than ${BUCKET_NODES} nodes in bucket ${bucket}`)
      if (count(`${bucket} ${address.host}`) > 1) report(`${address.host} is in bucket ${bucket} twice`)
      if (count(`${bucket} ${ip[0]}.${ip[1]}.${ip[2]}`) > NETWORK_NODES) {
        report(`more than ${NETWORK_NODES} nodes of the network of ${address.host} in bucket ${bucket}`)
      }
      const readOnly = isReadOnly.get(Host.key(ip, 0))
      if (readOnly !== false) {
        report(`${address.host} is in the table, where ${readOnly ? "a read-only node" : "nobody"} is`)
      }
    }
    if (contacts.length !== stats.good + stats.questionable) {
      report(
        `${contacts.length} nodes are saved, of ${stats.good} good and ${stats.questionable} questionable ones`,
      )
    }
    if (stats.openQueries > OPEN_QUERIES) report(`${stats.openQueries} questions are open`)
    if (contacts.length === 0 && upAt + LONELY_MS < now) report("it knows nobody")
  }
  return Checker.of("tables", book, {
    came: (host) => isReadOnly.set(Host.key(host.endpoint, 0), host.isReadOnly),
    paused: (hosts, now) => {
      for (const host of hosts) if (desk.isWatched(host)) look(host, now)
    },
  })
}
