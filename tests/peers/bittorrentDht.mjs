// A node of npm's bittorrent-dht on loopback, steered by lines of JSON on stdin and telling on stdout:
//   {"lookup": HASH}                  {"event": "peer", "infoHash", "peer"} as they come, then {"event": "done", "nodes"}
//   {"announce": HASH, "port": N}     {"event": "announced"} or {"event": "error", "message"}
//   {"put": TEXT}                     {"event": "put", "hash", "nodes"}
//   {"get": HASH}                     {"event": "got", "value"}, null where nobody has it
//   {"size": true}                    {"event": "size", "nodes"}
// Arguments: HOST:PORT of nodes to begin with. It prints {"event": "listening", "port"} first.
import { createInterface } from "node:readline"
import DHT from "bittorrent-dht"

const dht = new DHT({ bootstrap: process.argv.slice(2), host: "127.0.0.1" })
const say = (event, fields = {}) => console.log(JSON.stringify({ event, ...fields }))

dht.on("peer", (peer, infoHash) =>
  say("peer", { infoHash: infoHash.toString("hex"), peer: `${peer.host}:${peer.port}` }))
dht.on("error", ({ message }) => say("error", { message }))
dht.on("warning", ({ message }) => say("warning", { message }))

const told = (event, fields) => (error, value) =>
  error ? say("error", { message: error.message }) : say(event, fields(value))

const run = ({ announce, get, lookup, port, put, size }) => {
  if (lookup !== undefined) dht.lookup(lookup, told("done", (nodes) => ({ nodes })))
  if (announce !== undefined) dht.announce(announce, port, told("announced", () => ({})))
  if (put !== undefined) {
    dht.put({ v: Buffer.from(put) }, (error, hash, nodes) =>
      error ? say("error", { message: error.message }) : say("put", { hash: hash.toString("hex"), nodes }))
  }
  if (get !== undefined) {
    dht.get(get, told("got", (item) => ({ value: item === null ? null : Buffer.from(item.v).toString() })))
  }
  if (size !== undefined) say("size", { nodes: dht.toJSON().nodes.length })
}

createInterface({ input: process.stdin }).on("line", (line) => run(JSON.parse(line)))
dht.listen(0, "127.0.0.1", () => say("listening", { port: dht.address().port }))
